"""The volume of a day: exact over definitions of other scales; minutes leave after a day."""

from __future__ import annotations

from mm_framework.serve.volume import DayVolume

T0 = 1_795_000_020_000
DAY_MS = 86_400_000


def test_trades_at_other_scales_are_added_as_decimals() -> None:
    volume = DayVolume()
    volume.add(T0, 150, 20, (2, 1))  # 2.0 at 1.50
    volume.add(T0 + 1, 14_999, 5, (4, 1))  # 0.5 at 1.4999
    volume.add(T0 + 2, 149, 1, (2, 2))  # 0.01 at 1.49
    told = volume.told()
    assert (told.base, told.quote, told.trades) == ("2.51", "3.76485", 3)


def test_a_minute_leaves_after_a_day_at_whatever_scale_it_stands() -> None:
    volume = DayVolume()
    volume.add(T0, 150, 20, (2, 1))
    volume.add(T0 + 3_600_000, 14_999, 50, (4, 2))
    volume.pass_to(T0 + DAY_MS + 60_000)
    told = volume.told()
    assert (told.base, told.quote, told.trades) == ("0.5", "0.74995", 1)
