"""Known answers of inventory."""

from __future__ import annotations

import pytest

from mm_framework.results.inventory import inventory
from tests.support.run_columns import S, fills


def test_means_are_by_time_and_over_the_whole_run() -> None:
    one = inventory(fills((2, 1, 100, 4), (6, -1, 110, 6), (8, 1, 105, 2)), (0, 10 * S), limit=4)
    # flat 2 s, +4 for 4 s, -2 for 2 s, flat 2 s
    assert (one.most, one.last) == (4, 0)
    assert one.mean == pytest.approx((4 * 4 + 2 * 2) / 10)
    assert one.rms == pytest.approx(((16 * 4 + 4 * 2) / 10) ** 0.5)
    assert one.at_limit == pytest.approx(0.4)
    assert one.turnover == (4 * 100 + 6 * 110 + 2 * 105) * 10


def test_the_holding_time_is_by_unit() -> None:
    one = inventory(fills((0, 1, 100, 1), (4, 1, 100, 1), (6, -1, 100, 2)), (0, 10 * S))
    assert one.held_ns == pytest.approx(4 * S)  # one unit 6 s, one 2 s
    turned = inventory(fills((0, 1, 100, 1), (4, -1, 100, 3)), (0, 10 * S))
    assert turned.held_ns == pytest.approx((4 + 2 * 6) / 3 * S)  # 1 long 4 s, 2 short 6 s until the end


def test_without_fills_nothing_was_held() -> None:
    one = inventory(fills(), (0, 10 * S), limit=5)
    assert (one.most, one.mean, one.at_limit, one.held_ns, one.turnover) == (0, 0.0, 0.0, None, 0)
    assert inventory(fills(), (0, 10 * S)).at_limit is None
