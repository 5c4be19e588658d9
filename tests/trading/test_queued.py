"""A run whose orders rest, wait in line and take time: the same as a backtest on the time line of receipt."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import OrderState, Refusal, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Recorder, Step, Tape, feed, tape
from mm_framework.trading import simulation
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant, RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.models import Latencies
from mm_framework.trading.queue import queue_model
from mm_framework.trading.queued import QueuedPipeline
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import Clocks
from tests.support.random_tapes import random_tape, restless
from tests.trading.test_invariants import joined

MS = 1_000_000
WALL0_NS = 1_700_000_000_000_000_000
BUY, SELL = Side
FEE = FlatFee(FlatFeeSettings(fee_bps=26))
NONE = Latencies(Constant(0), Constant(0))
LATENCIES = {
    "none": NONE,
    "constant": Latencies(Constant(3 * MS), Constant(MS // 3)),
    "random": Latencies(RandomLatency(1, MS, 5 * MS), RandomLatency(2, 0, 2 * MS)),
}


def strategies() -> dict[str, Strategy]:
    return {"b": restless(), "a": quoting(), "c": restless(On.TRADE | On.TIMER)}


def quoting() -> Strategy:
    """Rests at the best prices, and lets orders expire."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = max(wake.instrument, 0)
        view, unit = market[i], 10 ** market[i].size_scale
        if view.open_orders >= 6 or not (view.has_bid and view.has_ask):
            return
        gtd = TimeInForce.GTD
        out.place(i, BUY, view.bid, unit, gtd, expires_ns=wake.now_ns + int(wake.uniform() * 10**9) + 1)
        out.place(i, SELL, view.ask, unit)
        if wake.uniform() < 0.3:
            out.place(i, BUY, view.ask, unit // 2, TimeInForce.GTC, Urgency.TAKER)

    return Strategy(decide, wakes=On.MARKET | On.OWN_FILL | On.RESYNC, python_only=True)


def play(
    steps: list[Step],
    latencies: Latencies = NONE,
    actors: dict[str, Strategy] | None = None,
    rules: Execution | None = None,
    trading: TradingSettings | None = None,
    **options: Any,
) -> tuple[QueuedPipeline, Recorder]:
    recorder = Recorder()
    pipeline = QueuedPipeline(
        strategies() if actors is None else actors,
        FEE,
        trading,
        rules=rules or Execution(),
        latencies=latencies,
        observer=recorder,
        **options,
    )
    feed(pipeline, steps)
    pipeline.on_end(steps[-1].mono_ns)
    return pipeline, recorder


def backtested(market: Tape, latencies: Latencies) -> Outcome:
    return Backtest(
        strategies(),
        FEE,
        entry=latencies.entry,
        response=latencies.response,
        clocks=Clocks(longest_ns=0),
    ).run(market.messages(), WALL0_NS + market.steps[-1].mono_ns)


@pytest.mark.parametrize("latency", LATENCIES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_it_does_what_a_backtest_on_the_time_line_of_receipt_does(latency: str, seed: int) -> None:
    market = random_tape(seed)
    pipeline, recorder = play(market.steps, LATENCIES[latency])
    outcome = backtested(market, LATENCIES[latency])
    assert not pipeline.errors
    assert pipeline.intents.hexdigest() == outcome.final_hash
    assert [on_wall(report) for report in recorder.reports] == outcome.reports
    assert [one.fee for one in recorder.fills] == [paid.fee for paid in outcome.fills]
    assert pipeline.ledger.results() == outcome.accounts


def on_wall(report: Any) -> Any:
    """The report as a backtest, which lives on the wall clock, has it."""
    fill = report.fill and attrs.evolve(report.fill, mono_ns=report.fill.mono_ns + WALL0_NS)
    return attrs.evolve(report, ts_ns=report.ts_ns + WALL0_NS, fill=fill)


def test_the_tapes_above_fill_makers_and_takers_and_refuse() -> None:
    kinds = set()
    for seed in range(20):
        _, recorder = play(random_tape(seed).steps, LATENCIES["constant"])
        kinds |= {one.fill.maker for one in recorder.fills}
        kinds |= {report.refusal for report in recorder.reports}
        kinds |= {report.state for report in recorder.reports}
    assert kinds >= {True, False, Refusal.VENUE_UNKNOWN, Refusal.WOULD_TAKE, Refusal.UNKNOWN_ORDER}
    assert kinds >= {OrderState.EXPIRED, OrderState.PARTIALLY_FILLED, OrderState.FILLED}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 9), min_size=60, max_size=60))
