"""A price has five significant digits."""

from __future__ import annotations

import pytest

from mm_bitfinex.ticks import tick


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (98765, 1),
        (99999, 1),
        (100000, 10),
        (102570, 10),
        (278200, 10),
        (6896500000, 100000),
        (1, 1),
        (64210, 1),
    ],
)
def test_the_tick_follows_from_the_price(price: int, expected: int) -> None:
    assert tick(price) == expected
