"""The last price of each minute of an instrument: as it was heard, else of the store, else as it was fetched.

`mm history candles` puts candles into the day folders of the data directory; so a window of 30 days can be
there at once. Days are kept in memory; one is read again when the store or its file of candles changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from mm_framework.errors import ConfigError, StoreError
from mm_framework.history.days import HistoryFiles
from mm_framework.serve.bars import DAY_MINUTES, MINUTE_MS, MinuteBars
from mm_framework.serve.past import DAY_MS, Past

__all__ = ["DayCloses", "last_of_each", "with_live"]

Closes = npt.NDArray[np.float64]

MOST_DAYS: Final = 1024
"""Days of instruments that are kept: 12 MB."""


class DayCloses:
    """Closes of days that are over, or were when they were read. Several threads may ask at a time."""

    def __init__(self, past: Past, data_dir: Path) -> None:
        self._past, self._data_dir = past, data_dir
        self._days: OrderedDict[tuple[str, int], tuple[object, Closes]] = OrderedDict()
        self._lock = threading.Lock()

    def between(self, id: str, from_minute: int, to_minute: int) -> Closes:
        """One price a minute since 1970, NaN where there is none. Raises StoreError for what is damaged."""
        first, last = from_minute // DAY_MINUTES, (to_minute - 1) // DAY_MINUTES
        days = [self._day(id, day) for day in range(first, last + 1)]
        begin = from_minute - first * DAY_MINUTES
        return np.concatenate(days)[begin : begin + to_minute - from_minute]

    def _day(self, id: str, day: int) -> Closes:
        file = HistoryFiles(self._data_dir, id, "", "candles", "1m")
        stamp = self._past.store(), _stamp(file, day)
        with self._lock:
            known = self._days.get((id, day))
            if known is not None and known[0] == stamp:
                self._days.move_to_end((id, day))
                return known[1]
        found = self._past.closes(id, day)
        for minute, price in _fetched(file, day):
            if np.isnan(found[minute]):
                found[minute] = price
        found.flags.writeable = False
        with self._lock:
            self._days[id, day] = stamp, found
            while len(self._days) > MOST_DAYS:
                self._days.popitem(last=False)
        return found


def _stamp(file: HistoryFiles, day: int) -> int | None:
    try:
        return file.path(day * DAY_MS).stat().st_mtime_ns
    except (OSError, ConfigError):
        return None


def _fetched(file: HistoryFiles, day: int) -> list[tuple[int, float]]:
    """The closes of the venue's candles that have trades."""
    try:
        rows = file.rows(day * DAY_MS)
    except (StoreError, ConfigError):
        return []
    minutes = ((one.ts_ms // MINUTE_MS - day * DAY_MINUTES, one) for one in rows if Decimal(one.volume))
    return [(minute, float(one.close)) for minute, one in minutes if 0 <= minute < DAY_MINUTES]


def with_live(closes: Closes, bars: MinuteBars | None, from_minute: int) -> Closes:
    """A copy in which the minutes that were heard stand."""
    found = closes.copy()
    if bars is None:
        return found
    for minute in bars.minutes():
        if 0 <= minute - from_minute < len(found):
            price = bars.close_at(minute)
            found[minute - from_minute] = np.nan if price is None else price
    return found


def last_of_each(closes: Closes, minutes: int) -> Closes:
    """The last price of each interval of so many minutes; their number divides that of the closes."""
    rows = closes.reshape(-1, minutes)
    places = np.where(np.isnan(rows), -1, np.arange(minutes)).max(axis=1)
    return np.where(places < 0, np.nan, rows[np.arange(len(rows)), places])
