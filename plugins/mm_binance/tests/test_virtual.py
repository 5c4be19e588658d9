"""Captures of the emulated venue on virtual time: books stay the venue's through losses, bans, old copies."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mm_binance.emulator import BinanceDialect
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import SPOT, USDM, Market
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.memory import MemoryTransport
from mm_framework.capture.plan import make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.testing.emulated import EmulatedVenue
from mm_framework.testing.oracle import Oracle

S = 1_000_000_000
NAMES = (
    "ADAEUR", "BNBUSDT", "BTCEUR", "BTCUSDT", "COMPUSDT", "CRVUSDT", "DOGEUSDT",
    "ETHBTC", "ETHUSDT", "LRCBTC", "LTCBRL", "NKNUSDT", "SOLUSDT", "XEMUSDT",
    "ATOMUSDT", "AVAXUSDT", "DOTUSDT", "LINKUSDT", "NEARUSDT", "XLMUSDT",
)  # fmt: skip


class World:
    """An emulated market, and a capture of it that the oracle watches."""

    def __init__(
        self,
        kit: VenueKit,
        market: Market = SPOT,
        symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"),
        *,
        faults: str = "",
        rest: BinanceEmulatorSettings | None = None,
        seed: int = 1,
        rate: float = 4.0,
    ) -> None:
        self.kit, self.market, self.seed = kit, market, seed
        self.clock = VirtualClock()
        dialect = BinanceDialect(market, rest)
        self.symbols = [f"{market.venue}:{symbol}" for symbol in symbols]
        self.emulator = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in symbols],
            seed=seed,
            settings=MarketSettings(rate=rate, levels=40),
            faults=parse_faults(faults),
            start_ns=self.clock.now_ns,
            wall_ns=self.clock.wall_ns(),
            truth=TruthLog(levels=10),
        )
        self.oracle = Oracle(self.emulator, book="depth", patience_ns=60 * S, cut=False)

    def run(self, seconds: float) -> CaptureResult:
        draw = random.Random(f"{self.seed}/network")
        transport = MemoryTransport(
            EmulatedVenue(self.emulator), self.clock, lambda: round((5 + draw.expovariate(0.1)) * 1e6)
        )
        plan = make_plan(
            self.symbols, {self.market.venue: self.kit.adapter}, channels=[self.kit.adapter.channels[0].name]
        )

        async def main() -> CaptureResult:
            capture = Capture(
                plan,
                {self.market.venue: self.kit},
                transport,
                stamp=Stamp(self.clock),
                settings=CaptureSettings(jitter_seed=self.seed, first_attempts=0),
                feed_settings=FeedSettings(stream_idle_s=20.0, stable_s=5.0),
                writer=None,
                listeners=[self.oracle],
            )
            return await capture.run(seconds)

        return run_virtual(main, self.clock, delay=None)

    @property
    def refused(self) -> dict[int, int]:
        """Requests that the venue refused, by status."""
        refused: dict[int, int] = self.emulator._frontend.rest.weights.refused  # type: ignore[attr-defined]
        return refused


Kit = Callable[[Market], Any]


@pytest.mark.parametrize("market", [SPOT, USDM], ids=lambda market: market.venue)
def test_a_calm_capture_has_the_venues_books(kit: Kit, market: Market) -> None:
    world = World(kit(market), market)
    world.run(30)
    assert world.oracle.counts["SYNCED"] == 2
    assert world.oracle.counts["compared"] > 150
    assert world.oracle.counts["books lost"] == 0


@pytest.mark.parametrize("market", [SPOT, USDM], ids=lambda market: market.venue)
@pytest.mark.parametrize("seed", range(3))
def test_losses_are_found_and_books_built_anew(kit: Kit, market: Market, seed: int) -> None:
    faults = (
        "drop:0.01,repeat:0.01,reorder:0.01,silent:0.01,half-open:0.004,reset:0.006,disconnect:0.006,"
        "slow:0.01,skew:0.01,jump:0.01"
    )
    rest = BinanceEmulatorSettings(snapshot_lag_ms=1500)
    world = World(kit(market), market, faults=faults, rest=rest, seed=seed)
    world.run(200)
    counts = world.oracle.counts
    assert counts["suppressed"] > 5
    assert counts["books lost"] > 5
    assert counts["SYNCED"] > 8
    assert counts["compared"] > 500
    assert world.refused == {429: 0, 418: 0}


def test_a_ban_with_twenty_books_to_build_is_waited_out(kit: Kit) -> None:
    """At 50 a snapshot the budget of 300 holds six a minute; a ban comes in the midst of it."""
    venue_kit = kit(SPOT)
    venue_kit.adapter.limits = attrs.evolve(venue_kit.adapter.limits, rest_weight=300)
    rest = BinanceEmulatorSettings(weight=300, ban_at_s=65.0, ban_s=40.0)
    world = World(venue_kit, symbols=NAMES, rest=rest, rate=2.0)
    world.run(420)
    assert world.refused[429] == 0
    assert world.refused[418] <= 4, "those that were under way when it came"
    assert len(world.oracle.seen) == len(NAMES)
    assert world.oracle.counts["SYNCED"] == len(NAMES)
