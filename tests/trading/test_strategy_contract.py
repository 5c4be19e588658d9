"""The strategy contract: what ``decide`` is shown, what it may leave, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_framework.contracts.strategy import NO_TAG, On, Strategy, units
from mm_framework.errors import ConfigError, StrategyError
from mm_framework.model.fixed import MAX, BadNumber
from mm_framework.model.orders import IntentKind, Refusal, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Result, Tape, feed, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline

BOOK = {"bids": [("99.90", "2"), ("99.80", "4")], "asks": [("100.10", "1")]}


def once(act: Callable[[Any, Any, Any, Any], Any], market: Tape | None = None, **options: Any) -> Result:
    """Run ``act(state, wake, market, out)`` at the first wake-up only."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if not state.called:
            state.called = 1
            act(state, wake, views, out)

    state = {"called": "i8", **options.pop("state", {})}
    return run(Strategy(decide, state=state, **options, python_only=True), market or tape().book(**BOOK))


def seen(look: Callable[[Any, Any], Any], market: Tape | None = None, **options: Any) -> Any:
    """What ``look(market, wake)`` finds at the first wake-up."""
    found = []
    once(lambda state, wake, views, out: found.append(look(views, wake)), market, **options)
    return found[0]


# what is shown


def test_the_view_shows_best_prices_scales_and_steps() -> None:
    def look(views: Any, wake: Any) -> tuple[int, ...]:
        v = views[wake.instrument]
        return (v.trusted, v.has_bid, v.bid, v.bid_size, v.has_ask, v.ask, v.ask_size, v.tick, v.lot)

    assert seen(look) == (1, 1, 9990, 2000, 1, 10010, 1000, 1, 1)
    assert seen(lambda views, wake: (views[0].price_scale, views[0].size_scale, len(views))) == (2, 3, 1)


def test_a_side_that_is_empty_shows_zeros() -> None:
    market = tape().book(bids=[("1.00", "1")])
    assert seen(lambda v, w: (v[0].has_ask, v[0].ask, v[0].ask_size, v[0].asks), market) == (0, 0, 0, 0)


def test_levels_come_to_the_declared_depth_padded_with_zeros() -> None:
    def look(views: Any, wake: Any) -> tuple[Any, ...]:
        v = views[0]
        return v.bids, list(v.bid_prices), list(v.bid_sizes), v.asks, list(v.ask_prices)

    assert seen(look, depth=3) == (2, [9990, 9980, 0], [2000, 4000, 0], 1, [10010, 0, 0])


def test_steps_that_the_venue_does_not_tell_are_those_of_its_display_else_one() -> None:
    market = tape(tick=None, lot=None).book(**BOOK)
    assert seen(lambda v, w: (v[0].tick, v[0].lot), market) == (1, 1)
    shown = tape(price_scale=6, size_scale=8, tick=None, lot=None, price_decimals=2, size_decimals=8)
    assert seen(lambda v, w: (v[0].tick, v[0].lot), shown.book(**BOOK)) == (10**4, 1)


def test_own_orders_and_position_show_up_in_the_view() -> None:
    shown = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        v = views[0]
        own = [
            (v.order_numbers[k], v.order_sides[k], v.order_prices[k], v.order_leaves[k])
            for k in range(v.open_orders)
        ]
        shown.append((v.position, own, len(v.order_numbers)))
        if wake.reasons & On.MARKET and not v.position:
            out.place(0, Side.SELL, 10050, 7)
            out.place(0, Side.BUY, 10010, 400, TimeInForce.IOC, Urgency.TAKER)

    run(Strategy(decide, wakes=On.MARKET | On.OWN_FILL, orders=2, python_only=True), tape().book(**BOOK))
    assert shown == [(0, [], 2), (400, [(1, -1, 10050, 7)], 2)]


def test_a_fill_and_a_refusal_wake_with_their_order() -> None:
    told = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if wake.reasons & On.MARKET:
            out.place(0, Side.SELL, 9990, 400, TimeInForce.IOC, Urgency.TAKER)
            out.cancel(1)
        else:
            told.append((wake.reasons, wake.instrument, wake.order, wake.filled, wake.refusal))

    run(
        Strategy(decide, wakes=On.MARKET | On.OWN_FILL | On.OWN_REJECT, python_only=True), tape().book(**BOOK)
    )
    assert told == [(On.OWN_FILL, 0, 1, -400, 0), (On.OWN_REJECT, -1, 1, 0, Refusal.UNKNOWN_ORDER)]


def test_no_instrument_has_a_negative_index() -> None:
    with pytest.raises(StrategyError, match="instrument -1, of 1"):
        once(lambda state, wake, views, out: views[-1])
    with pytest.raises(StrategyError, match="instrument -1, of 1"):
        once(lambda state, wake, views, out: state.at[-1])


