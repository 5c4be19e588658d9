"""Candles of heard trades are the candles of those trades; they are kept for a day."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.contracts.history import Candle
from mm_framework.history.candles import candles_of, compare
from mm_framework.serve.bars import DAY_MINUTES, MINUTE_MS, MinuteBars, joined

T0 = 1_795_000_020_000 // MINUTE_MS * MINUTE_MS
trades = st.lists(
    st.tuples(st.integers(0, 40_000), st.integers(1, 10**6), st.integers(1, 10**6)), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(trades)
def test_they_are_the_candles_of_the_same_trades(steps: list[tuple[int, int, int]]) -> None:
    bars, told, at_ms = MinuteBars(), [], T0
    for step_ms, price, size in steps:
        at_ms += step_ms
        bars.add(at_ms, price, size, (2, 3))
        told.append((at_ms, Decimal(price).scaleb(-2), Decimal(size).scaleb(-3)))
    assert bars.candles(T0, at_ms + 1) == list(candles_of(told, MINUTE_MS))
    assert compare(joined(bars.candles(T0, at_ms + 1), 300_000), candles_of(told, 300_000)) == []
    assert [bars.close_at(minute) for minute in bars.minutes()] == [
        float(one.close) for one in bars.candles(T0, at_ms + 1)
    ]


def test_a_definition_with_larger_scales_keeps_the_minute() -> None:
    bars = MinuteBars()
    bars.add(T0, 150, 20, (2, 1))
    bars.add(T0 + 1, 14_999, 5, (4, 1))
    bars.add(T0 + 2, 149, 1, (2, 2))
    assert bars.candles(T0, T0 + 1) == [Candle(T0, "1.5", "1.5", "1.49", "1.49", "2.51")]


def test_a_late_trade_of_the_minute_before_joins_it() -> None:
    bars = MinuteBars()
    for at_ms, price in ((T0 + 59_000, 10), (T0 + MINUTE_MS, 20), (T0 + 59_500, 30)):
        bars.add(at_ms, price, 1, (0, 0))
    assert [one.close for one in bars.candles(T0, T0 + 2 * MINUTE_MS)] == ["30", "20"]


def test_a_day_is_kept() -> None:
    bars = MinuteBars()
    for minute in range(DAY_MINUTES + 5):
        bars.add(T0 + minute * MINUTE_MS, 1, 1, (0, 0))
    assert (len(bars.minutes()), bars.minutes()[0]) == (DAY_MINUTES, T0 // MINUTE_MS + 5)
    assert bars.first_ms == T0
    assert bars.close_at(0) is None
