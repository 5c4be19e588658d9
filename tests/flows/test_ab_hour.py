"""An A/B test in a live run on virtual time, with what is worse in B planted into it: the right gate acts.

Twelve instruments of the emulated Kraken, orders that rest and wait in line. MM_AB_HOUR=1 runs an hour for
each gate, with gates of 600 s; else it is some minutes of one, with a gate of 60 s.
"""

from __future__ import annotations

import os
from typing import Any, Final

import attrs
import pytest
from kraken_virtual import VirtualKraken

from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.arms import two_arms
from mm_framework.calibrate.chunks import ChunkWriter, Watched
from mm_framework.calibrate.run_log import Deadline
from mm_framework.contracts.strategy import On, Side, Strategy, TimeInForce, Urgency
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.matching import Execution
from mm_framework.trading.models import Latencies
from mm_framework.trading.paper import Paper
from mm_framework.trading.queued import QueuedPipeline

HOUR = bool(os.environ.get("MM_AB_HOUR"))
SECONDS, SINCE_S, GATE_S, WINDOW_S = (3600, 900, 600, 300) if HOUR else (220, 90, 60, 60)
SYMBOLS: Final = (
    *("BTC/EUR", "ETH/EUR", "XRP/EUR", "ADA/EUR", "SOL/EUR", "DOT/EUR"),
    *("LTC/EUR", "LINK/EUR", "ATOM/EUR", "XLM/EUR", "DOGE/EUR", "UNI/EUR"),
)
MS = 1_000_000

pytestmark = pytest.mark.timeout(1200)


@attrs.frozen
class Manner:
    """How a side trades. ``inside``: it rests a tick before the other side's best price, else at its own.

    ``takes``: share of wake-ups at which it takes; ``slow_ms``: what three wake-ups in ten cost, others 5 ms.
    """

    inside: bool = False
    takes: float = 0.0
    slow_ms: int = 5


PLANTED: Final = {
    "slippage_degradation": (Manner(), Manner(inside=True)),
    "taker_share_increase": (Manner(), Manner(takes=0.05)),
    "latency_regression": (Manner(), Manner(slow_ms=50)),
    "deadline_miss_spike": (Manner(slow_ms=140), Manner(slow_ms=151)),
}
"""Gate -> how A trades, and B from ``SINCE_S`` on. What a gate does not watch is no worse."""


class Lag:
    """The clock of the machine, which the strategy's work moves on within a record."""

    def __init__(self) -> None:
        self.run: VirtualKraken | None = None
        self.spent_ns = 0

    def __call__(self) -> int:
        assert self.run is not None
        return self.run.clock.now_ns + self.spent_ns


def trading(before: Manner, after: Manner, lag: Lag) -> Strategy:
    """Keeps one order a side and instrument, as ``before`` says, from ``SINCE_S`` on as ``after`` does."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.began_ns = state.began_ns or wake.now_ns
        manner = after if wake.now_ns - state.began_ns >= SINCE_S * 1000 * MS else before
        lag.spent_ns += (manner.slow_ms if wake.uniform() < 0.3 else 5) * MS
        i = wake.instrument
        view = market[i]
        if not (view.trusted and view.has_bid and view.has_ask) or view.ask - view.bid < 3 * view.tick:
            return
        side = Side.BUY if view.position <= 0 else Side.SELL
        if wake.uniform() < manner.takes:
            price = view.ask if side == Side.BUY else view.bid
            out.place(i, side, price, 10**view.size_scale, TimeInForce.IOC, Urgency.TAKER)
            return
        own, other = (view.bid, view.ask) if side == Side.BUY else (view.ask, view.bid)
        price = other - side * view.tick if manner.inside else own
        for k in range(view.open_orders):
            if view.order_prices[k] == price and view.order_sides[k] == side:
                return
            out.cancel(view.order_numbers[k])
        out.place(i, side, price, 10**view.size_scale)

    return Strategy(decide, wakes=On.MARKET, state={"began_ns": "i8"}, python_only=True)


class Timed(Paper):
    """A live run whose strategy takes time; each record begins without any."""

    lag: Lag

    def on_output(self, *arguments: Any) -> None:
        """See `Paper`."""
        self.lag.spent_ns = 0
        super().on_output(*arguments)


@pytest.mark.parametrize("gate", PLANTED if HOUR else ["slippage_degradation"])
def test_a_planted_regression_sends_everything_back_to_a(gate: str) -> None:
    a, b = PLANTED[gate]
    settings = AbSettings(
        mode="online", split=50.0, salt="hour", window_sec=WINDOW_S, duration_sec=GATE_S, min_samples=30
    )
    test, lag = AbRun(settings.routing, settings), Lag()
    watch = AbWatch(test, Deadline(150.0))
    writer = ChunkWriter([watch])
    strategy = two_arms("s", trading(a, a, lag), trading(a, b, lag), test.bucket)

    def pipeline(probe: Any) -> QueuedPipeline:
        latencies = Latencies(Constant(0), Constant(0))
        return QueuedPipeline(
            {"s": strategy},
            FlatFee(FlatFeeSettings()),
            rules=Execution(slippage_bps=0),
            latencies=latencies,
            observer=writer,
            probe=probe,
        )

    paper = Timed(pipeline, lag)
    paper.lag = lag
    writer.attach(paper.pipeline)
    watched = Watched(paper, paper.pipeline, writer, paper.stages.measured)
    run = VirtualKraken(
        3, SECONDS, faults="", symbols=SYMBOLS, rate=1.5, trade_share=0.4, listeners=[watched]
    )
    lag.run = run
    run.kits = {name: paper.timed(kit) for name, kit in run.kits.items()}
    run.run()

    assert paper.pipeline.errors == []
    assert test.rollback is not None
    assert test.rollback.gate == gate
    assert test.started_ms is not None
    since_s = (test.rollback.ts_ms - test.started_ms) / 1000 - SINCE_S
    # What is worse has to fill a part of the window before it stands out of the noise.
    assert GATE_S <= since_s <= GATE_S + WINDOW_S
    assert {test.bucket(symbol) for symbol in SYMBOLS} == {"A"}
