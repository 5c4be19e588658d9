"""What `run.py` measures: the public entry points of the data path, each on a recording of `content`."""

from __future__ import annotations

import itertools
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
from content import SHARD, Content, load
from reference import Books, Messages
from venues import KITS

from mm_framework.bundle.frames import LogWriter, ShardReader
from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.seal import seal
from mm_framework.bundle.verify import verify
from mm_framework.capture.clock import RealClock, Stamp
from mm_framework.capture.metrics import ShardMeter
from mm_framework.capture.recorder import LastRecords, Recorder
from mm_framework.contracts.normalizer import ConnectionInfo
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed import Feed, FeedConfig, Output, VenueKit
from mm_framework.model.frame import Block, RecordKind, encode_json, encode_record, iter_records
from mm_framework.replay.source import replay
from mm_kraken.normalizer import KrakenNormalizer

__all__ = ["Workload", "workloads"]

LOG_TURNS: Final = 20
"""A log is of so many times the recording: of a short one, to sync it is most of the time."""
LIVE_FRAMES_PER_S: Final = 5000
LIVE_FRAMES_MAX: Final = 10_000
TELEMETRY_FRAMES: Final = 100_000
UNPROVED: Final = {
    venue: VenueKit(KITS[venue].adapter, KITS[venue].normalizer, SyncRules(crossed="ignore"))
    for venue in ("kraken", "polymarket")
}

OTHERS: Final = {
    "binance": "updates of a whole Binance book, numbered",
    "bitfinex": "Bitfinex books, numbered, a checksum a second",
    "bitfinex_seq": "the same without times and checksums",
    "polymarket": "changes of two Polymarket books, the hash of each whole book in each frame",
}


