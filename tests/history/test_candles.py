"""Candles of trades, and the two sides of a comparison."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.history import Candle
from mm_framework.history.candles import candles_of, combine, compare, plain, unbroken_spans

MINUTE = 60_000


def trade(at_ms: int, price: str, size: str) -> tuple[int, Decimal, Decimal]:
    return at_ms, Decimal(price), Decimal(size)


def test_a_candle_has_the_first_highest_lowest_last_price_and_all_sizes() -> None:
    trades = [
        trade(0, "10.0", "1"),
        trade(1, "12.50", "0.5"),
        trade(59_999, "9", "0.25"),
        trade(59_999, "11", "0.250"),
        trade(180_000, "11", "3"),
    ]
    assert list(candles_of(trades, MINUTE)) == [
        Candle(0, "10", "12.5", "9", "11", "2"),
        Candle(180_000, "11", "11", "11", "11", "3"),
    ]
    assert list(candles_of([], MINUTE)) == []


def test_trades_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="comes after the interval that begins at 60000"):
        list(candles_of([trade(60_000, "1", "1"), trade(59_999, "1", "1")], MINUTE))


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**12), st.integers(1, 10**12)), max_size=60)
)
def test_longer_candles_are_those_of_the_shorter_ones(rows: list[tuple[int, int, int]]) -> None:
    trades = [(at, Decimal(p).scaleb(-8), Decimal(s).scaleb(-8)) for at, p, s in sorted(rows)]
    short = list(candles_of(trades, MINUTE))
    for one in candles_of(trades, 5 * MINUTE):
        parts = [part for part in short if one.ts_ms <= part.ts_ms < one.ts_ms + 5 * MINUTE]
        assert (one.open, one.close) == (parts[0].open, parts[-1].close)
        assert Decimal(one.high) == max(Decimal(part.high) for part in parts)
        assert Decimal(one.low) == min(Decimal(part.low) for part in parts)
        assert Decimal(one.volume) == sum(Decimal(part.volume) for part in parts)
    assert sum(Decimal(one.volume) for one in short) == sum((size for _, _, size in trades), Decimal(0))


@pytest.mark.parametrize(
    ("text", "short"),
    [("106038.20000", "106038.2"), ("100", "100"), ("0.000", "0"), ("1E-7", "0.0000001"), ("1E+3", "1000")],
)
def test_numbers_have_their_shortest_text(text: str, short: str) -> None:
    assert plain(text) == short


def test_a_difference_names_the_numbers_and_spelling_is_none() -> None:
    ours = [Candle(0, "1", "2", "1", "2", "5"), Candle(MINUTE, "1", "1", "1", "1", "1")]
    theirs = [Candle(0, "1.0", "2.5", "1", "2", "5.10"), Candle(MINUTE, "1.00", "1", "1", "1", "1.0")]
    (one,) = compare(ours, theirs)
    assert (one.ts_ms, one.fields) == (0, ("high", "volume"))


def test_what_one_side_lacks_is_a_difference_unless_nothing_was_traded() -> None:
    flat = Candle(0, "1", "1", "1", "1", "0.00")
    assert compare([], [flat]) == compare([flat], []) == []
    traded = Candle(0, "1", "1", "1", "1", "2")
    assert [(one.local, one.exchange) for one in compare([], [traded])] == [(None, traded)]
    assert [(one.local, one.exchange) for one in compare([traded], [flat])] == [(traded, None)]


def test_ours_are_preferred_and_theirs_fill_the_holes() -> None:
    ours = [Candle(MINUTE, "9", "9", "9", "9", "9")]
    theirs = [Candle(at * MINUTE, "1", "1", "1", "1", "1") for at in range(3)]
    assert combine(ours, theirs) == [theirs[0], ours[0], theirs[2]]


def test_spans_end_where_a_candle_is_missing() -> None:
    candles = [Candle(at * MINUTE, "1", "1", "1", "1", "1") for at in (0, 1, 3)]
    assert unbroken_spans(candles, MINUTE) == [(0, 2 * MINUTE), (3 * MINUTE, 4 * MINUTE)]
