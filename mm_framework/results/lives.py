"""The lives of quotes: from when an order rests at a price until it is filled, ends or moves. Pure."""

from __future__ import annotations

import enum

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.model.orders import IntentKind, OrderState
from mm_framework.results.columns import Reports
from mm_framework.results.path import Ints

__all__ = ["Ended", "Lives", "lives"]


class Ended(enum.IntEnum):
    """How a life ended: the order was filled, cancelled, expired or moved, or the run was over."""

    FILLED = 1
    CANCELLED = 2
    EXPIRED = 3
    MOVED = 4
    OPEN = 5


_ENDS = {
    OrderState.FILLED: Ended.FILLED,
    OrderState.CANCELLED: Ended.CANCELLED,
    OrderState.EXPIRED: Ended.EXPIRED,
}


@attrs.frozen(eq=False)
class Lives:
    """One row for each time that an order rested at one price; int64 columns but ``ahead``.

    ``start_ns``, ``end_ns``: half-open. ``size``: as it came to rest. ``filled``: how much of it was filled
    while it rested, ``first_fill_ns`` since when or NULL. ``ahead``: lots before it, NaN if not known.
    """

    account: Ints
    order: Ints
    side: Ints
    price: Ints
    size: Ints
    start_ns: Ints
    end_ns: Ints
    ended: Ints
    filled: Ints
    first_fill_ns: Ints
    ahead: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.order)

    def where(self, rows: npt.NDArray[np.bool_]) -> Lives:
        """Some of the rows."""
        return Lives(*(getattr(self, field.name)[rows] for field in attrs.fields(Lives)))


_COLUMNS = (
    "account", "order", "side", "price", "size", "start_ns", "end_ns", "ended", "filled", "first_fill_ns",
)  # fmt: skip


@attrs.define
class _Life:
    """A life that goes on."""

    side: int
    price: int
    size: int
    start_ns: int
    ahead: float
    leaves: int
    filled: int = 0
    first_fill_ns: int = NULL


def lives(reports: Reports, end_ns: int) -> Lives:
    """All lives of a run that ended at ``end_ns``, in the order in which they ended.

    What took liquidity as it arrived and left nothing has no life. A replacement that keeps the place in
    the queue (same price, no more size) goes on with the life.
    """
    found: list[tuple[int, ...]] = []
    ahead: list[float] = []
    going: dict[tuple[int, int], _Life] = {}

    def close(key: tuple[int, int], now_ns: int, ended: Ended) -> None:
        one = going.pop(key, None)
        if one is not None and (now_ns > one.start_ns or one.filled):
            found.append(
                (
                    *key,
                    one.side,
                    one.price,
                    one.size,
                    one.start_ns,
                    now_ns,
                    ended,
                    one.filled,
                    one.first_fill_ns,
                )
            )
            ahead.append(one.ahead)

    columns = (getattr(reports, field.name).tolist() for field in attrs.fields(Reports))
    for now_ns, account, order, side, state, kind, refusal, price, _, leaves, queue, filled, maker in zip(
        *columns, strict=True
    ):
        key = account, order
        if refusal:
            continue
        if filled:
            if (one := going.get(key)) is not None:
                _fill(one, filled, maker, now_ns)
        elif kind in (IntentKind.PLACE, IntentKind.REPLACE) and leaves:
            one = going.get(key)
            if one is not None and price == one.price and leaves <= one.leaves:
                one.leaves = leaves
                continue
            close(key, now_ns, Ended.MOVED)
            going[key] = _Life(side, price, leaves, now_ns, queue, leaves)
        if state in _ENDS:
            close(key, now_ns, _ENDS[state])
    for key in sorted(going):
        close(key, end_ns, Ended.OPEN)
    table = np.array(found, np.int64).reshape(-1, 10).T
    named = dict(zip(_COLUMNS, map(np.ascontiguousarray, table), strict=True))
    return Lives(**named, ahead=np.array(ahead, np.float64))


def _fill(one: _Life, size: int, maker: bool, now_ns: int) -> None:
    """A fill; what is taken on arrival was never resting."""
    one.leaves -= size
    if not maker:
        one.size -= size
        return
    one.filled += size
    if one.first_fill_ns == NULL:
        one.first_fill_ns = now_ns
