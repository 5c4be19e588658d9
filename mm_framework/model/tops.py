"""Top of book: the canonical event (requirement D6), and the best prices of a level list (D7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mm_framework.model.book import Level

__all__ = ["Top", "TopEvent", "e6", "top_of_levels"]

Top = tuple[Level | None, Level | None]
"""Best bid and best ask; a size of 0 is one that a ticker did not tell."""


class TopEvent(NamedTuple):
    """The canonical top-of-book event: integers of 6 decimals, None for a side that is not there.

    ``bid_sz_e6``, ``ask_sz_e6`` are None, too, where the venue did not tell the size. ``ts_event``:
    venue time in ns or None; ``ts_recv``: monotonic ns. This view alone may round.
    """

    market_id: str
    bid_px_e6: int | None
    bid_sz_e6: int | None
    ask_px_e6: int | None
    ask_sz_e6: int | None
    ts_event: int | None
    ts_recv: int
    seq: int


def e6(value: int, scale: int) -> tuple[int, bool]:
    """``(value at 6 decimals, exact)`` of an integer at ``scale``; half rounds away from zero."""
    if scale <= 6:
        return value * 10 ** (6 - scale), True
    unit = 10 ** (scale - 6)
    magnitude, rest = divmod(abs(value), unit)
    magnitude += 2 * rest >= unit
    return (-magnitude if value < 0 else magnitude), rest == 0


def top_of_levels(bids: Sequence[Level], asks: Sequence[Level]) -> Top:
    """Best bid and ask of level lists that a venue may send in either order (requirement D7).

    A level is valid when its price and size are positive. When the bids look non-decreasing by price
    (the first two, the middle and the last two are looked at) the last valid one is the best, else
    all are scanned for the highest; asks likewise when they look non-increasing. None: no valid level.
    """
    return _extreme(bids, 1), _extreme(asks, -1)


def _extreme(levels: Sequence[Level], sign: int) -> Level | None:
    n = len(levels)
    sample = sorted({0, 1, n // 2, n - 2, n - 1} & set(range(n)))
    keys = [levels[k][0] * sign for k in sample]
    valid = (level for level in reversed(levels) if level[0] > 0 and level[1] > 0)
    if keys == sorted(keys):
        return next(valid, None)
    return max(valid, key=lambda level: level[0] * sign, default=None)
