"""Paths and fills written by hand, in seconds, price units of 0.01 and sizes of 0.001."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills
from mm_framework.results.path import Instrument, Ints, TopPath

__all__ = ["INSTRUMENT", "S", "fills", "path", "seconds"]

S = 1_000_000_000
INSTRUMENT = Instrument("test:A/EUR", "EUR", price_scale=2, size_scale=3, money_scale=6)


def seconds(*times: float) -> Ints:
    return np.array([round(one * S) for one in times], np.int64)


def path(*rows: tuple[float, int | None, int | None], size: int = 1000) -> TopPath:
    """``(time, bid, ask)``; both None: not trusted, one None: no such side. All sizes are ``size``."""
    bid, ask = ([NULL if row[side] is None else row[side] for row in rows] for side in (1, 2))
    prices = [np.array(column, np.int64) for column in (bid, ask)]
    sizes = [np.where(column == NULL, NULL, size) for column in prices]
    trusted = np.array([row[1] is not None or row[2] is not None for row in rows], bool)
    return TopPath(
        INSTRUMENT, seconds(*(row[0] for row in rows)), prices[0], sizes[0], prices[1], sizes[1], trusted
    )


def fills(*rows: tuple[float, int, int, int], maker: bool = True, fee: Iterable[int] = ()) -> Fills:
    """``(time, side, price, size)``, all of account 0 and of orders 1, 2, ..."""
    count = len(rows)
    columns = [np.array([row[place] for row in rows], np.int64) for place in (1, 2, 3)]
    return Fills(
        ts_ns=seconds(*(row[0] for row in rows)),
        account=np.zeros(count, np.int64),
        order=np.arange(1, count + 1),
        side=columns[0],
        price=columns[1],
        size=columns[2],
        maker=np.full(count, maker),
        mid2=np.full(count, NULL),
        fee=tuple(fee) or (0,) * count,
    )
