"""Emulator, network, runner and feed under every fault, held against the truth.

By default a few seeds; ``MM_SEEDS=100`` runs a hundred, each 300 s of virtual time.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from itertools import pairwise

import attrs
import pytest
from four_venues import VENUES
from kraken_virtual import VirtualKraken, kraken_kits

from mm_framework.capture.clock import RealClock, Stamp
from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.plan import make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.transport import make_transport
from mm_framework.emulator.faults import FAULTS, REQUEST_FAULTS, parse_faults
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import Reason, SyncState
from mm_framework.testing.oracle import FalseBook, Oracle
from mm_framework.testing.simulation import Simulation
from mm_kraken.emulator import KrakenDialect
from mm_kraken.sync import RULES

SEEDS = int(os.environ.get("MM_SEEDS", "4"))

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_under_every_fault_nothing_false_is_served_and_nothing_is_lost_in_silence(seed: int) -> None:
    run = VirtualKraken(seed, rate=5.0)
    result = run.run()
    assert result.stopped_by == "max_seconds"
    assert run.oracle.counts["compared"] > 500
    assert run.oracle.counts["trades"] > 50
    assert result.counts.checksums_failed == 0 or result.counts.epochs > 1


@pytest.mark.parametrize("seed", range(SEEDS))
def test_four_shards_on_a_busy_machine_serve_nothing_false(seed: int) -> None:
    symbols = ("BTC/EUR", "DOGE/EUR", "ETH/EUR", "MINA/GBP", "SOL/EUR", "XRP/EUR")
    run = VirtualKraken(seed, symbols=symbols, rate=2.0, shards=4, busy=True)
    run.run()
    assert run.oracle.counts["compared"] > 1000


def test_all_faults_of_the_emulator_struck_and_were_survived() -> None:
    struck: Counter[str] = Counter()
    for seed in range(4):
        run = VirtualKraken(seed + 1000, rate=10.0, seconds=200)
        run.run()
        struck += run.emulator.truth.faults
    assert {*struck} == {*FAULTS, *KrakenDialect.notices} - REQUEST_FAULTS, "Kraken's capture needs no REST"


def test_without_faults_every_message_is_compared_and_no_loss_is_declared() -> None:
    run = VirtualKraken(5, faults="", rate=10.0, seconds=120)
    result = run.run()
    counts = run.oracle.counts
    assert result.counts.checksums_verified == counts["compared"] > 1000
    assert (result.counts.gaps, result.counts.checksums_failed, result.reconnects["total"]) == (0, 0, 0)
    assert counts["books lost"] == counts["trade gaps"] == 0


def test_the_book_of_a_market_that_was_resolved_ends_whatever_was_lost_before() -> None:
    faults = "resolved:0.02,drop:0.2,reset:0.01,mute:0.1"
    for seed in (14, 28):
        run = Simulation(VENUES["polymarket"], seed, 300.0, faults, 0.1)
        run.run()
        ended = [
            one for one in run.tape.notices if isinstance(one, StateChanged) and one.reason is Reason.ENDED
        ]
        assert {one.new for one in ended} == {SyncState.STOPPED}


# the oracle itself: it finds out what does not check


def careless(seed: int, **changes: object) -> VirtualKraken:
    run = VirtualKraken(seed, rate=10.0, faults="drop:0.02", seconds=120)
    kit = run.kits["kraken"]
    run.kits["kraken"] = attrs.evolve(kit, rules=attrs.evolve(RULES, **changes))
    return run


def test_the_oracle_finds_a_feed_that_does_not_check_its_books() -> None:
    with pytest.raises(FalseBook, match="is SYNCED in epoch 1 with a false book"):
        careless(1, checksum=None, crossed="ignore").run()


def test_the_oracle_finds_a_feed_that_does_not_count_its_trades() -> None:
    with pytest.raises(FalseBook, match="is neither captured nor declared lost"):
        careless(1, trade_ids=False).run()


def test_the_oracle_finds_a_feed_that_trusts_a_silent_book() -> None:
    run = VirtualKraken(1, faults="silent@20", seconds=120, feed_settings=FeedSettings(stream_idle_s=1e6))
    run.oracle.patience_ns = 40_000_000_000
    with pytest.raises(FalseBook, match="is SYNCED although it heard nothing"):
        run.run()


# in real time, over real sockets


@pytest.mark.parametrize("transport", ["websockets", "picows"])
def test_in_real_time_nothing_false_is_served(transport: str) -> None:
    pytest.importorskip(transport)
    seconds = 10.0 if SEEDS >= 100 else 3.2
    dialect = KrakenDialect()
    emulator = VenueEmulator(
        dialect,
        [dialect.listing("BTC/EUR"), dialect.listing("MINA/GBP")],
        seed=7,
        settings=MarketSettings(rate=100.0, levels=60),
        faults=parse_faults(
            "drop:0.003,repeat:0.003,reorder:0.003,corrupt:0.003,checksum@1,reset@1.5,disconnect@2.5"
        ),
        start_ns=time.monotonic_ns(),
        wall_ns=time.time_ns(),
        truth=TruthLog(levels=10),
    )
    oracle = Oracle(emulator, patience_ns=60_000_000_000)
    kits = kraken_kits()

    async def main() -> CaptureResult:
        async with EmulatorServer(emulator) as server:
            plan = make_plan(
                ["kraken:BTC/EUR", "kraken:MINA/GBP"],
                {"kraken": kits["kraken"].adapter},
                endpoints=Endpoints.parse([server.url]),
            )
            run = Capture(
                plan,
                kits,
                make_transport(transport),
                stamp=Stamp(RealClock()),
                settings=CaptureSettings(reconnect_backoff_s=0.1),
                feed_settings=FeedSettings(stable_s=0.2, resync_backoff_s=0.1),
                listeners=[oracle],
            )
            return await run.run(seconds)

    result = asyncio.run(main())
    assert result.reconnects["total"] == 2
    assert oracle.counts["compared"] > 50 * seconds
    assert result.counts.checksums_failed >= 1


def test_the_same_seed_gives_the_same_run() -> None:
    def stamps(seed: int) -> list[tuple[int, bytes]]:
        kept: list[tuple[int, bytes]] = []

        class Keep:
            done = False

            def on_output(self, shard: int, record: bytes, mono_ns: int, output: object) -> None:
                kept.append((shard, record))

            def next_timer_ns(self) -> int | None:
                return None

            def on_end(self, mono_ns: int) -> None:
                assert all(a[1] != b[1] for a, b in pairwise(kept))

        VirtualKraken(seed, seconds=60, busy=True, listeners=[Keep()]).run()
        return kept

    assert stamps(3) == stamps(3)
