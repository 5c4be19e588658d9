"""The emulated Kraken captured on virtual time: emulator, network, runner and oracle, all from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.memory import MemoryTransport
from mm_framework.capture.plan import Deal, Plan, make_plan
from mm_framework.capture.recorder import Listener
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.testing.emulated import EmulatedVenue
from mm_framework.testing.oracle import Oracle
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES

__all__ = ["ALL_FAULTS", "VirtualKraken", "kraken_kits"]

MS = 1_000_000
S = 1_000_000_000

ALL_FAULTS = "all"
"""Every fault of the core and of Kraken, at rates that let each strike in 300 s and leave time between."""


def kraken_kits() -> dict[str, VenueKit]:
    """The kit of the plugin, as it is by default."""
    return {"kraken": VenueKit(KrakenAdapter(), KrakenNormalizer(), RULES)}


def busy_machine(seed: int) -> Callable[[], int]:
    """Mostly in time, often some milliseconds late, now and then a second or several."""
    draw = random.Random(f"{seed}/busy")

    def delay() -> int:
        chance = draw.random()
        if chance < 0.9:
            return 0
        if chance < 0.99:
            return draw.randrange(20 * MS)
        return draw.randrange(1500 * MS) if chance < 0.9995 else draw.randrange(8 * S)

    return delay


def jittery_network(seed: int) -> Callable[[], int]:
    """Latencies around 15 ms with a long tail."""
    draw = random.Random(f"{seed}/network")
    return lambda: 5 * MS + round(draw.expovariate(1 / 10) * MS)


@attrs.define
class VirtualKraken:
    """One run. ``busy``: the machine is late; ``record``: the new bundle's folder."""

    seed: int
    seconds: float = 300.0
    faults: str = ALL_FAULTS
    symbols: Sequence[str] = ("BTC/EUR", "MINA/GBP")
    rate: float = 2.0
    levels: int = 40
    trade_share: float = 0.06
    shards: int = 1
    deal: Deal | None = None
    busy: bool = False
    depth: int = 10
    channels: Sequence[str] = ("book", "trade")
    record: Path | None = None
    feed_settings: FeedSettings = attrs.field(factory=lambda: FeedSettings(stream_idle_s=20.0, stable_s=5.0))
    listeners: Sequence[Listener] = ()

    clock: VirtualClock = attrs.field(factory=VirtualClock, init=False)
    emulator: VenueEmulator = attrs.field(init=False)
    oracle: Oracle = attrs.field(init=False)
    kits: dict[str, VenueKit] = attrs.field(factory=kraken_kits, init=False)

    def __attrs_post_init__(self) -> None:
        dialect = KrakenDialect()
        self.emulator = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in self.symbols],
            seed=self.seed,
            settings=MarketSettings(rate=self.rate, levels=self.levels, trade_share=self.trade_share),
            faults=parse_faults(self.faults, notices_of(dialect)),
            start_ns=self.clock.now_ns,
            wall_ns=self.clock.wall_ns(),
            truth=TruthLog(levels=10),
        )
        settings = self.feed_settings
        patience_s = settings.stream_idle_s + settings.ack_timeout_s + 10 + (10 if self.busy else 0)
        self.oracle = Oracle(self.emulator, patience_ns=round(patience_s * S))

    @property
    def plan(self) -> Plan:
        """What is captured, dealt out by the test."""
        return make_plan(
            [f"kraken:{symbol}" for symbol in self.symbols],
            {venue: kit.adapter for venue, kit in self.kits.items()},
            channels=self.channels,
            depth=self.depth,
            shards=self.shards,
            deal=self.deal,
        )

    def run(self) -> CaptureResult:
        """Capture to the end; raises what the oracle raises."""
        transport = MemoryTransport(EmulatedVenue(self.emulator), self.clock, jittery_network(self.seed))
        stamp = Stamp(self.clock)

        async def main() -> CaptureResult:
            capture = Capture(
                self.plan,
                self.kits,
                transport,
                stamp=stamp,
                settings=CaptureSettings(jitter_seed=self.seed + 1, first_attempts=0),
                feed_settings=self.feed_settings,
                writer=self._writer(stamp),
                listeners=[self.oracle, *self.listeners],
            )
            return await capture.run(self.seconds)

        delay = busy_machine(self.seed) if self.busy else None
        return run_virtual(main, self.clock, delay=delay)

    def _writer(self, stamp: Stamp) -> RunWriter | None:
        if self.record is None:
            return None
        manifest = Manifest(
            run_id=self.record.name,
            state="running",
            created="2026-11-21T00:00:00Z",
            wall0_ns=stamp.wall0_ns,
            mono0_ns=stamp.mono0_ns,
            shards=tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in self.plan.shards),
            made_by="tests",
        )
        return RunWriter.create(self.record, manifest)