def test_the_random_stream_is_seeded_by_run_and_strategy() -> None:
    def draw(views: Any, wake: Any) -> list[float]:
        return [wake.uniform() for _ in range(1000)]

    numbers = seen(draw)
    assert numbers == seen(draw)
    assert all(0 <= number < 1 for number in numbers)
    assert abs(sum(numbers) / 1000 - 0.5) < 0.05
    # Pinned: splitmix64 from the first 8 bytes of SHA-256("0|strategy"), little-endian.
    assert numbers[:2] == [0.05361596932011803, 0.8333453791473218]


def test_a_definition_in_force_is_handed_over_with_the_record_of_its_instrument() -> None:
    defined = []

    def define(at: Any, definition: Any) -> None:
        at.tick = units(definition.tick_size, definition.price_scale, up=True)
        defined.append((definition.id, at.tick))

    market = tape().book(**BOOK).instrument("test:C/D", tick="0.05").instrument("test:C/D", tick="0.25")
    run(Strategy(lambda *_: None, at={"tick": "i8"}, define=define, python_only=True), market)
    assert defined == [("test:A/B", 1), ("test:C/D", 5), ("test:C/D", 25)]


# what is remembered


def test_state_begins_at_zero_and_keeps_what_start_put_there() -> None:
    def start(state: Any) -> None:
        state.x = 0.5

    def look(state: Any, wake: Any, views: Any, out: Any) -> None:
        assert (state.n, state.x, state.a[0], state.a[1], len(state.a)) == (0, 0.5, 0.0, 0.0, 2)
        state.a[0] = 3
        assert isinstance(state.a[0], float)

    once(look, state={"n": "i8", "x": "f8", "a": "f8[2]"}, start=start)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s, o: setattr(s, "n", MAX + 1), "n is 9223372036854775808, which int64 does not hold"),
        (lambda s, o: setattr(s, "n", 1.0), "n is 1.0, expected an integer"),
        (lambda s, o: setattr(s, "x", "1"), "x is '1', expected a number"),
        (lambda s, o: setattr(s, "other", 1), "no attribute 'other'"),
        (lambda s, o: s.a.__setitem__(2, 1), "index 2 of a, which has 2 elements"),
        (lambda s, o: s.a[-1], "index -1 of a"),
        (lambda s, o: 1 // s.n, "ZeroDivisionError"),
        (lambda s, o: o.place(1, 1, 1, 1), "instrument 1, of 1"),
        (lambda s, o: o.place(0, 2, 1, 1), "2 is not a valid Side"),
        (lambda s, o: o.place(0, 1, 1.5, 1), "price is 1.5, expected an integer"),
        (lambda s, o: o.place(0, 1, MAX * 2, 1), "price is .*, which int64 does not hold"),
        (lambda s, o: o.place(0, 1, 1, 1, 9), "9 is not a valid TimeInForce"),
        (lambda s, o: o.place(0, 1, 1, 1, 1, 9), "9 is not a valid Urgency"),
        (lambda s, o: o.place(0, 1, 1, 1, 1, 1, 1), "tag 1, of 1"),
        (lambda s, o: o.place(0, 1, 1, 1, TimeInForce.GTD), "GTD order that expires at 0"),
        (lambda s, o: o.cancel(1), "order 1 was never placed; the last one is 0"),
        (lambda s, o: o.replace(0, 1, 1), "order 0 was never placed"),
        (lambda s, o: o.timer(2_000_000), "timer at 2000000, now is 2000000"),
    ],
)
def test_what_breaks_the_contract_ends_the_strategy(spoil: Callable[[Any, Any], Any], message: str) -> None:
    fields = {"n": "i8", "x": "f8", "a": "i8[2]"}
    with pytest.raises(StrategyError, match=message) as raised:
        once(lambda state, wake, views, out: spoil(state, out), state=fields, tags=("t",))
    assert raised.value.strategy == "strategy"
    assert raised.value.seq == 3


def test_a_strategy_that_fails_leaves_nothing_and_others_go_on() -> None:
    def bad(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, Side.BUY, 1, 1)
        raise ValueError("no")

    def good(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, Side.BUY, 1, 1)

    pipeline = Pipeline(
        {"bad": Strategy(bad, python_only=True), "good": Strategy(good, python_only=True)},
        FlatFee(FlatFeeSettings()),
    )
    feed(pipeline, tape().book(**BOOK).update(bids=[("99.90", "3")]).steps)
    line = bad.__code__.co_firstlineno + 2
    assert [str(error) for error in pipeline.errors] == [
        f"strategy bad: decide raised ValueError at event 3: no (test_strategy_contract.py:{line})"
    ]
    # a kept traceback would be a cycle of frames around memoryviews, which CPython 3.11 cannot collect
    assert [(e.__traceback__, e.__cause__, e.__context__) for e in pipeline.errors] == [
        (None, None, None) for _ in pipeline.errors
    ]
    assert [(actor.calls, actor.intents) for actor in pipeline.actors] == [(1, 0), (2, 2)]
    assert pipeline.intents.count == 2


