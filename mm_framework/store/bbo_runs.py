"""Contiguous runs of a file of best prices: a run ends where ``e2e_since_sub_ms`` of a symbol falls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL

__all__ = ["RunCounter"]

Integers = npt.NDArray[np.int64]


class RunCounter:
    """Numbers the rows of a file, from 1. Without session times there is one run.

    A loss lets every symbol begin anew, each with its next row; together that is one new run: the run of
    a row is the highest that any symbol has reached.
    """

    def __init__(self) -> None:
        self._sessions: dict[int, tuple[int, int]] = {}
        self._run = 1

    def feed(self, symbols: npt.NDArray[np.int32], session_us: Integers) -> Integers:
        """The run of each of the next rows. ``session_us``: time since the subscription, null if unsaid."""
        runs = np.ones(len(symbols), dtype=np.int64)
        for symbol in np.unique(symbols).tolist():
            run, last_us = self._sessions.get(symbol, (1, NULL))
            rows = np.flatnonzero((symbols == symbol) & (session_us != NULL))
            if len(rows):
                times = session_us[rows]
                runs[rows] = run + np.cumsum(times < np.concatenate(([last_us], times[:-1])))
                self._sessions[symbol] = int(runs[rows[-1]]), int(times[-1])
        runs = np.maximum.accumulate(np.maximum(runs, self._run))
        self._run = int(runs[-1]) if len(runs) else self._run
        return runs
