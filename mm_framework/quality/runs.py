"""Contiguous runs of a file of best prices: a run ends where ``e2e_since_sub_ms`` of a symbol falls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from mm_framework.quality.bbo_file import Quotes

__all__ = ["split_runs"]


def split_runs(batches: Iterable[Quotes]) -> Iterator[tuple[int, Quotes]]:
    """``(run, rows)``, runs numbered from 1; a part holds rows of one run. Without that column: one run.

    A loss lets every symbol begin anew, each with its next row; together that is one new run: the run of
    a row is the highest that any symbol has reached.
    """
    sessions: dict[int, tuple[int, float]] = {}
    run = 1
    for quotes in batches:
        runs = np.ones(len(quotes), dtype=np.int64)
        for symbol in np.unique(quotes.symbol).tolist():
            _number(sessions, symbol, quotes, runs)
        runs = np.maximum.accumulate(np.maximum(runs, run))
        cuts = np.flatnonzero(np.diff(runs)) + 1
        for start, stop in itertools.pairwise((0, *cuts.tolist(), len(quotes))):
            run = int(runs[start])
            yield run, quotes.part(slice(start, stop))


def _number(
    sessions: dict[int, tuple[int, float]], symbol: int, quotes: Quotes, runs: npt.NDArray[np.int64]
) -> None:
    """Write the run of each row of a symbol; ``sessions``: its last run and session time."""
    run, last_ms = sessions.get(symbol, (1, -np.inf))
    rows = np.flatnonzero((quotes.symbol == symbol) & ~np.isnan(quotes.e2e_ms))
    if len(rows):
        times = quotes.e2e_ms[rows]
        runs[rows] = run + np.cumsum(np.diff(times, prepend=last_ms) < 0)
        sessions[symbol] = int(runs[rows[-1]]), float(times[-1])
