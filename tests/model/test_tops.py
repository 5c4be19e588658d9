"""Canonical tops: rounding to six decimals (D6), the best prices of a level list in any order (D7)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.fixed import text, to_e6
from mm_framework.model.tops import e6, top_of_levels


@given(st.integers(-(9 * 10**12), 9 * 10**12), st.integers(0, 18))
def test_e6_of_an_integer_is_to_e6_of_its_text(value: int, scale: int) -> None:
    assert e6(value, scale) == to_e6(text(value, scale))


LEVELS = st.lists(st.tuples(st.integers(-1, 20), st.integers(-1, 3)), max_size=9)


@given(LEVELS, LEVELS)
def test_the_top_of_sorted_lists_is_their_extreme_in_either_order(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    """The worst level first (as Polymarket sends) or the best first: the answer is the same."""
    valid = [level for level in bids if min(level) > 0], [level for level in asks if min(level) > 0]
    best_bid = max((price for price, _ in valid[0]), default=None)
    best_ask = min((price for price, _ in valid[1]), default=None)
    for reverse in (False, True):
        told = sorted(bids, reverse=reverse), sorted(asks, reverse=reverse)
        bid, ask = top_of_levels(*told)
        assert (bid and bid[0], ask and ask[0]) == (best_bid, best_ask)


def test_the_order_of_a_list_is_judged_by_five_samples() -> None:
    looks_sorted = [(1, 1), (2, 1), (9, 1), (3, 1), (5, 1), (6, 1), (7, 1)]
    assert top_of_levels(looks_sorted, ())[0] == (7, 1)
    looks_unsorted = [(2, 1), (1, 1), (9, 1), (3, 1)]
    assert top_of_levels(looks_unsorted, ())[0] == (9, 1)
    assert top_of_levels((), [(9, 1), (5, 0), (3, -1)])[1] == (9, 1)
