"""Events and state store: rows in, best prices, trust and canonical events out (requirement D6)."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ReplayError
from mm_framework.model.events import Reason
from mm_framework.model.orders import Side
from mm_framework.testing.strategies import Result, Tape, run, tape
from mm_framework.trading.settings import TradingSettings

BOOK = {"bids": [("99.90", "2")], "asks": [("100.10", "1")]}
QUIET = Strategy(lambda state, wake, market, out: None, wakes=0, python_only=True)
TICKER = TradingSettings(price_source="ticker")


def wakes_of(market: Tape, wakes: int, settings: TradingSettings | None = None) -> list[tuple[int, int]]:
    """``(reasons, trusted)`` of every wake-up."""
    seen: list[tuple[int, int]] = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        seen.append((wake.reasons, views[wake.instrument].trusted))

    run(Strategy(decide, wakes=wakes, python_only=True), market, settings=settings)
    return seen


def test_an_event_carries_both_sides_at_six_decimals() -> None:
    (event,) = run(QUIET, tape().book(**BOOK)).tops
    assert event[:5] == ("test:A/B", 99_900_000, 2_000_000, 100_100_000, 1_000_000)
    assert event.ts_event is None
    assert event.ts_recv == 2_000_000


def test_only_a_change_of_the_top_is_an_event() -> None:
    market = (
        tape()
        .book(**BOOK)
        .update(bids=[("99.80", "5")])
        .update(bids=[("99.90", "2")])
        .update(bids=[("99.90", "3")])
        .update(asks=[("100.10", "0")])
    )
    tops = run(QUIET, market).tops
    assert [(top.bid_sz_e6, top.ask_px_e6) for top in tops] == [
        (2_000_000, 100_100_000),
        (3_000_000, 100_100_000),
        (3_000_000, None),
    ]


def test_the_book_is_cut_to_the_definitions_depth_after_a_whole_message() -> None:
    market = tape(depth=1).book(**BOOK).update(bids=[("99.95", "1")]).update(bids=[("99.95", "0")])
    assert run(QUIET, market).tops[-1].bid_px_e6 is None


def test_a_snapshot_replaces_the_book() -> None:
    market = tape().book(**BOOK).book(bids=[("90.00", "1")], asks=[("91.00", "1")])
    assert run(QUIET, market).tops[-1][1:5] == (90_000_000, 1_000_000, 91_000_000, 1_000_000)


def test_nothing_is_told_while_the_book_is_lost_and_resync_wakes_at_both_ends() -> None:
    market = tape().book(**BOOK).gap().book(bids=[("90.00", "1")], asks=[("91.00", "1")])
    assert wakes_of(market, On.MARKET | On.RESYNC) == [
        (On.RESYNC | On.MARKET, 1),
        (On.RESYNC, 0),
        (On.RESYNC | On.MARKET, 1),
    ]


def test_a_book_that_comes_back_unchanged_is_a_resync_but_no_event() -> None:
    market = tape().book(**BOOK).gap().book(**BOOK)
    result = run(QUIET, market)
    assert result.pipeline.canonical_events == 1
    assert result.pipeline.deliveries == 3


def test_a_snapshot_without_a_loss_is_no_resync() -> None:
    assert wakes_of(tape().book(**BOOK).book(**BOOK), On.RESYNC) == [(On.RESYNC, 1)]


def test_a_book_message_below_the_top_wakes_only_who_asks_for_it() -> None:
    market = tape().book(**BOOK).update(bids=[("99.00", "1")])
    assert len(wakes_of(market, On.MARKET)) == 1
    assert [reasons for reasons, _ in wakes_of(market, On.MARKET | On.BOOK)] == [On.MARKET | On.BOOK, On.BOOK]


def test_a_print_wakes_with_its_price_size_and_side() -> None:
    seen: list[tuple[int, int, int]] = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        seen.append((wake.trade_price, wake.trade_size, wake.trade_side))

    run(Strategy(decide, wakes=On.TRADE, python_only=True), tape().book(**BOOK).trade("sell", "99.90", "0.5"))
    assert seen == [(9990, 500, Side.SELL)]


def test_the_ticker_is_ignored_unless_it_is_the_chosen_source() -> None:
    market = tape().book(**BOOK).ticker(("1.00", "1"), ("2.00", "1"))
    assert [top.bid_px_e6 for top in run(QUIET, market).tops] == [99_900_000]
    assert [top.bid_px_e6 for top in run(QUIET, market, settings=TICKER).tops] == [1_000_000]


def test_the_source_is_chosen_for_single_instruments() -> None:
    settings = TradingSettings(price_sources={"test:C/D": "ticker"})
    market = tape().book(**BOOK).ticker(("1.00", "1"), None)
    market.instrument("test:C/D").book(**BOOK).ticker(("1.00", None), None)
    tops = run(QUIET, market, settings=settings).tops
    assert [top[:5] for top in tops] == [
        ("test:A/B", 99_900_000, 2_000_000, 100_100_000, 1_000_000),
        ("test:C/D", 1_000_000, None, None, None),
    ]


def test_a_ticker_is_trusted_until_its_connection_is_lost() -> None:
    market = tape().ticker(("1.00", "1"), ("2.00", "1")).lost(0).ticker(("1.00", "1"), ("2.00", "1"))
    assert [trusted for _, trusted in wakes_of(market, On.RESYNC, TICKER)] == [1, 0, 1]
    other = tape().ticker(("1.00", "1"), ("2.00", "1")).lost(7)
    assert [trusted for _, trusted in wakes_of(other, On.RESYNC, TICKER)] == [1]


def test_the_end_of_a_run_is_not_a_loss_of_its_tickers() -> None:
    ended = tape().ticker(("1.00", "1"), ("2.00", "1")).lost(0, Reason.SHUTDOWN).stop()
    assert [trusted for _, trusted in wakes_of(ended, On.RESYNC, TICKER)] == [1, 0]
    slot = run(QUIET, ended, settings=TICKER).pipeline.markets.slots[0]
    assert (slot.current, slot.levels(1)) == (True, [(100, 1000)])


def test_a_locked_market_has_a_mid_and_a_crossed_one_keeps_the_last() -> None:
    def mid2(bid: str) -> int | None:
        market = tape().book(**BOOK).update(bids=[(bid, "1")])
        return run(QUIET, market).pipeline.markets.slots[0].mid2

    assert mid2("100.10") == 2 * 10010
    assert mid2("100.11") == 9990 + 10010


def test_a_finer_scale_brings_the_numbers_along() -> None:
    market = tape().book(**BOOK).instrument("test:A/B", price_scale=4, size_scale=5)
    result = run(QUIET, market)
    slot = result.pipeline.markets.by_id["test:A/B"]
    assert (slot.top, slot.mid2, slot.last_bid) == (
        ((999_000, 200_000), (1_001_000, 100_000)),
        2_000_000,
        999_000,
    )
    assert not slot.trusted
    again = market.book(bids=[("99.9001", "2")], asks=[("100.10", "1")])
    assert run(QUIET, again).tops[-1].bid_px_e6 == 99_900_100


def test_a_level_of_another_epoch_than_the_books_is_refused() -> None:
    market = tape().book(**BOOK).gap().update(bids=[("99.00", "1")])
    with pytest.raises(ReplayError, match="level of epoch 2 on a book of epoch 1"):
        run(QUIET, market)


def test_rounding_to_six_decimals_is_counted() -> None:
    market = tape(price_scale=8, tick=None).book(bids=[("0.12345678", "1")], asks=[("0.5", "1")])
    result: Result = run(QUIET, market)
    assert result.tops[0].bid_px_e6 == 123_457
    assert result.pipeline.rounded == 1
