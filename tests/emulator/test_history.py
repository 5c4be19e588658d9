"""What a venue still shows: candles of its trades, stamps that stay, and a bounded memory."""

from __future__ import annotations

import pytest

from mm_framework.contracts.emulator import Print
from mm_framework.emulator import history
from mm_framework.emulator.clock import BentClock
from mm_framework.emulator.history import Candle, Period, TradeHistory, unbroken

MS = 1_000_000
MINUTE = 60_000
DAY = 86_400_000
JANUARY_2024 = 1_704_067_200_000


def trade(number: int, time_ms: int, price: int = 100, size: int = 1, side: int = 1) -> Print:
    return Print(number, side, price, size, time_ms * MS, False)


def past(*prints: Print) -> TradeHistory:
    return TradeHistory(prints, lambda at_ns: at_ns)


def test_a_candle_has_the_first_and_last_price_the_extremes_and_the_sums() -> None:
    trades = (trade(1, 10, 100, 2), trade(2, 20, 130, 3, -1), trade(3, 59_999, 90, 4), trade(4, MINUTE, 95))
    assert past(*trades).candles(Period(MINUTE)) == [
        Candle(0, 100, 130, 90, 90, 9, 200 + 390 + 360, 6, 200 + 360, 3),
        Candle(MINUTE, 95, 95, 95, 95, 1, 95, 1, 95, 1),
    ]


def test_long_candles_are_the_short_ones_joined_and_seconds_come_from_the_trades() -> None:
    one = past(*(trade(n, n * 7_300, 100 + n * 37 % 11, n) for n in range(200)))
    minutes, fives = one.candles(Period(MINUTE)), one.candles(Period(5 * MINUTE))
    for bar in fives:
        parts = [part for part in minutes if 0 <= part.open_ms - bar.open_ms < 5 * MINUTE]
        assert (bar.open, bar.close) == (parts[0].open, parts[-1].close)
        assert (bar.high, bar.low) == (max(p.high for p in parts), min(p.low for p in parts))
        assert (bar.size, bar.trades) == (sum(p.size for p in parts), sum(p.trades for p in parts))
    assert [bar.open_ms for bar in one.candles(Period(1000))] == [
        n * 7_300 // 1000 * 1000 for n in range(200)
    ]


def test_weeks_begin_where_they_are_told_to_and_months_are_those_of_the_calendar() -> None:
    week, month = Period(7 * DAY, 4 * DAY), Period(0)
    assert week.open_ms(JANUARY_2024 + 3 * DAY) == JANUARY_2024, "a Monday"
    assert week.open_ms(JANUARY_2024 - 1) == JANUARY_2024 - 7 * DAY
    assert month.open_ms(JANUARY_2024 + 20 * DAY) == JANUARY_2024
    assert month.next_ms(JANUARY_2024 - 31 * DAY) == JANUARY_2024
    assert month.next_ms(month.next_ms(JANUARY_2024)) == JANUARY_2024 + 60 * DAY, "a leap year"


def test_gaps_are_flat_up_to_the_running_candle() -> None:
    period = Period(MINUTE)
    bars = unbroken(past(trade(1, 0, 100), trade(2, 3 * MINUTE, 120)).candles(period), period, 5 * MINUTE)
    assert [bar.open_ms for bar in bars] == [n * MINUTE for n in range(6)]
    assert [bar.close for bar in bars] == [100, 100, 100, 120, 120, 120]
    assert [bar.trades for bar in bars] == [1, 0, 0, 1, 0, 0]
    assert unbroken([], period, 5 * MINUTE) == []


def test_a_stamp_stays_when_the_clock_is_set() -> None:
    clock = BentClock(0, 0)
    one = TradeHistory([trade(1, 1000)], clock.wall_ns)
    clock.jump(5000 * MS)
    one.add([trade(2, 2000)])
    assert [told.time_ms for told in one.trades] == [1000, 7000]


def test_memory_is_bounded_and_candles_that_lost_a_part_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "TRADES", 10)
    monkeypatch.setattr(history, "MINUTES", 4)
    one = past(*(trade(n, n * 20_000 + n % 2 * 500) for n in range(21)))
    assert [told.made.trade_id for told in one.trades] == list(range(11, 21))
    assert [bar.open_ms // MINUTE for bar in one.candles(Period(MINUTE))] == [3, 4, 5, 6]
    assert [bar.trades for bar in one.candles(Period(MINUTE))] == [3, 3, 3, 3]
    assert [bar.open_ms // MINUTE for bar in one.candles(Period(2 * MINUTE))] == [4, 6], "2 has lost a minute"
    assert [bar.open_ms // 1000 for bar in one.candles(Period(40_000))] == [240, 280, 320, 360, 400]
