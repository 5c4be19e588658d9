"""Known answers, written by hand, for every rule of the simulated venue and the two clocks."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.strategy import On
from mm_framework.model.orders import OrderState, Side, TimeInForce, Urgency
from mm_framework.testing.engines import engines_agree
from mm_framework.testing.strategies import Tape, backtest, tape
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.latency import Constant, FeedDerived, Interpolated, Measured
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import queue_model
from tests.support.scripted_orders import cancel, ms, place, replace, scripted

BUY, SELL = Side.BUY, Side.SELL
TAKER = Urgency.TAKER
IOC, FOK, GTD = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD


def market() -> Tape:
    """Received at 2 ms, at the venue at 1.9 ms; sizes in thousandths: 2 lots are 2000."""
    return (
        tape()
        .latency(0.1)
        .at(2)
        .book(bids=[("99.90", "2"), ("99.80", "9")], asks=[("100.10", "1"), ("100.20", "9")])
    )


def fills(outcome: Outcome) -> list[tuple[float, int, int, int]]:
    return [
        (ms(paid.fill.mono_ns), paid.fill.side, paid.fill.price, paid.fill.size) for paid in outcome.fills
    ]


def states(outcome: Outcome) -> list[tuple[float, int, str]]:
    return [(ms(report.ts_ns), report.order, report.state.name.lower()) for report in outcome.reports]


# the queue


def test_a_print_that_exactly_exhausts_the_queue_fills_nothing() -> None:
    exact = market().at(10).trade("sell", "99.90", "2").at(20).wait()
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), exact)) == []
    over = market().at(10).trade("sell", "99.90", "2.001").at(20).wait()
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), over)) == [(9.9, BUY, 9990, 1)]


def test_what_a_print_leaves_over_fills_and_the_next_print_goes_on_from_there() -> None:
    busy = market().at(10).trade("sell", "99.90", "2.4").at(11).trade("sell", "99.90", "0.5").wait()
    result = backtest(scripted(place(3, BUY, 9990, 1000)), busy)
    assert fills(result) == [(9.9, BUY, 9990, 400), (10.9, BUY, 9990, 500)]
    assert states(result)[-1][2] == "partially_filled"


def test_a_print_and_the_level_change_it_caused_count_once() -> None:
    busy = (
        market().at(10).trade("sell", "99.90", "1").at(11).update(bids=[("99.90", "1")])
        .at(12).trade("sell", "99.90", "1").at(13).update(bids=[("99.90", "0.001")])
        .at(14).trade("sell", "99.90", "0.3").wait()
    )  # fmt: skip
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), busy)) == [(13.9, BUY, 9990, 300)]


def test_the_report_of_an_order_that_comes_to_rest_tells_the_lots_ahead() -> None:
    script = scripted(
        place(3, BUY, 9990, 1000), place(3, BUY, 9985, 1), place(3, SELL, 9990, 1, tif=IOC, urgency=TAKER)
    )
    assert [report.ahead for report in backtest(script, market().wait()).reports] == [2000, 0, None, None]


@pytest.mark.parametrize(
    ("queue", "filled"),
    [
        ("risk_averse", []),  # 2 ahead; 1 of the 3 cancelled, all behind us; a print of 1.9
        ("log", [(11.9, BUY, 9990, 423)]),  # P = ln 1001 / (ln 1001 + ln 2001) = 0.47614
        ("power", [(11.9, BUY, 9990, 700)]),  # P = 1 / (1 + 4)
        ("optimistic", [(11.9, BUY, 9990, 1000)]),
    ],
)
def test_the_queue_model_says_whose_orders_were_cancelled(
    queue: str, filled: list[tuple[float, int, int, int]]
) -> None:
    busy = (
        market().at(9).update(bids=[("99.90", "3")]).at(10).update(bids=[("99.90", "2")])
        .at(12).trade("sell", "99.90", "1.9").wait()
    )  # fmt: skip
    result = backtest(
        scripted(place(3, BUY, 9990, 1000)), busy, execution=Execution(queue=queue_model(queue))
    )
    assert fills(result) == filled


def test_a_level_that_returns_finds_us_first_or_behind() -> None:
    busy = (
        market().at(10).update(bids=[("99.90", "0")]).at(11).update(bids=[("99.90", "5")])
        .at(12).trade("sell", "99.90", "0.7").wait()
    )  # fmt: skip
    order = scripted(place(3, BUY, 9990, 1000))
    assert fills(backtest(order, busy)) == [(11.9, BUY, 9990, 700)]
    assert fills(backtest(order, busy, execution=Execution(vanished="behind"))) == []


def test_two_own_orders_share_a_print() -> None:
    busy = market().at(10).trade("sell", "99.90", "2.5").at(11).trade("sell", "99.90", "0.6").wait()
    two = scripted(place(3, BUY, 9990, 300), place(4, BUY, 9990, 1000))
    result = backtest(two, busy)
    # 2 ahead of both; 0.3 to the first, which leaves 2.2 for the second: 0.2; then 0.6 more
    assert [(paid.fill.order, paid.fill.size) for paid in result.fills] == [(1, 300), (2, 200), (2, 600)]


def test_a_print_through_the_price_fills_all_at_the_own_price() -> None:
    busy = market().at(10).trade("sell", "99.85", "0.001").wait()
    order = scripted(place(3, BUY, 9990, 1000))
    assert fills(backtest(order, busy)) == [(9.9, BUY, 9990, 1000)]
    assert fills(backtest(order, busy, execution=Execution(through="print"))) == [(9.9, BUY, 9990, 1)]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_print_at_a_better_price_proves_nothing(side: str) -> None:
    busy = market().at(10).trade(side, "99.95", "9").wait()
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), busy)) == []


def test_a_print_that_caps_a_fill_fills_whole_lots() -> None:
    odd = (
        tape(size_scale=4, lot="0.001").latency(0.1)
        .at(2).book(bids=[("99.90", "2")], asks=[("100.10", "1")])
        .at(10).trade("sell", "99.80", "0.0025").at(11).trade("sell", "99.80", "0.0009").wait()
    )  # fmt: skip
    order, rules = scripted(place(3, BUY, 9990, 10_000)), Execution(through="print")
    assert fills(engines_agree(order, odd, execution=rules)) == [(9.9, BUY, 9990, 20)]


def test_a_book_whose_other_side_reaches_the_price_fills_it() -> None:
    busy = market().at(10).update(bids=[("99.90", "0")], asks=[("99.90", "1")]).wait()
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), busy)) == [(9.9, BUY, 9990, 1000)]


def test_a_new_level_has_nobody_ahead_and_sells_are_the_mirror() -> None:
    busy = market().at(10).trade("buy", "100.05", "0.4").wait()
    assert fills(backtest(scripted(place(3, SELL, 10005, 1000)), busy)) == [(9.9, SELL, 10005, 400)]


def test_beyond_what_is_known_only_a_print_through_fills() -> None:
    busy = market().at(10).trade("sell", "99.70", "50").at(11).trade("sell", "99.60", "1").wait()
    order = scripted(place(3, BUY, 9970, 1000), place(3, BUY, 9965, 1000))
    assert fills(backtest(order, busy)) == [(10.9, BUY, 9970, 1000), (10.9, BUY, 9965, 1000)]


# takers


def test_a_taker_walks_the_levels_up_to_its_limit_and_the_rest_rests() -> None:
    busy = market().at(10).wait(1)
    result = backtest(scripted(place(3, BUY, 10020, 12_000, urgency=TAKER)), busy)
    assert fills(result) == [(3.0, BUY, 10010, 1000), (3.0, BUY, 10020, 9000)]
    assert [(o.price, o.leaves) for o in result_orders(result)] == []
    assert states(result) == [(3.0, 1, "new"), (3.0, 1, "partially_filled"), (3.0, 1, "partially_filled")]


def result_orders(result: Outcome) -> list[Any]:
    """Orders that ended; a resting rest is none."""
    return [report for report in result.reports if report.state is OrderState.FILLED]


def test_ioc_lapses_and_fok_is_all_or_nothing() -> None:
    quiet = market().at(10).wait(1)
    result = backtest(scripted(place(3, BUY, 10010, 3000, urgency=TAKER, tif=IOC)), quiet)
    assert fills(result) == [(3.0, BUY, 10010, 1000)]
    assert states(result)[-1] == (3.0, 1, "expired")
    none = backtest(scripted(place(3, BUY, 10010, 3000, urgency=TAKER, tif=FOK)), quiet)
    assert (fills(none), states(none)) == ([], [(3.0, 1, "expired")])
    whole = backtest(scripted(place(3, BUY, 10020, 3000, urgency=TAKER, tif=FOK)), quiet)
    assert sum(size for *_, size in fills(whole)) == 3000


def test_a_market_order_has_no_limit_and_never_rests() -> None:
    result = backtest(scripted(place(3, SELL, 0, 50_000, urgency=TAKER)), market().at(10).wait(1))
    assert fills(result) == [(3.0, SELL, 9990, 2000), (3.0, SELL, 9980, 9000)]
    assert states(result)[-1] == (3.0, 1, "expired")


def test_a_post_only_order_that_would_take_is_refused_without_a_fee() -> None:
    result = backtest(scripted(place(3, BUY, 10010, 1000)), market().at(10).wait(1))
    assert (fills(result), result.refusals) == ([], ["would take"])
    assert all(account.money.fees == 0 for account in result.accounts)


def test_what_we_took_stays_gone_until_the_level_is_told_anew() -> None:
    busy = market().at(10).update(asks=[("100.10", "1")]).wait()
    twice = scripted(*[place(at, BUY, 10010, 1000, urgency=TAKER, tif=IOC) for at in (3, 4, 11)])
    assert len(fills(backtest(twice, busy.at(20).wait()))) == 3
    busy = market().at(10).update(asks=[("100.10", "1")]).at(20).wait()
    result = backtest(twice, busy, execution=Execution(depletion=True))
    assert [at for at, *_ in fills(result)] == [3.0, 11.0]


# two clocks


def test_an_order_meets_the_book_of_the_moment_at_which_it_arrives() -> None:
    # The ask is lifted at the venue at 9.9; we see it at 10; the order sent at 9.5 arrives at 10.5.
    busy = market().at(10).update(asks=[("100.10", "0")]).at(20).wait()
    order = scripted(place(9.5, BUY, 10010, 500, urgency=TAKER, tif=IOC))
    assert fills(backtest(order, busy)) == [(9.5, BUY, 10010, 500)]
    late = backtest(order, busy, entry=Constant(1_000_000))
    assert (fills(late), states(late)) == ([], [(10.5, 1, "expired")])


def test_a_cancel_in_flight_loses_to_a_fill_and_is_told_so() -> None:
    busy = market().at(10).trade("sell", "99.80", "1").at(20).wait()
    script = scripted(place(3, BUY, 9990, 1000), cancel(9.5, 1))
    quick = backtest(script, busy, entry=Constant(300_000), response=Constant(300_000))
    assert fills(quick) == []
    slow = backtest(script, busy, entry=Constant(500_000), response=Constant(300_000))
    assert fills(slow) == [(9.9, BUY, 9990, 1000)]
    assert slow.refusals == ["unknown order"]


def test_at_one_nanosecond_the_market_comes_first() -> None:
    busy = market().at(10).trade("sell", "99.80", "1").at(20).wait()
    script = scripted(place(3, BUY, 9990, 1000), cancel(9.9, 1))
    tie = backtest(script, busy)
    assert fills(tie) == [(9.9, BUY, 9990, 1000)]
    before = scripted(place(3, BUY, 9990, 1000), cancel(9.899999, 1))
    assert fills(backtest(before, busy)) == []


def test_position_and_orders_change_here_when_the_answer_arrives() -> None:
    seen: list[tuple[float, int, int, int]] = []
    busy = market().at(10).trade("sell", "99.80", "1").at(11).update(asks=[("100.30", "1")]).at(20).wait()
    script = scripted(place(3, BUY, 9990, 1000), seen=seen)
    backtest(script, busy, entry=Constant(1_000_000), response=Constant(5_000_000))
    assert seen == [
        (2.0, On.MARKET | On.RESYNC, 0, 0),
        (3.0, On.TIMER, 0, 0),
        (14.9, On.OWN_FILL, 1000, 0),  # filled at 9.9
    ]


def test_an_order_expires_at_a_time_of_the_venue() -> None:
    busy = market().at(10).trade("sell", "99.80", "1").at(20).wait()
    for expires_ms, filled in ((9.899999, []), (9.9, [(9.9, BUY, 9990, 1000)])):
        order = place(
            3, BUY, 9990, 1000, tif=GTD, expires_ns=1_700_000_000_000_000_000 + round(expires_ms * 1e6)
        )
        assert fills(backtest(scripted(order), busy)) == filled


@pytest.mark.parametrize("urgency", list(Urgency))
def test_an_order_that_arrives_after_its_time_expires_untouched(urgency: Urgency) -> None:
    price = 10010 if urgency is TAKER else 9990
    for expires_ms, state in ((5.999999, "expired"), (6.0, "expired"), (6.000001, "new")):
        expires_ns = 1_700_000_000_000_000_000 + round(expires_ms * 1e6)
        order = place(3, BUY, price, 500, tif=GTD, urgency=urgency, expires_ns=expires_ns)
        result = engines_agree(scripted(order), market().at(20).wait(), entry=Constant(3_000_000))
        assert states(result)[0] == (6.0, 1, state)
        assert bool(fills(result)) == (state == "new" and urgency is TAKER)


def test_what_we_notice_ourselves_has_no_latency_of_the_feed() -> None:
    busy = market().at(10).instrument("test:C/B").at(12).about("test:A/B").gap().at(100).wait()
    for sent_ms in (9, 11, 13):
        result = engines_agree(
            scripted(place(sent_ms, BUY, 9990, 500)), busy, entry=FeedDerived(), response=FeedDerived()
        )
        assert [
            (ms(report.ts_ns), ms(known))
            for report, known in zip(result.reports, result.known_ns, strict=True)
        ] == [(sent_ms + 0.1, sent_ms + 0.2)]


def test_a_replacement_keeps_its_place_only_when_it_gets_smaller() -> None:
    busy = market().at(10).trade("sell", "99.90", "1.5").at(12).trade("sell", "99.90", "1").at(20).wait()
    smaller = scripted(place(3, BUY, 9990, 1000), replace(11, 1, 9990, 800))
    assert fills(backtest(smaller, busy)) == [(11.9, BUY, 9990, 500)]
    larger = scripted(place(3, BUY, 9990, 1000), replace(11, 1, 9990, 1200))
    assert fills(backtest(larger, busy)) == []


def test_measured_latency_decides_a_race() -> None:
    start = 1_700_000_000_000_000_000
    rows = [
        Measured(start, start + 200_000, start + 400_000),
        Measured(start + 20_000_000, start + 21_200_000, start + 22_000_000),
    ]
    busy = market().at(10).update(asks=[("100.10", "0")]).at(20).wait()
    # at 9 ms the entry takes 0.2 + (1.2 - 0.2) x 9/20 = 0.65 ms: 9.65, before the lift at 9.9
    order = scripted(place(9, BUY, 10010, 500, urgency=TAKER, tif=IOC))
    assert fills(backtest(order, busy, entry=Interpolated(rows, "entry"))) == [(9.65, BUY, 10010, 500)]
    later = scripted(place(9.3, BUY, 10010, 500, urgency=TAKER, tif=IOC))
    assert fills(backtest(later, busy, entry=Interpolated(rows, "entry"))) == []


# trust


def test_during_a_gap_nothing_fills_and_nothing_is_accepted() -> None:
    busy = (
        market().at(10).gap().at(11).trade("sell", "99.00", "50")
        .at(15).book(bids=[("99.90", "4")], asks=[("100.10", "1")])
        .at(16).trade("sell", "99.90", "4.5").wait()
    )  # fmt: skip
    script = scripted(place(3, BUY, 9990, 1000), place(12, BUY, 9990, 1000))
    result = backtest(script, busy)
    assert result.refusals == ["venue unknown"]
    assert fills(result) == [(15.9, BUY, 9990, 500)]  # last in line behind the 4 of the new book
    cancelled = backtest(script, busy, execution=Execution(on_gap="cancel"))
    assert (fills(cancelled), states(cancelled)[1][2]) == ([], "cancelled")


def test_an_order_that_the_new_book_crosses_is_filled_at_its_price() -> None:
    busy = market().at(10).gap().at(15).book(bids=[("99.70", "4")], asks=[("99.85", "1")]).at(20).wait()
    assert fills(backtest(scripted(place(3, BUY, 9990, 1000)), busy)) == [(14.9, BUY, 9990, 1000)]