def test_a_strategy_that_answers_itself_without_end_is_stopped() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.cancel(out.place(0, Side.BUY, 10010, 1, TimeInForce.IOC, Urgency.TAKER))

    with pytest.raises(StrategyError, match="it would never come to rest"):
        run(Strategy(decide, wakes=On.MARKET | On.OWN_FILL, python_only=True), tape().book(**BOOK))


# what is asked for


def test_orders_are_numbered_and_tags_named_by_index() -> None:
    def act(state: Any, wake: Any, views: Any, out: Any) -> None:
        assert out.place(0, Side.BUY, 9000, 5, tag=0) == 1
        assert out.place(0, Side.SELL, 10200, 5, TimeInForce.GTD, Urgency.MAKER, NO_TAG, 10**9) == 2
        out.replace(1, 9001, 6)
        out.cancel(2, 0)

    intents = once(act, tags=("first",)).intents
    assert [(i.kind, i.order, i.price, i.size, i.tag, i.expires_ns) for i in intents] == [
        (IntentKind.PLACE, 1, 9000, 5, "first", None),
        (IntentKind.PLACE, 2, 10200, 5, "", 10**9),
        (IntentKind.REPLACE, 1, 9001, 6, "", None),
        (IntentKind.CANCEL, 2, None, None, "first", None),
    ]


def timers_of(market: Tape, *due_ms: float) -> list[float]:
    """When timers set at the first wake-up fire, in ms; the strategy sees only those."""
    fired: list[float] = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if wake.reasons & On.TIMER:
            assert wake.instrument == -1
            fired.append(wake.now_ns / 1e6)
        elif not fired and wake.reasons & On.MARKET:
            for due in due_ms:
                out.timer(round(due * 1e6))

    run(Strategy(decide, wakes=On.MARKET | On.TIMER, python_only=True), market)
    return fired


def test_a_timer_fires_at_the_first_record_at_or_after_it_with_its_own_time() -> None:
    assert timers_of(tape().book(**BOOK).at(7).wait(), 5, 7, 8) == [5, 7]


def test_a_timer_waits_for_its_own_nanosecond() -> None:
    assert timers_of(tape().book(**BOOK).at(7).wait(), 7.000001) == []
    assert timers_of(tape().book(**BOOK).at(7.000001).wait(), 7.000001) == [7.000001]


def test_timers_of_one_moment_are_one_wake_up() -> None:
    assert timers_of(tape().book(**BOOK).at(9).wait(), 5, 5, 4) == [4, 5]


def test_a_timer_comes_before_later_records_and_after_those_of_its_own_moment() -> None:
    order = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        order.append((wake.reasons, wake.now_ns // 10**6, views[0].bid))
        if len(order) == 1:
            out.timer(5 * 10**6)
            out.timer(6 * 10**6)

    market = tape().book(**BOOK).at(6).update(bids=[("99.95", "1")])
    run(Strategy(decide, wakes=On.MARKET | On.TIMER, python_only=True), market)
    assert order == [(On.MARKET, 2, 9990), (On.TIMER, 5, 9990), (On.MARKET, 6, 9995), (On.TIMER, 6, 9995)]


def test_the_end_is_the_last_call() -> None:
    order = []
    strategy = Strategy(
        lambda s, w, m, o: order.append((w.reasons, w.instrument)), wakes=On.MARKET | On.END, python_only=True
    )
    run(strategy, tape().book(**BOOK))
    assert order == [(On.MARKET, 0), (On.END, -1)]


# declarations


@pytest.mark.parametrize(
    "options",
    [
        {"state": {"at": "i8"}},
        {"state": {"X": "i8"}},
        {"state": {"x": "i4"}},
        {"at": {"x": "f8[0]"}},
        {"tags": ("a|b",)},
        {"tags": ("a\nb",)},
    ],
)
def test_declarations_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Strategy(lambda *_: None, **options, python_only=True)


@pytest.mark.parametrize("options", [{"depth": 0}, {"orders": 0}, {"wakes": -1}])
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be >="):
        Strategy(lambda *_: None, **options, python_only=True)


def test_units_round_to_the_side_that_is_asked_for() -> None:
    assert units("0.05", 2, up=True) == units("0.05", 2, up=False) == 5
    assert (units("0.05", 1, up=True), units("0.05", 1, up=False)) == (1, 0)
    assert (units("-0.05", 1, up=True), units("-0.05", 1, up=False)) == (0, -1)
    with pytest.raises(BadNumber):
        units("1/3", 2, up=True)
