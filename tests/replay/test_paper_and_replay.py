"""A live run with simulated execution, replayed from its own log: the same intents, fills and money.

Virtual time, four shards, a machine that is late, connections that break: 100 seeds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from toy_server import MS, ToyServer, World
from toy_venue import toy_kits

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.replay.source import replay
from mm_framework.testing.strategies import Recorder
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.models import Latencies
from mm_framework.trading.paper import Paper
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.queued import QueuedPipeline
from mm_framework.trading.settings import TradingSettings

SYMBOLS = ("A/EUR", "B/EUR", "C/EUR", "D/USD", "E/USD")


def restless() -> Strategy:
    """Trades, quotes, cancels, and looks again after a random time."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = wake.instrument if wake.instrument >= 0 else int(wake.uniform() * len(market))
        view, u = market[i], wake.uniform()
        if wake.reasons & On.OWN_FILL:
            return
        if u < 0.2:
            side = Side.BUY if view.position <= 0 else Side.SELL
            price = view.ask if side == Side.BUY else view.bid
            out.place(i, side, price, 10**view.size_scale // 100, TimeInForce.IOC, Urgency.TAKER, 0)
        elif u < 0.4:
            out.place(i, Side.BUY, view.bid * 9 // 10, 10**view.size_scale // 100)
        elif u < 0.6 and view.open_orders:
            out.cancel(view.order_numbers[0])
        elif u < 0.9:
            out.timer(wake.now_ns + 1 + int(wake.uniform() * 300 * MS))

    wakes = On.MARKET | On.TRADE | On.TIMER | On.RESYNC | On.OWN_FILL | On.OWN_REJECT | On.END
    return Strategy(decide, wakes=wakes, tags=("take",), python_only=True)


def at_once(observer: Recorder, probe: Any = None) -> Pipeline:
    strategies = {"one": restless(), "two": restless()}
    return Pipeline(
        strategies, FlatFee(FlatFeeSettings()), TradingSettings(seed=5), observer=observer, probe=probe
    )


def queued(observer: Recorder, probe: Any = None) -> QueuedPipeline:
    """Quotes at the best prices too, with orders that take longer than some waits for the next record."""
    return QueuedPipeline(
        {"one": restless(), "quotes": quoting(), "two": restless()},
        FlatFee(FlatFeeSettings()),
        TradingSettings(seed=5),
        rules=Execution(on_gap="cancel"),
        latencies=Latencies(RandomLatency(1, 2 * MS, 30 * MS), RandomLatency(2, MS, 10 * MS)),
        observer=observer,
        probe=probe,
    )


def quoting() -> Strategy:
    """Rests at both best prices for a while."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        view = market[wake.instrument]
        if view.open_orders < 4 and view.has_bid and view.has_ask:
            until = wake.now_ns + 1 + int(wake.uniform() * 500 * MS)
            size = 10**view.size_scale // 10
            out.place(wake.instrument, Side.BUY, view.bid, size, TimeInForce.GTD, expires_ns=until)
            out.place(wake.instrument, Side.SELL, view.ask, size, TimeInForce.GTD, expires_ns=until)

    return Strategy(decide, python_only=True)


@attrs.frozen
class Logged:
    """The log of a live run, as a bundle's shard: blocks of a few records."""

    shard: int
    records: list[bytes]

    def blocks(self) -> Iterator[memoryview]:
        for start in range(0, len(self.records), 7):
            yield memoryview(b"".join(self.records[start : start + 7]))


def logged(world: World) -> Any:
    """What `replay` needs of a bundle."""
    shards: dict[int, list[bytes]] = {}
    for shard, record in world.log.records:
        shards.setdefault(shard, []).append(record)
    readers = tuple(Logged(shard, records) for shard, records in sorted(shards.items()))
    return SimpleNamespace(shards=readers, manifest=SimpleNamespace(untimed=False))


@pytest.mark.parametrize(
    ("pipeline", "ten"), [*((at_once, ten) for ten in range(10)), *((queued, ten) for ten in range(3))]
)
def test_a_live_run_and_the_replay_of_its_log_are_the_same(pipeline: Any, ten: int) -> None:
    kinds: set[Any] = set()
    makers = 0
    for seed in range(10 * ten, 10 * ten + 10):
        draw = random.Random(seed)
        world = World(
            ToyServer(SYMBOLS, seed=seed, rate=60),
            shards=4,
            latency=lambda draw=draw: draw.randrange(1, 40) * MS,
            delay=lambda draw=draw: draw.choice((0, 0, 0, 80)) * MS,
        )
        world.at(1 + draw.random(), world.server.reset)
        live, again = Recorder(), Recorder()
        paper = Paper(lambda probe, live=live: pipeline(live, probe), world.clock.mono_ns)
        world.capture(4, listeners=[paper])
        replayed = pipeline(again)
        replay(logged(world), toy_kits(), replayed)
        assert not paper.pipeline.errors
        assert live.intents == again.intents
        assert paper.pipeline.intents.hexdigest() == replayed.intents.hexdigest()
        assert (live.tops, live.fills, live.answers) == (again.tops, again.fills, again.answers)
        assert paper.pipeline.ledger.results() == replayed.ledger.results()
        assert live.reports == again.reports
        told = live.answers if pipeline is at_once else live.reports
        kinds |= {(one.state.name, one.refusal and one.refusal.name) for one in told}
        makers += sum(one.fill.maker for one in live.fills)
        assert len(live.intents) > 20
    assert {("FILLED", None), ("NEW", None), ("CANCELLED", None), ("REJECTED", "VENUE_UNKNOWN")} <= kinds
    assert (makers > 10) == (pipeline is queued)
