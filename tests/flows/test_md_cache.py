"""Orders wait for fresh books in a live run: REST answers or does not; a replay takes the same branch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from simulated import venue

from mm_framework.bundle.run import open_run
from mm_framework.calibrate.chunk import Chunk
from mm_framework.calibrate.chunks import ChunkWriter, Watched
from mm_framework.calibrate.market_data import MarketData, RefreshReader
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.capture.book_requests import BookRequests
from mm_framework.contracts.strategy import On, Strategy
from mm_framework.feed import VenueKit
from mm_framework.model.orders import Refusal, Side, TimeInForce, Urgency
from mm_framework.replay.source import replay
from mm_framework.testing.simulation import Simulation
from mm_framework.testing.strategies import Recorder
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.settings import TradingSettings

pytestmark = pytest.mark.timeout(300)

MS = 1_000_000
WAKES = On.MARKET | On.TRADE | On.TIMER | On.OWN_FILL | On.OWN_REJECT | On.END


def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Takes, quotes and cancels, mostly at times of its own: then books may be old."""
    if wake.reasons & (On.OWN_FILL | On.OWN_REJECT):
        return
    i = wake.instrument if wake.instrument >= 0 else int(wake.uniform() * len(market))
    view, size = market[i], 10 ** market[i].size_scale // 100
    if wake.uniform() < 0.5:
        side = Side.BUY if view.position <= 0 else Side.SELL
        price = view.ask if side == Side.BUY else view.bid
        out.place(i, side, price, size, TimeInForce.IOC, Urgency.TAKER)
    order = out.place(i, Side.BUY, view.bid * 9 // 10, size)
    if wake.uniform() < 0.5:
        out.cancel(order)
    elif view.open_orders:
        out.cancel(view.order_numbers[0])
    if not wake.reasons & On.END:
        out.timer(wake.now_ns + 1 + int(wake.uniform() * 400 * MS))


class Kept:
    """The columns of a run, without what a clock measures."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def on_chunk(self, chunk: Chunk) -> None:
        self.rows.append((chunk.ts_ns, *chunk.ticks, *chunk.fills, *chunk.gaps))

    def close(self) -> None:
        """Nothing waits."""


class Run:
    """A pipeline with a cache, and all that it did."""

    def __init__(self, kits: dict[str, VenueKit], requests: BookRequests | None = None) -> None:
        settings = MdCacheSettings(enabled=True)
        self.data = MarketData(settings) if requests is None else MarketData(settings, requests.ask)
        self.kept, self.recorder = Kept(), Recorder()
        writer = ChunkWriter([self.kept], self.recorder)
        strategies = {name: Strategy(decide, wakes=WAKES, python_only=True) for name in ("one", "two")}
        self.pipeline = Pipeline(
            strategies, FlatFee(FlatFeeSettings()), TradingSettings(seed=5), observer=writer, guard=self.data
        )
        writer.attach(self.pipeline, self.data.fetched)
        reader = RefreshReader(self.pipeline, self.pipeline, self.data, kits)
        self.listener = Watched(reader, self.pipeline, writer)

    def told(self) -> tuple[object, ...]:
        cache = self.data.cache
        counts = (cache.hits, cache.misses, cache.stale_uses, cache.deadline_misses)
        refused = [actor.refusals for actor in self.pipeline.actors]
        return self.pipeline.intents.hexdigest(), self.recorder.fills, counts, refused, self.kept.rows


def live(name: str, folder: Path, **more: Any) -> tuple[Run, Simulation]:
    market, requests = venue(name, **more), BookRequests()
    kits: dict[str, VenueKit] = {}
    run = Run(kits, requests)
    simulation = Simulation(
        market,
        seed=random.Random(name).randrange(100),
        seconds=15,
        rate=2.0,
        faults="drop:0.002",
        record=folder,
        listeners=[run.listener],
        attach=requests.attach,
    )
    kits.update({venue: requests.know(kit) for venue, kit in simulation.kits.items()})
    simulation.run()
    return run, simulation


def refused(run: Run) -> int:
    return sum(actor.refusals[Refusal.STALE_DATA] for actor in run.pipeline.actors)


@pytest.mark.parametrize("name", ["binance", "polymarket"])
def test_orders_wait_for_rest_and_a_replay_takes_the_same_branch(tmp_path: Path, name: str) -> None:
    run, simulation = live(name, tmp_path / "run")
    cache = run.data.cache
    assert cache.hits > 10
    assert cache.misses > 10
    assert cache.stale_uses > 10
    ticks = [row for rows in run.kept.rows for row in rows[1:] if hasattr(row, "fetched")]
    waits = [tick.fetched.wait_ns for tick in ticks if tick.fetched and tick.fetched.wait_ns]
    assert waits
    assert max(waits) <= 50 * MS
    assert run.pipeline.intents.count > refused(run) > 0  # an answer may be late
    assert run.recorder.fills

    bundle = open_run(tmp_path / "run")
    again = Run(dict(simulation.venue.kits))
    replay(bundle, simulation.venue.kits, again.listener)
    assert again.told() == run.told()


def test_without_rest_an_order_on_a_stale_book_fails_closed(tmp_path: Path) -> None:
    run, simulation = live("kraken", tmp_path / "run")
    assert run.data.cache.deadline_misses > 10
    assert refused(run) >= run.data.cache.deadline_misses
    assert run.recorder.fills  # some orders met news of the stream in time
    again = Run(dict(simulation.venue.kits))
    replay(open_run(tmp_path / "run"), simulation.venue.kits, again.listener)
    assert again.told() == run.told()
