"""The compiled `Feed` is the reference `Feed`: on recordings of Kraken, and on emulated runs with faults.

By default 20 short emulated runs; ``MM_SEEDS=1000`` takes so many.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import open_run
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed import Feed, FeedSettings, VenueKit
from mm_framework.feed.output import Output
from mm_framework.kernels.mode import mode
from mm_framework.model.frame import RecordKind

pytest.importorskip("numba")
pytest.importorskip("mm_kraken")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from feed_desk import checkpoint_record, read
from kraken_virtual import VirtualKraken
from twin import PLAIN, STRICT, Market, Twin, kits_with, kraken_log, twin_over

SEEDS = int(os.environ.get("MM_SEEDS", "20"))

pytestmark = pytest.mark.timeout(300)

RECORDINGS = [
    ("v2_book25_MINA-GBP_20260816.ndjson",),
    ("v2_book10_BTC-USD_20230730_restored.ndjson.gz",),
    ("v2_book10_BTC-USD_20230730_asfound.json.gz",),
    ("v1_book1000_5pairs_20210417.ndjson.gz",),
    ("v1_trade_5pairs_20210417.ndjson.gz",),
    ("v1_ticker_5pairs_20210417.ndjson.gz",),
    ("rest_asset_pairs_20210417.ndjson.gz", "v1_book1000_5pairs_20210417.ndjson.gz",
     "v1_trade_5pairs_20210417.ndjson.gz", "v1_ticker_5pairs_20210417.ndjson.gz"),
    ("single_frames_cryptocrawler_a.ndjson",),
]  # fmt: skip
LOOSE = SyncRules(crossed="ignore", trade_ids=True)
FAULTS = (
    "drop:0.01,repeat:0.01,reorder:0.01,corrupt:0.01,checksum:0.005,silent:0.05,mute:0.1,half-open:0.02,"
    "reset:0.05,disconnect:0.05,slow:0.02,skew:0.05,jump:0.05"
)


def from_the_middle(kits: dict[str, VenueKit], records: list[bytes], draw: random.Random, end: bytes) -> None:
    """From a checkpoint at any record both paths go on alike, and end as the one that saw it all."""
    place = draw.randrange(1, len(records) - 1)
    feed = Feed(kits)
    read(feed, records[:place])
    saved = feed.checkpoint()
    reference = Feed(kits, reference=True)
    read(reference, records[:place], [place // 2])
    assert saved == reference.checkpoint()
    twin, _ = twin_over(kits, [checkpoint_record(saved, records[place - 1]), *records[place:]], draw)
    assert twin.compiled.checkpoint() == end


@pytest.mark.parametrize(
    "names", RECORDINGS, ids=lambda names: f"{names[0].partition('.')[0]} of {len(names)}"
)
def test_recordings_are_read_alike_by_both_paths(
    shared_data: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = tuple(shared_data / "kraken" / name for name in names)
    request = ImportRequest(files, "kraken", tmp_path / "run")
    import_recording(request, kits_with(STRICT)["kraken"], created="2026-11-21T00:00:00Z", made_by="test")
    records = [bytes(record) for _, record in open_run(request.out).records()]
    draw = random.Random(names[0])
    for rules in (STRICT, PLAIN, LOOSE) if len(records) < 1000 else (STRICT,):
        kits = kits_with(rules)
        twin, said = twin_over(kits, records, draw, most=draw.choice([1, 5, 60, 1000]))
        assert said.messages or "single" in names[0]
        if len(names) == 1:
            from_the_middle(kits, records, draw, twin.reference.checkpoint())
        counts = twin.compiled.counts
        if "book" in names[0] and counts.data > 20:
            assert twin.slow < counts.frames / 4


class Tape:
    """Keeps the records of a run. Implements `capture.recorder.Listener`."""

    done = False

    def __init__(self) -> None:
        self.records: dict[int, list[bytes]] = {}

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        self.records.setdefault(shard, []).append(bytes(record))

    def next_timer_ns(self) -> int | None:
        return None

    def on_end(self, mono_ns: int) -> None:
        assert self.records


def emulated(seed: int) -> list[bytes]:
    """The log of some seconds of an emulated Kraken at its worst."""
    draw, tape = random.Random(f"equal/{seed}"), Tape()
    settings = FeedSettings(
        stream_idle_s=draw.choice([2.0, 20.0]),
        ack_timeout_s=draw.choice([1.0, 10.0]),
        stable_s=draw.choice([0.5, 5.0]),
        resync_backoff_s=0.2,
        unverified_retry_s=2.0,
    )
    run = VirtualKraken(
        seed,
        seconds=draw.choice([5, 8, 15]),
        faults=draw.choice(["", FAULTS, FAULTS]),
        symbols=draw.sample(["BTC/EUR", "MINA/GBP", "ETH/EUR", "DOGE/EUR"], draw.randint(1, 3)),
        rate=draw.choice([5.0, 20.0, 40.0]),
        busy=draw.random() < 0.3,
        depth=draw.choice([10, 25]),
        channels=draw.choice([("book",), ("book", "trade"), ("book", "trade", "ticker")]),
        feed_settings=settings,
        listeners=[tape],
    )
    run.run()
    (records,) = tape.records.values()
    return records


@pytest.mark.parametrize("seed", range(SEEDS))
def test_emulated_runs_are_read_alike_by_both_paths(seed: int) -> None:
    records, draw = emulated(seed), random.Random(seed)
    kits = kits_with(draw.choice([STRICT, STRICT, PLAIN, SyncRules()]))
    twin, _ = twin_over(kits, records, draw, most=draw.choice([1, 10, 100]))
    from_the_middle(kits, records, draw, twin.reference.checkpoint())


def test_the_scanner_reads_most_of_an_emulated_run_without_faults() -> None:
    tape = Tape()
    VirtualKraken(
        3, seconds=20, faults="", rate=20.0, channels=("book", "trade", "ticker"), listeners=[tape]
    ).run()
    twin, said = twin_over(kits_with(STRICT), tape.records[0], random.Random(1))
    assert twin.slow < twin.compiled.counts.frames / 4
    assert len(said.messages) > 200


def test_records_that_are_no_frames_may_stand_anywhere() -> None:
    draw, log = random.Random(5), kraken_log()
    markets = [Market(), Market("MINA/GBP", "0.0500")]
    others = [(RecordKind.TICK, b""), (RecordKind.CLOCK, b'{"before_ns":1,"after_ns":2}'), (RecordKind.HTTP,
    b""),
              (RecordKind.SENT, b'{"method":"ping","req_id":7}'), (RecordKind.DROP, b'{"count":1,"bytes":9}'),
              (RecordKind.CHECKPOINT, b"{}")]  # fmt: skip
    for market in markets:
        for frame in market.introduction():
            log.frame(frame)
    for _ in range(400):
        market, roll = draw.choice(markets), draw.random()
        if roll < 0.1:
            kind, payload = draw.choice(others)
            log.add(kind, payload, draw.choice([0, 0, 1, 60000]), draw.choice([None, 10**9, 30 * 10**9]))
        elif roll < 0.15:
            log.frame(market.snapshot(), draw.choice([0, 0, 1, 7]))
        elif roll < 0.2:
            log.open(draw.choice([1, 7, 300]), "wss://ws.kraken.com/v2")
        elif roll < 0.23:
            log.lost(connection=draw.choice([1, 7, 300]))
        else:
            made = (market.update, market.trade, market.ticker, market.ticker_v1, market.trade_v1)
            log.frame(
                draw.choice(made)(), draw.choice([0, 0, 0, 1, 65535]), draw.choice([None, 10**9, 20 * 10**9])
            )
    log.stop()
    log.frame(markets[0].update())
    for rules in (STRICT, PLAIN):
        twin, said = twin_over(kits_with(rules), log.records, draw)
        assert said.commands
        from_the_middle(kits_with(rules), log.records, draw, twin.reference.checkpoint())


def test_a_feed_without_kernels_is_the_reference() -> None:
    twin = Twin(kits_with(PLAIN))
    assert twin.reference.fallbacks == {}
    twin.take(kraken_log().records)
    assert twin.slow == 0