@attrs.frozen
class Workload:
    """One measurement: ``run`` works through ``amount`` of ``unit``.

    It returns None, and is measured as a rate, or the nanoseconds of each one, of which percentiles are
    told.
    """

    name: str
    unit: str
    amount: int
    what: str
    run: Callable[[], list[int] | None]

    def warm(self) -> None:
        """Run it unmeasured."""
        self.run()

    def measure(self, least_s: float, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
        """Figures by name; a rate is taken over as many runs as ``least_s`` of ``clock`` holds."""
        start = clock()
        spans, runs = self.run(), 1
        if spans is not None:
            spans.sort()
            return {f"{self.name}_p{q}": spans[len(spans) * q // 100] / 1000 for q in (50, 99)}
        while (elapsed := clock() - start) < least_s:
            self.run()
            runs += 1
        return {self.name: runs * self.amount / elapsed}


def workloads(folder: Path, own: Path) -> list[Workload]:
    """All measurements on the recordings in ``folder``; what they write goes to ``own``."""
    book10, book25, deep, mixed, prints = (
        load(folder, name) for name in ("book10", "book25", "deep", "mixed", "prints")
    )
    return [
        *_parts(mixed),
        _feed("scan", prints, "trades and tickers through Feed: bytes to rows, no book"),
        _feed("deltas", deep, "book updates through Feed, no checksum", UNPROVED),
        _feed("feed_deep", deep, "the same with the checksum of each message"),
        _feed("feed_book10", book10, "book updates of depth 10 through Feed, with checksum"),
        _feed("feed_book25", book25, "book updates of depth 25 through Feed, with checksum"),
        _feed("feed_mixed", mixed, "two books of depth 25, trades and tickers through Feed"),
        *_log(mixed, own),
        *_sealed(mixed, own),
        _verify(book10),
        _verify(book25),
        _verify(mixed),
        *_others(folder),
        Workload(
            "replay",
            "records",
            len(mixed.records),
            "a run replayed to a listener that does nothing",
            lambda: _none(replay(mixed.run, KITS, _Listener())),
        ),
        Workload(
            "feed_one",
            "us",
            len(book10.records),
            "one record a call of Feed, in a tight loop, depth 10",
            lambda: _feed_one(book10),
        ),
        _live(book10, own),
        Workload(
            "telemetry",
            "frames",
            TELEMETRY_FRAMES,
            "what a live frame costs more for metrics and for the last records of a fatal run",
            lambda: _telemetry(book10.records[0]),
        ),
    ]


def _telemetry(record: bytes) -> None:
    """Two readings of the clock, three samples, a reference kept; percentiles once a thousand frames."""
    meter, last, now = ShardMeter(1024), LastRecords(), RealClock().mono_ns
    for number in range(TELEMETRY_FRAMES):
        received_ns = 0
        last.add(record)
        parsed_ns = now()
        meter.frame(len(record), received_ns, parsed_ns, now())
        if number % 1000 == 0:
            meter.take()


def _others(folder: Path) -> list[Workload]:
    """The books of the other venues: through `Feed`, and verified."""
    result = []
    for name, what in OTHERS.items():
        content = load(folder, name)
        size, n_levels = _mean(content)
        text = f"through Feed: {what}; {size:.0f} bytes and {n_levels:.1f} levels a frame in the mean"
        result += [_feed(f"feed_{name}", content, text), _verify(content)]
    result.append(_price_changes(load(folder, "polymarket")))
    return result


def _price_changes(content: Content) -> Workload:
    """Polymarket's changes without the hashes, which cost more than all the rest."""
    _, n_levels = _mean(content)
    scanned = _feed("scan_polymarket", content, "", UNPROVED)
    text = "price changes of two Polymarket books through Feed: scanned and applied, no hash compared"
    return attrs.evolve(scanned, unit="changes", amount=round(n_levels * len(content.frames)), what=text)


def _mean(content: Content) -> tuple[float, float]:
    """Bytes and levels of a frame."""
    counts = verify(content.run, KITS).counts
    return statistics.mean(map(len, content.frames)), counts.levels / len(content.frames)


def _parts(content: Content) -> list[Workload]:
    """Two steps of the reference path alone; they run no kernel, so their ratio shows the noise."""
    books = Books.of(content.frames, depth=25)
    return [
        Workload(
            "decode",
            "frames",
            len(content.frames),
            "frame bytes to texts by the venue's normalizer; in no mode a kernel",
            lambda: _decode(content.frames),
        ),
        Workload(
            "book_checksum",
            "messages",
            len(books.messages),
            "integers into a Python book, checksum after each message; in no mode a kernel",
            books.apply,
        ),
    ]


def _decode(frames: Sequence[bytes]) -> None:
    normalizer, connection, out = KrakenNormalizer(), ConnectionInfo(0, ""), Messages()
    for frame in frames:
        normalizer.decode(frame, connection, out)
        out.messages.clear()


def _feed(name: str, content: Content, what: str, kits: Mapping[str, VenueKit] = KITS) -> Workload:
    blocks = content.blocks()

    def run() -> None:
        feed = Feed(kits, SHARD)
        for block in blocks:
            feed.feed(block)
        if feed.counts.checksums_failed or feed.counts.gaps or feed.counts.malformed:
            raise RuntimeError(f"{name}: the recording is not clean: {feed.counts}")

    return Workload(name, "records", len(content.records), what, run)


def _verify(content: Content) -> Workload:
    def run() -> None:
        report = verify(content.run, KITS)
        if not report.ok:
            raise RuntimeError(f"{content.name}: {report.failures[0].text}")

    name, what = f"verify_{content.name}", f"the whole of mm verify, CRC of the log included, {content.name}"
    return Workload(name, "records", len(content.records), what, run)


def _turns(records: Sequence[bytes], turns: int) -> list[bytes]:
    """The same records several times, each turn later than the one before."""
    decoded = [next(iter_records(record)) for record in records]
    first, last = decoded[0], decoded[-1]
    span_ns = last.mono_ns - first.mono_ns + 1
    return [
        encode_record(
            one.kind,
            bytes(one.payload),
            connection=one.connection,
            index=one.index + turn * len(records),
            mono_ns=one.mono_ns + turn * span_ns,
            wall_ns=one.wall_ns + turn * span_ns,
            flags=one.flags,
        )
        for turn in range(turns)
        for one in decoded
    ]


def _log(content: Content, folder: Path) -> list[Workload]:
    records, numbers = content.records, itertools.count()
    megabytes = sum(map(len, records)) / 1e6
    appended = _turns(records, LOG_TURNS)

    def write() -> None:
        path = folder / f"log{next(numbers)}"
        path.mkdir()
        log = LogWriter(path, SHARD, wall0_ns=0, mono0_ns=0)
        for encoded in appended:
            log.append(encoded)
        log.close()
        shutil.rmtree(path)

    def check() -> None:
        for _ in ShardReader(content.run.path / "capture", SHARD).blocks():
            pass

    return [
        Workload(
            "log_write",
            "records",
            len(appended),
            f"records appended to a new log of {LOG_TURNS * megabytes:.0f} MB, synced at its end",
            write,
        ),
        Workload(
            "log_walk", "records", len(records), f"records of a log read with CRC, {megabytes:.1f} MB", check
        ),
    ]


def _sealed(content: Content, folder: Path) -> list[Workload]:
    """A finished run sealed, and its log read from the seal."""
    path, numbers = folder / "sealed", itertools.count()
    shutil.copytree(content.run.path, path)
    report = seal(path).to_json()
    raw, small = report["raw_bytes"] / 1e6, report["sealed_bytes"] / 1e6

    def write() -> None:
        copy = folder / f"seal{next(numbers)}"
        shutil.copytree(content.run.path, copy)
        seal(copy)
        shutil.rmtree(copy)

    def walk() -> None:
        for _ in ShardReader(path / "capture", SHARD).blocks():
            pass

    size = f"{raw:.1f} MB that become {small:.1f} MB"
    return [
        Workload("seal", "records", len(content.records), f"mm seal of a log, proof included, {size}", write),
        Workload("seal_walk", "records", len(content.records), f"records of a sealed log read, {size}", walk),
    ]


def _feed_one(content: Content) -> list[int]:
    feed, clock, spans = Feed(KITS, SHARD), time.perf_counter_ns, []
    for encoded in content.records:
        start = clock()
        feed.feed(encoded)
        spans.append(clock() - start)
    return spans


def _live(content: Content, folder: Path) -> Workload:
    frames = content.frames[:LIVE_FRAMES_MAX]
    numbers = itertools.count()
    what = (
        f"a live frame from receive to listener (stamp, log, Feed), {LIVE_FRAMES_PER_S} frames/s,"
        " depth 10, no socket"
    )
    return Workload(
        "live", "us", len(frames), what, lambda: _run_live(frames, folder / f"live{next(numbers)}")
    )


def _run_live(frames: Sequence[bytes], path: Path) -> list[int]:
    stamp = Stamp(RealClock())
    wall0_ns, mono0_ns = stamp.wall0_ns, stamp.mono0_ns
    manifest = Manifest(
        run_id=path.name,
        state="running",
        created="",
        wall0_ns=wall0_ns,
        mono0_ns=mono0_ns,
        shards=(ShardInfo(SHARD, "kraken"),),
        made_by="benchmarks",
    )
    writer = RunWriter.create(path, manifest, threaded=True)
    config = FeedConfig(venue="kraken", wall0_ns=wall0_ns, mono0_ns=mono0_ns, discover=True, live=False)
    recorder = Recorder([config], KITS, stamp, writer, [_Listener()], lambda *_: None)
    recorder.start()
    recorder.record(SHARD, RecordKind.OPEN, encode_json({"url": "ws://emulated.invalid", "attempt": 1}))
    clock, spans = time.perf_counter_ns, []
    due = clock()
    for frame in frames:
        due += 1_000_000_000 // LIVE_FRAMES_PER_S
        if (pause := due - clock()) > 0:
            time.sleep(pause / 1e9)
        start = clock()
        recorder.record(SHARD, RecordKind.FRAME, frame)
        spans.append(clock() - start)
    recorder.stop("end")
    writer.close()
    shutil.rmtree(path)
    return spans


class _Listener:
    """Hears a capture or a replay and does nothing."""

    done = False

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        pass

    def restore(self, feed: Feed, mono_ns: int) -> None:
        pass

    def next_timer_ns(self) -> int | None:
        return None

    def on_end(self, mono_ns: int) -> None:
        pass


def _none(_: object) -> None:
    pass
