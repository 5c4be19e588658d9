"""What `run.py` measures: the steps of the reference path, each on the same emulated recording."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from mm_framework.bundle.frames import LogWriter, ShardReader
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.verify import verify
from mm_framework.contracts.normalizer import ConnectionInfo, Control
from mm_framework.emulator.settings import MarketSettings
from mm_framework.feed import Feed, Output, VenueKit
from mm_framework.model.book import OrderBook
from mm_framework.model.events import NULL
from mm_framework.model.fixed import decimals_of, parse
from mm_framework.model.frame import Block
from mm_framework.replay.source import replay
from mm_framework.sync.checksum import checksum
from mm_framework.testing.recordings import record, write_recorder
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES

__all__ = ["Workload", "workloads"]

SHARD = 0
SCALES = (10, 8)
DEPTH = 25
MARKET = MarketSettings(rate=150.0, levels=80)


@attrs.frozen
class Workload:
    """One measurement: ``run`` works through ``amount`` of ``unit``."""

    name: str
    unit: str
    amount: int
    what: str
    run: Callable[[], object]


def workloads(folder: Path, seconds: float) -> list[Workload]:
    """All measurements, on ``seconds`` of an emulated feed; files go to ``folder``."""
    kit = VenueKit(KrakenAdapter(), KrakenNormalizer(), RULES)
    recording = record(
        kit.adapter,
        KrakenDialect(),
        ["kraken:BTC/EUR", "kraken:ADA/EUR"],
        depth=DEPTH,
        seconds=seconds,
        market=MARKET,
    )
    frames = [item.payload for item in recording if not item.sent]
    request = ImportRequest((write_recorder(recording, folder / "recording"),), "kraken", folder / "run")
    import_recording(request, kit, created="", made_by="benchmarks")
    run = open_run(folder / "run")
    records = [bytes(encoded) for _, encoded in run.records()]
    books = _Books.of(frames)
    megabytes = sum(map(len, records)) / 1e6
    numbers = itertools.count()
    return [
        Workload("decode", "frames", len(frames), "frame bytes to texts", lambda: _decode(frames)),
        Workload(
            "book_checksum",
            "messages",
            len(books.messages),
            f"integers into a book of depth {DEPTH}, checksum after each message",
            books.apply,
        ),
        Workload(
            "feed", "records", len(records), "records in memory through Feed", lambda: _feed(kit, records)
        ),
        Workload(
            "log_write",
            "records",
            len(records),
            "records appended to a new log, synced at its end",
            lambda: _write_log(folder / f"log{next(numbers)}", records),
        ),
        Workload(
            "log_check",
            "records",
            len(records),
            f"records read with CRC, {megabytes:.1f} MB",
            lambda: _check_log(run),
        ),
        Workload(
            "verify", "records", len(records), "the whole of mm verify", lambda: verify(run, {"kraken": kit})
        ),
        Workload(
            "replay",
            "records",
            len(records),
            "a run replayed to a listener that does nothing",
            lambda: replay(run, {"kraken": kit}, _Listener()),
        ),
    ]


def _decode(frames: Sequence[bytes]) -> None:
    normalizer, connection, out = KrakenNormalizer(), ConnectionInfo(0, ""), _Messages()
    for frame in frames:
        normalizer.decode(frame, connection, out)
        out.messages.clear()


def _feed(kit: VenueKit, records: Sequence[bytes]) -> None:
    feed = Feed({"kraken": kit}, SHARD)
    for encoded in records:
        feed.feed(encoded)


def _write_log(folder: Path, records: Sequence[bytes]) -> None:
    folder.mkdir()
    log = LogWriter(folder, SHARD, wall0_ns=0, mono0_ns=0)
    for encoded in records:
        log.append(encoded)
    log.close()


def _check_log(run: Run) -> None:
    for _ in ShardReader(run.path / "capture", SHARD).blocks():
        pass


class _Messages:
    """A `MessageWriter` that keeps book messages: (symbol, snapshot, levels, checksum)."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bool, list[tuple[int, str, str]], int]] = []
        self._open = ("", False)
        self._levels: list[tuple[int, str, str]] = []

    def begin(self, channel: str, carries: str, venue_symbol: str, *, snapshot: bool = False) -> bool:
        self._open, self._levels = (venue_symbol, snapshot), []
        return True

    def level(self, side: int, price: str, size: str) -> None:
        self._levels.append((side, price, size))

    def trade(self, side: int, price: str, size: str, trade_id: int = NULL, ts_venue_ns: int = NULL) -> None:
        pass

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        pass

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
    ) -> None:
        if checksum != NULL:
            self.messages.append((*self._open, self._levels, checksum))

    def control(self, event: Control) -> None:
        pass


@attrs.frozen
class _Books:
    """Book messages as integers, with the decimals that each symbol's checksum prints."""

    messages: list[tuple[str, bool, list[tuple[int, int, int]], int]]
    decimals: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, frames: Sequence[bytes]) -> _Books:
        out, normalizer = _Messages(), KrakenNormalizer()
        for frame in frames:
            normalizer.decode(frame, ConnectionInfo(0, ""), out)
        messages, decimals = [], {}
        for symbol, snapshot, levels, crc in out.messages:
            integers = [
                (side, parse(price, SCALES[0]), parse(size, SCALES[1])) for side, price, size in levels
            ]
            messages.append((symbol, snapshot, integers, crc))
            if snapshot:
                _, price, size = levels[0]
                decimals[symbol] = (decimals_of(price), decimals_of(size))
        return cls(messages, decimals)

    def apply(self) -> None:
        """Every message into its book; each checksum must be the venue's."""
        assert RULES.checksum is not None
        books = {symbol: OrderBook() for symbol in self.decimals}
        for symbol, snapshot, levels, crc in self.messages:
            book = books[symbol]
            if snapshot:
                book.clear()
            for side, price, size in levels:
                book.apply(side, price, size)
            book.truncate(DEPTH)
            if checksum(RULES.checksum, book, SCALES, self.decimals[symbol]) != crc:
                raise RuntimeError(f"the emulator and the checksum engine disagree on {symbol}")


class _Listener:
    """Hears a replay and does nothing."""

    done = False

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        pass

    def restore(self, feed: Feed, mono_ns: int) -> None:
        pass

    def on_end(self, mono_ns: int) -> None:
        pass
