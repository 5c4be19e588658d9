"""Contiguous runs of a file of best prices: a run ends where ``e2e_since_sub_ms`` falls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from mm_framework.quality.bbo_file import Quotes

__all__ = ["split_runs"]


def split_runs(batches: Iterable[Quotes]) -> Iterator[tuple[int, Quotes]]:
    """``(run, rows)``, runs numbered from 1; a part holds rows of one run. Without that column: one run."""
    run, last_ms = 1, -np.inf
    for quotes in batches:
        e2e = quotes.e2e_ms
        told = np.flatnonzero(~np.isnan(e2e))
        before = np.concatenate(([last_ms], e2e[told][:-1]))
        begins = set(told[e2e[told] < before].tolist())
        if len(told):
            last_ms = float(e2e[told[-1]])
        for start, stop in itertools.pairwise(sorted({0, *begins, len(quotes)})):
            run += start in begins
            yield run, quotes.part(slice(start, stop))
