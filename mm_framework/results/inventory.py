"""Inventory: how much was held, how long, how close to the limit. Pure."""

from __future__ import annotations

import attrs
import numpy as np

from mm_framework.results.columns import Fills

__all__ = ["Inventory", "inventory"]


@attrs.frozen
class Inventory:
    """Of one account over a run that began flat; sizes in size units, times the whole run.

    ``most``: largest long or short position. ``mean``, ``rms``: of the position without its sign, and the
    root of the mean of its square, both by time. ``at_limit``: share of time at or beyond the limit, None
    without one. ``held_ns``: how long a unit was held on average, still open ones up to the end; None when
    none was. ``turnover``: sum of size x price in money units, exact.
    """

    most: int
    last: int
    mean: float
    rms: float
    at_limit: float | None
    held_ns: float | None
    turnover: int


def inventory(fills: Fills, span_ns: tuple[int, int], limit: int | None = None) -> Inventory:
    """``fills``: those of one account; ``limit``: largest position allowed, in size units."""
    start_ns, end_ns = span_ns
    position = np.concatenate([[0], np.cumsum(fills.signed)])
    edges = np.clip(np.concatenate([[start_ns], fills.ts_ns, [end_ns]]), start_ns, end_ns)
    spent = np.diff(edges).astype(np.float64)
    held = np.abs(position).astype(np.float64)
    whole = float(end_ns - start_ns)
    opened = float(np.maximum(np.abs(position[1:]) - _kept(position), 0).sum())
    area = float(held @ spent)
    turnover = sum(
        size * price for size, price in zip(fills.size.tolist(), fills.price.tolist(), strict=True)
    )
    return Inventory(
        most=int(np.abs(position).max()),
        last=int(position[-1]),
        mean=area / whole if whole else 0.0,
        rms=float(np.sqrt(np.square(held) @ spent / whole)) if whole else 0.0,
        at_limit=float(spent[held >= limit].sum() / whole) if limit and whole else None,
        held_ns=area / opened if opened else None,
        turnover=turnover * 10,
    )


def _kept(position: np.ndarray) -> np.ndarray:
    """How much of the position after each fill was there before it, on the same side."""
    before, after = position[:-1], position[1:]
    same = np.sign(before) == np.sign(after)
    return np.where(same, np.minimum(np.abs(before), np.abs(after)), 0)
