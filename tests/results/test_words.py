"""Numbers in words."""

from __future__ import annotations

import pytest

from mm_framework.results.words import amounts, bps, duration, number, share


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0"), (-0.0, "0"), (1234567.0, "1,234,567"), (12.3456, "12.35"), (0.012345, "0.0123"),
        (-3.5, "\N{MINUS SIGN}3.5"),
        (0.00001234, "1.234e\N{MINUS SIGN}05"), (None, "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_numbers_have_significant_digits(value: float | None, told: str) -> None:
    assert number(value) == told


def test_a_share_that_is_not_nothing_is_not_shown_as_nothing() -> None:
    assert [share(one) for one in (0.0, 0.00001, 0.125, 1.0)] == ["0.0 %", "< 0.1 %", "12.5 %", "100.0 %"]
    assert share(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.35, "350 ms"), (1, "1 s"), (12.5, "12.5 s"), (60, "1 min"), (185, "3 min 5 s"),
        (7440, "2 h 4 min"),
        (86_400, "1 d"), (100_800, "1 d 4 h"), (None, "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_amounts_stand_below_each_other() -> None:
    assert amounts(["1234.5", "-0.25", "3"]) == ["1,234.50", "\N{MINUS SIGN}0.25", "3.00"]
    assert amounts(["7", "-12"]) == ["7", "\N{MINUS SIGN}12"]


def test_basis_points_are_signed() -> None:
    assert [bps(one) for one in (1.234, -0.5, None)] == ["+1.23", "\N{MINUS SIGN}0.50", "\N{EN DASH}"]
