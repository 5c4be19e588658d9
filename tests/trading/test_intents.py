"""The intent hash: the lines of requirement D9, and what goes into them."""

from __future__ import annotations

import hashlib
from typing import Any

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Intent, IntentKind, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape, run, tape
from mm_framework.trading.intents import IntentHash, intent_line


def market() -> Tape:
    return tape("kraken:BTC/EUR").book(bids=[("99.90", "2")], asks=[("100.10", "1")])


def test_a_place_has_every_field() -> None:
    intent = Intent(
        17, "toy_spread", IntentKind.PLACE, 3, "kraken:BTC/EUR", Side.BUY, 9990, 10,
        TimeInForce.GTD, Urgency.MAKER, "quote", 99,
    )  # fmt: skip
    assert intent_line(intent) == "17|toy_spread|place|kraken:BTC/EUR|buy|9990|10|gtd|maker|quote\n"


def test_a_cancel_and_a_replace_name_their_order_where_the_tag_is_empty() -> None:
    cancel = Intent(18, "toy", IntentKind.CANCEL, 3, "kraken:BTC/EUR")
    assert intent_line(cancel) == "18|toy|cancel|kraken:BTC/EUR||||||#3\n"
    replace = Intent(19, "toy", IntentKind.REPLACE, 3, "kraken:BTC/EUR", price=1, size=2)
    assert intent_line(replace) == "19|toy|replace|kraken:BTC/EUR||1|2|||#3\n"
    tagged = Intent(19, "toy", IntentKind.REPLACE, 3, None, price=1, size=2, tag="t")
    assert intent_line(tagged) == "19|toy|replace|||1|2|||t\n"


def test_a_place_without_a_tag_has_none() -> None:
    intent = Intent(0, "s", IntentKind.PLACE, 1, "v:X", Side.SELL, 1, 2, TimeInForce.IOC, Urgency.TAKER)
    assert intent_line(intent) == "0|s|place|v:X|sell|1|2|ioc|taker|\n"


def test_the_hash_is_sha256_over_the_lines_and_of_nothing_without_intents() -> None:
    running = IntentHash()
    assert running.hexdigest() == hashlib.sha256(b"").hexdigest()
    first = Intent(18, "toy", IntentKind.CANCEL, 3)
    second = Intent(18, "toy", IntentKind.CANCEL, 4)
    running.add(first)
    running.add(second)
    lines = intent_line(first) + intent_line(second)
    assert running.hexdigest() == hashlib.sha256(lines.encode()).hexdigest()
    assert running.count == 2


def test_a_runs_hash_is_that_of_its_intents_and_what_became_of_them_is_not_in_it() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, Side.BUY, 10010, 5, TimeInForce.IOC, Urgency.TAKER, 0)

    strategy = Strategy(decide, tags=("take",))
    result = run(strategy, market())
    assert (
        result.final_hash
        == hashlib.sha256(b"3|strategy|place|kraken:BTC/EUR|buy|10010|5|ioc|taker|take\n").hexdigest()
    )
    no_fill = tape("kraken:BTC/EUR").book(bids=[("99.90", "2")], asks=[("100.11", "1")])
    assert not run(strategy, no_fill).fills
    assert run(strategy, no_fill).final_hash == result.final_hash


def test_strategies_act_in_order_of_name_on_the_same_event() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, Side.BUY, 1, 1)

    result = run({name: Strategy(decide) for name in ("b", "c", "a")}, market())
    assert [intent.strategy for intent in result.intents] == ["a", "b", "c"]


def test_a_strategy_does_not_shift_the_numbers_of_another() -> None:
    """Fills, refusals and timers take no number: intents of one are the same beside any other."""

    def busy(state: Any, wake: Any, views: Any, out: Any) -> None:
        if not wake.reasons & On.OWN_FILL:
            out.place(0, Side.BUY, 10010, 5, TimeInForce.IOC, Urgency.TAKER)
            out.timer(wake.now_ns + 1_500_000)

    def calm(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, Side.SELL, 20000, 1)

    on = market().update(bids=[("99.95", "1")]).wait(5).update(bids=[("99.96", "1")])
    lines = []
    for other in ({}, {"busy": Strategy(busy, wakes=On.MARKET | On.OWN_FILL | On.TIMER)}):
        result = run({"calm": Strategy(calm), **other}, on)
        lines.append([intent_line(i) for i in result.intents if i.strategy == "calm"])
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3
