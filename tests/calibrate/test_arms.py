"""Two sets of parameters of one strategy: who acts where, what stays when an instrument changes its arm."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.calibrate.arms import Arm, two_arms
from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import IntentKind, Side
from mm_framework.testing.strategies import Result, Tape, run, tape

TAGS = ("quote",)


def quoting(size: int, tags: tuple[str, ...] = TAGS, wakes: int = On.MARKET) -> Strategy:
    """Rests an order of ``size`` at the bid, once; counts its calls in ``at``."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = wake.instrument
        mine = state.at[i]
        mine.calls += 1
        if market[i].open_orders == 0:
            out.place(i, Side.BUY, market[i].bid, mine.size, tag=0)
        else:
            out.replace(market[i].order_numbers[0], market[i].bid, mine.size * 10 + mine.calls)

    def define(mine: Any, definition: Definition) -> None:
        mine.size = size

    return Strategy(decide, wakes=wakes, at={"size": "i8", "calls": "i8"}, tags=tags, define=define)


def market() -> Tape:
    """Instruments test:A/A and test:B/B, each with three best bids."""
    made = tape("test:A/A").book(bids=[("99.90", "2")], asks=[("100.10", "1")])
    made = made.instrument("test:B/B").book(bids=[("9.90", "2")], asks=[("10.10", "1")])
    for step in (1, 2):
        made = made.about("test:A/A").update(bids=[(f"99.9{step}", "2")])
        made = made.about("test:B/B").update(bids=[(f"9.9{step}", "2")])
    return made


def arm_of(symbol: str) -> Arm:
    return "B" if symbol.startswith("B") else "A"


def sizes(result: Result) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    for intent in result.intents:
        assert intent.instrument is not None
        found.setdefault(intent.instrument, []).append(intent.size)
    return found


def test_each_instrument_has_the_parameters_of_its_arm() -> None:
    result = run(two_arms("s", quoting(1), quoting(2), arm_of), market())
    assert sizes(result) == {"test:A/A": [1, 12, 13], "test:B/B": [2, 22, 23]}
    assert {intent.strategy for intent in result.intents} == {"strategy"}
    assert result.intents[0].tag == "quote"


def test_a_run_of_one_arm_is_a_run_of_its_strategy() -> None:
    both = run(two_arms("s", quoting(1), quoting(2), lambda symbol: "A"), market())
    alone = run(quoting(1), market())
    assert both.intents == alone.intents


def test_an_instrument_that_changes_its_arm_keeps_its_orders() -> None:
    """The other arm goes on with the resting order, with a memory of its own."""
    asked: list[str] = []

    def later(symbol: str) -> Arm:
        asked.append(symbol)
        calls = sum(arm_of(one) == "B" for one in asked)
        return arm_of(symbol) if calls < 3 else "A"

    result = run(two_arms("s", quoting(1), quoting(2), later), market())
    assert [intent.kind for intent in result.intents if intent.instrument == "test:B/B"] == [
        IntentKind.PLACE,
        IntentKind.REPLACE,
        IntentKind.REPLACE,
    ]
    assert sizes(result)["test:B/B"][0] == 2
    assert sizes(result)["test:B/B"][-1] in (11, 12)


def greedy(size: int) -> Strategy:
    """Quotes everywhere whatever woke it, and cancels what it finds."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        for i in range(len(market)):
            if market[i].open_orders:
                out.cancel(market[i].order_numbers[0])
            if market[i].trusted:
                number = out.place(i, Side.BUY, market[i].bid, size)
                if number and size == 2:
                    out.replace(number, market[i].bid, 5)
        out.cancel(0)

    return Strategy(decide, wakes=On.MARKET | On.END, python_only=True)


def test_an_arm_is_heard_about_its_own_instruments_only() -> None:
    result = run(two_arms("s", greedy(1), greedy(2), arm_of), market())
    placed = {(i.instrument, i.size) for i in result.intents if i.kind is IntentKind.PLACE}
    assert placed == {("test:A/A", 1), ("test:B/B", 2)}
    touched = {(i.instrument, i.size) for i in result.intents if i.kind is IntentKind.REPLACE}
    assert touched == {("test:B/B", 5)}
    assert result.refusals == []


def test_the_same_strategy_can_be_run_again() -> None:
    both = two_arms("s", quoting(1), quoting(2), arm_of)
    assert run(both, market()).intents == run(both, market()).intents


def test_arms_of_different_strategies_are_refused() -> None:
    with pytest.raises(ConfigError, match="A has the tags quote, B other"):
        two_arms("s", quoting(1), quoting(1, ("other",)), arm_of)