def test_any_cut_of_the_records_into_blocks_gives_the_same_run(seed: int, sizes: list[int]) -> None:
    steps = random_tape(seed, steps=40).steps
    blocks, rest = [], list(steps)
    for size in sizes:
        until = next((k for k in range(min(size, len(rest))) if rest[k].record[8] == 5), size)
        if rest:
            blocks.append(joined(rest[: max(until, 1)]))
            rest = rest[max(until, 1) :]
    blocks += rest
    one, two = (play(either, LATENCIES["random"]) for either in (steps, blocks))
    assert one[0].intents.hexdigest() == two[0].intents.hexdigest()
    assert one[1].reports == two[1].reports
    assert one[0].ledger.results() == two[0].ledger.results()


# by hand


def market() -> Tape:
    return tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")])


def once(*placed: tuple[Any, ...], wakes: int = On.MARKET) -> dict[str, Strategy]:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if not state.done:
            state.done = 1
            for order in placed:
                out.place(0, *order)

    return {"one": Strategy(decide, wakes=wakes, state={"done": "i8"}, python_only=True)}


def test_a_resting_order_waits_in_line_and_is_filled_as_maker() -> None:
    busy = market().trade("sell", "99.90", "1.5").trade("sell", "99.90", "1")
    pipeline, recorder = play(busy.steps, actors=once((BUY, 9990, 1000)))
    (filled,) = recorder.fills
    assert (filled.fill.maker, filled.fill.price, filled.fill.size) == (True, 9990, 500)
    assert pipeline.positions.total("test:A/B") == 500
    (order,) = pipeline.exchange.orders("test:A/B")
    assert (order.state, order.leaves) == (OrderState.PARTIALLY_FILLED, 500)


def test_an_order_in_flight_meets_the_market_of_its_arrival() -> None:
    moved = market().at(4).update(asks=[("100.10", "0"), ("100.30", "1")]).wait(20)
    later = Latencies(Constant(5 * MS), Constant(2 * MS))
    pipeline, recorder = play(
        moved.steps, later, once((BUY, 10020, 500, TimeInForce.IOC, Urgency.TAKER), (BUY, 9990, 100))
    )
    assert not recorder.fills
    assert [(report.state, report.ts_ns) for report in recorder.reports] == [
        (OrderState.EXPIRED, 7 * MS),
        (OrderState.NEW, 7 * MS),
    ]
    assert [order.number for order in pipeline.exchange.orders("test:A/B")] == [2]


def test_the_runner_learns_when_an_order_or_an_answer_arrives() -> None:
    later = Latencies(Constant(5 * MS), Constant(2 * MS))
    pipeline = QueuedPipeline(once((BUY, 9990, 100)), FEE, rules=Execution(), latencies=later)
    feed(pipeline, market().steps)
    assert pipeline.next_timer_ns() == 7 * MS
    feed(pipeline, market().at(7).wait().steps[-1:])
    assert pipeline.next_timer_ns() == 9 * MS
    feed(pipeline, market().at(9).wait().steps[-1:])
    assert pipeline.next_timer_ns() is None


def test_a_lost_ticker_cancels_where_the_rules_say_so() -> None:
    ticking = tape().ticker(("99.90", "2"), ("100.10", "1")).lost().wait()
    for on_gap, left in (("keep", 1), ("cancel", 0)):
        pipeline, _ = play(
            ticking.steps,
            actors=once((BUY, 9990, 100)),
            rules=Execution(on_gap=on_gap),  # type: ignore[arg-type]  # one of two words
            trading=TradingSettings(price_source="ticker"),
        )
        assert len(pipeline.exchange) == left


def test_what_is_on_its_way_at_the_end_arrives_nowhere() -> None:
    _, recorder = play(market().steps, Latencies(Constant(5 * MS), Constant(0)), once((BUY, 9990, 100)))
    assert len(recorder.intents) == 1
    assert not recorder.reports


def test_limits_count_what_is_in_flight() -> None:
    slow = Latencies(Constant(5 * MS), Constant(5 * MS))
    _, recorder = play(
        market().wait(50).steps,
        slow,
        once((BUY, 9990, 600), (BUY, 9980, 600)),
        limits=LimitSettings(strategy_position="1"),
    )
    assert [answer.refusal for answer in recorder.answers] == [None, Refusal.STRATEGY_POSITION]


