"""Markets made for research: best prices as columns, with a signal that is planted, or none."""

from __future__ import annotations

import numpy as np

from mm_framework.research.columns import Columns, Prints

__all__ = ["T0_NS", "columns", "prints", "walk"]

T0_NS = 1_700_000_000 * 10**9


def prints(rows: list[tuple[int, float, float, int]] = ()) -> Prints:  # type: ignore[assignment]
    """``(time in ns, price in ticks, size, side)``; the venue's times are those of receipt."""
    table = list(rows)
    times = np.array([row[0] for row in table], np.int64)
    return Prints(
        times,
        times.copy(),
        np.array([row[1] for row in table], float),
        np.array([row[2] for row in table], float),
        np.array([row[3] for row in table], np.int64),
    )


def columns(
    rows: list[tuple[int, float, float, float, float]],
    segment: list[int] | None = None,
    end_ns: int | None = None,
    trades: Prints | None = None,
) -> Columns:
    """``(time in ns, bid, its size, ask, its size)``."""
    times, bid, bid_size, ask, ask_size = np.array(rows, dtype=object).T
    return Columns(
        times.astype(np.int64),
        bid.astype(float),
        bid_size.astype(float),
        ask.astype(float),
        ask_size.astype(float),
        np.zeros(len(rows), np.int64) if segment is None else np.array(segment, np.int64),
        prints() if trades is None else trades,
        int(times[-1]) if end_ns is None else end_ns,
    )


def walk(count: int, seed: int, strength: float = 0.0, step_ns: int = 100_000_000) -> Columns:
    """A random walk by ticks, one row a step; the next move follows the imbalance by ``strength``."""
    draw = np.random.default_rng(seed)
    size = draw.uniform(0.1, 2.0, (2, count))
    share = size[0] / size.sum(axis=0)
    up = draw.random(count) < 0.5 + strength * (share - 0.5)
    moves = np.where(up, 1, -1) * (draw.random(count) < 0.3)
    bid = 10_000 + np.concatenate([[0], np.cumsum(moves)[:-1]])
    times = T0_NS + step_ns * np.arange(count)
    rows = zip(
        times.tolist(), bid.tolist(), size[0].tolist(), (bid + 1).tolist(), size[1].tolist(), strict=True
    )
    return columns(list(rows))
