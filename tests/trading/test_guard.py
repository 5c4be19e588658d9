"""Orders that wait for a fresh market: in order, with their strategy, until news, an answer or a time-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import IntentKind, OrderState, Refusal, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Recorder, Tape, feed, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.market import Slot
from mm_framework.trading.pipeline import Pipeline

MS = 1_000_000


class Ages:
    """A guard by the age of the last news, without anything else."""

    def __init__(self, ttl_ns: int = 100 * MS, timeout_ns: int = 50 * MS) -> None:
        self.ttl_ns, self.timeout_ns = ttl_ns, timeout_ns
        self.news: dict[str, int] = {}
        self.told: list[tuple[str, str, int]] = []

    def heard(self, slot: Slot, now_ns: int) -> None:
        self.news[slot.id] = now_ns

    def untrusted(self, slot: Slot, now_ns: int) -> None:
        self.told.append(("untrusted", slot.id, now_ns // MS))

    def look(self, slot: Slot, now_ns: int) -> None:
        pass

    def admit(self, slot: Slot, now_ns: int) -> int | None:
        return None if now_ns - self.news[slot.id] <= self.ttl_ns else now_ns + self.timeout_ns

    def timed_out(self, slot: Slot, now_ns: int) -> None:
        self.told.append(("timed out", slot.id, now_ns // MS))


def market() -> Tape:
    """A book at 10 ms."""
    return tape().at(10).book(bids=[("99.00", "2")], asks=[("101.00", "2")])


def later(ms: int, act: Callable[[Any, Any], None], wakes: int = 0) -> Strategy:
    """Acts once, at a time of its own."""

    def decide(state: Any, wake: Any, view: Any, out: Any) -> None:
        if wake.reasons & On.MARKET and not state.armed:
            state.armed = 1
            out.timer(wake.now_ns + ms * MS)
        if wake.reasons & On.TIMER:
            act(view, out)
        state.calls += 1

    return Strategy(
        decide, wakes=On.MARKET | On.TIMER | wakes, state={"armed": "i8", "calls": "i8"}, python_only=True
    )


def take(view: Any, out: Any) -> None:
    out.place(0, Side.BUY, view[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER)


def played(strategy: Strategy, steps: Tape, guard: Ages) -> tuple[Pipeline, Recorder]:
    recorder = Recorder()
    pipeline = Pipeline({"one": strategy}, FlatFee(FlatFeeSettings()), observer=recorder, guard=guard)
    feed(pipeline, steps.steps)
    pipeline.on_end(steps.steps[-1].mono_ns)
    return pipeline, recorder


def test_on_a_fresh_market_nothing_waits() -> None:
    _, recorder = played(later(90, take), market().at(300).wait(), Ages())
    (intent,), (answer,) = recorder.intents, recorder.answers
    assert (intent.kind, answer.state, len(recorder.fills)) == (IntentKind.PLACE, OrderState.FILLED, 1)


def test_news_in_time_lets_an_order_go_on_the_new_market() -> None:
    steps = market().at(240).book(bids=[("99.00", "2")], asks=[("101.00", "5")]).at(400).wait()
    guard = Ages()
    _, recorder = played(later(200, take), steps, guard)
    (answer,) = recorder.answers
    assert answer.state is OrderState.FILLED
    assert recorder.fills[0].fill.mono_ns == 240 * MS
    assert guard.told == []


def test_without_news_an_order_is_refused_when_its_time_is_over_and_not_before() -> None:
    guard = Ages()
    steps = market().at(259).wait().at(400).wait()
    pipeline, recorder = played(later(200, take), steps, guard)
    (answer,) = recorder.answers
    assert (answer.state, answer.refusal) == (OrderState.REJECTED, Refusal.STALE_DATA)
    assert guard.told == [("timed out", "test:A/B", 260)]
    assert pipeline.actors[0].refusals == {Refusal.STALE_DATA: 1}
    assert pipeline.submitted == 0


def test_the_run_is_woken_for_the_time_out() -> None:
    pipeline = Pipeline({"one": later(200, take)}, FlatFee(FlatFeeSettings()), guard=Ages())
    for step in market().at(215).wait().steps:
        pipeline.on_output(0, step.record, step.mono_ns, step.output)
    assert pipeline.next_timer_ns() == 260 * MS


def test_an_answer_of_rest_lets_an_order_go() -> None:
    guard, recorder = Ages(), Recorder()
    pipeline = Pipeline({"one": later(200, take)}, FlatFee(FlatFeeSettings()), observer=recorder, guard=guard)
    for step in market().at(230).wait().steps:
        pipeline.on_output(0, step.record, step.mono_ns, step.output)
    slot = pipeline.markets.by_id["test:A/B"]
    assert recorder.intents == []
    guard.heard(slot, 230 * MS)
    pipeline.recheck(slot)
    assert [answer.state for answer in recorder.answers] == [OrderState.FILLED]


def test_what_a_strategy_asks_for_meanwhile_queues_behind_and_it_is_not_called() -> None:
    def quote(view: Any, out: Any) -> None:
        first = out.place(0, Side.BUY, 9000, 1000)
        out.cancel(first)
        out.place(0, Side.BUY, 9001, 1000)

    steps = market().at(220).trade("buy", "101.00", "1").at(230).trade("buy", "101.00", "1")
    steps = steps.at(240).book(bids=[("99.00", "3")], asks=[("101.00", "2")]).at(400).wait()
    pipeline, recorder = played(later(200, quote, On.TRADE), steps, Ages())
    kinds = [(a.kind, b.state) for a, b in zip(recorder.intents, recorder.answers, strict=True)]
    assert kinds == [
        (IntentKind.PLACE, OrderState.NEW),
        (IntentKind.CANCEL, OrderState.CANCELLED),
        (IntentKind.PLACE, OrderState.NEW),
    ]
    assert pipeline.actors[0].calls == 2 + 2 + 1  # market, timer; two prints after the wait; the news itself


def test_another_strategy_goes_on() -> None:
    recorder = Recorder()
    seen: list[int] = []
    other = Strategy(
        lambda state, wake, view, out: seen.append(wake.now_ns // MS), wakes=On.TRADE, python_only=True
    )
    strategies = {"one": later(200, take), "two": other}
    pipeline = Pipeline(strategies, FlatFee(FlatFeeSettings()), observer=recorder, guard=Ages())
    feed(pipeline, market().at(220).trade("buy", "101.00", "1").at(400).wait().steps)
    assert seen == [220]


def test_a_refusal_takes_all_that_waited_for_that_market_but_cancels() -> None:
    def quote(view: Any, out: Any) -> None:
        out.place(0, Side.BUY, 9000, 1000)
        out.place(0, Side.BUY, 9001, 1000)
        out.cancel(1)

    _, recorder = played(later(200, quote), market().at(400).wait(), Ages())
    assert [answer.refusal for answer in recorder.answers] == [
        Refusal.STALE_DATA,
        Refusal.STALE_DATA,
        Refusal.UNKNOWN_ORDER,
    ]


def test_what_waits_at_the_end_is_refused() -> None:
    _, recorder = played(later(200, take), market().at(215).wait(), Ages())
    assert [answer.refusal for answer in recorder.answers] == [Refusal.STALE_DATA]


def test_a_market_that_is_lost_is_told() -> None:
    guard = Ages()
    played(later(200, take), market().at(50).gap(), guard)
    assert guard.told[0] == ("untrusted", "test:A/B", 50)


@pytest.mark.parametrize("guard", [None, Ages(ttl_ns=10**12)])
def test_a_guard_that_never_holds_anything_changes_nothing(guard: Ages | None) -> None:
    steps = market().at(100).book(bids=[("99.50", "2")], asks=[("101.00", "2")]).at(400).wait()
    pipeline = Pipeline({"one": later(200, take)}, FlatFee(FlatFeeSettings()), guard=guard)
    feed(pipeline, steps.steps)
    plain = Pipeline({"one": later(200, take)}, FlatFee(FlatFeeSettings()))
    feed(plain, steps.steps)
    assert pipeline.intents.hexdigest() == plain.intents.hexdigest()
    assert pipeline.actors[0].calls == plain.actors[0].calls