class Exposed(Recorder):
    """Checks at each report that all resting orders may fill without passing a limit."""

    pipeline: QueuedPipeline
    worst = Fraction(0)

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Fraction] = {}

    def on_report(self, report: Any, definition: Any) -> None:
        super().on_report(report, definition)
        if report.fill is not None:
            signed = Fraction(report.fill.side * report.fill.size, 10**definition.size_scale)
            self.held[report.instrument] = self.held.get(report.instrument, Fraction(0)) + signed
        slot = self.pipeline.venue.markets.by_id[report.instrument]
        for side in Side:
            orders = [one.order for one in self.pipeline.venue.resting(slot.index)]
            left = sum(order.leaves for order in orders if order.side is side)
            held = side * self.held.get(report.instrument, Fraction(0))
            self.worst = max(self.worst, held + Fraction(left, 10**definition.size_scale))
            assert self.worst <= 3


def growing() -> Strategy:
    """Quotes at the best prices and asks for other prices and sizes all the time."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = max(wake.instrument, 0)
        view, unit = market[i], 10 ** market[i].size_scale
        if not (view.has_bid and view.has_ask):
            return
        out.place(i, BUY, view.bid, int(unit * (1 + wake.uniform())))
        out.place(i, SELL, view.ask, int(unit * (1 + wake.uniform())))
        for k in range(view.open_orders):
            price = view.bid if view.order_sides[k] > 0 else view.ask
            out.replace(view.order_numbers[k], price, int(unit * (0.5 + wake.uniform())))

    return Strategy(decide, wakes=On.MARKET | On.TRADE | On.OWN_FILL, python_only=True)


def test_no_limit_of_position_is_ever_passed_at_the_venue() -> None:
    worst = Fraction(0)
    for seed in range(25):
        observer = Exposed()
        pipeline = QueuedPipeline(
            {"grows": growing()},
            FEE,
            limits=LimitSettings(strategy_position="3"),
            rules=Execution(queue=queue_model("optimistic")),
            latencies=Latencies(Constant(300 * MS), Constant(200 * MS)),
            observer=observer,
        )
        observer.pipeline = pipeline
        market = random_tape(seed)
        feed(pipeline, market.steps)
        assert pipeline.actors[0].refusals[Refusal.STRATEGY_POSITION] > 0
        worst = max(worst, observer.worst)
    assert worst > 2.5, "the limit is nearly used, or the test shows nothing"


def test_a_replace_on_its_way_counts_with_what_it_replaces() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        state.calls += 1
        if state.calls == 1:
            out.place(0, BUY, 9990, 600)
        elif state.calls == 2:
            out.replace(1, 9980, 300)
            out.place(0, BUY, 9970, 100)
            out.place(0, BUY, 9970, 101)

    moving = market().at(60).update(bids=[("99.91", "1")]).at(120).update(bids=[("99.92", "1")])
    _, recorder = play(
        moving.wait(50).steps,
        Latencies(Constant(5 * MS), Constant(5 * MS)),
        {"one": Strategy(decide, state={"calls": "i8"}, python_only=True)},
        limits=LimitSettings(strategy_position="1"),
    )
    refused = [answer.refusal for answer in recorder.answers]
    assert refused == [None, None, None, Refusal.STRATEGY_POSITION]


def test_a_limit_below_one_tick_is_no_market_order() -> None:
    coarse = tape(tick="0.05").book(bids=[("99.90", "2")], asks=[("100.10", "1")])
    takers = ((BUY, 4, 10, TimeInForce.IOC, Urgency.TAKER), (BUY, 0, 10, TimeInForce.IOC, Urgency.TAKER))
    _, recorder = play(coarse.wait().steps, actors=once(*takers))
    assert (recorder.reports[0].order, recorder.reports[0].refusal) == (1, Refusal.BELOW_TICK)
    assert [one.fill.order for one in recorder.fills] == [2]


def test_a_run_that_is_done_stops_at_once() -> None:
    pipeline, recorder = play(market().wait(9).steps, actors=once((BUY, 9990, 100)), max_events=1)
    assert (pipeline.done, pipeline.deliveries) == (True, 1)
    assert not recorder.reports
    assert pipeline.next_timer_ns() is None


def test_a_strategy_that_never_comes_to_rest_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, BUY, 10010, 10)

    monkeypatch.setattr(simulation, "MAX_ANSWERS", 50)
    endless = Strategy(decide, wakes=On.MARKET | On.OWN_REJECT, python_only=True)
    pipeline, _ = play(market().wait(9).steps, actors={"endless": endless, **once((BUY, 9990, 10))})
    (error,) = pipeline.errors
    assert "strategy endless: had 50 answers at one moment" in str(error)
    assert len(pipeline.exchange) == 1
