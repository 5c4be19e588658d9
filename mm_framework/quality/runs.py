"""Contiguous runs of a file of best prices, as its checks see them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from mm_framework.model.events import NULL
from mm_framework.quality.bbo_file import Quotes
from mm_framework.store.bbo_runs import RunCounter

__all__ = ["split_runs"]

_LONGEST_US: Final = 1e18


def split_runs(batches: Iterable[Quotes]) -> Iterator[tuple[int, Quotes]]:
    """``(run, rows)``, runs numbered from 1; a part holds rows of one run. Without that column: one run."""
    counter = RunCounter()
    for quotes in batches:
        told = ~np.isnan(quotes.e2e_ms)
        session_us = np.clip(np.where(told, quotes.e2e_ms, 0.0) * 1e3, -_LONGEST_US, _LONGEST_US)
        runs = counter.feed(quotes.symbol, np.where(told, np.rint(session_us).astype(np.int64), NULL))
        cuts = np.flatnonzero(np.diff(runs)) + 1
        for start, stop in itertools.pairwise((0, *cuts.tolist(), len(quotes))):
            yield int(runs[start]), quotes.part(slice(start, stop))
