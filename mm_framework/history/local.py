"""Our own trades of a range: from the recorder's day folders, or from a store. Each once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from mm_framework.errors import StoreError
from mm_framework.history.days import DAY_MS, days_of
from mm_framework.sinks.day_reader import DayReader, is_day_folder
from mm_framework.sinks.day_schema import place_of, utc_date
from mm_framework.store.reader import Store

__all__ = ["Trade", "folder_trades", "stored_trades"]

Trade = tuple[int, Decimal, Decimal]
"""Time (of the venue, else of receipt; ms), price, size."""

_Known = dict[tuple[int, int, int], Trade]


def folder_trades(root: Path, instrument: str, from_ms: int, to_ms: int) -> list[Trade]:
    """The trades of the day folders below ``root``. Raises StoreError when no folder is of these days.

    A recorder with a window puts a day of its own time zone into a folder, so the folders of the days
    before and after are looked into, too.
    """
    place = place_of(instrument)
    folders = [place.folder(root, date) for date in _dates(max(0, from_ms - DAY_MS), to_ms + DAY_MS)]
    known: _Known = {}
    number = 0
    for folder in filter(is_day_folder, folders):
        for one in DayReader(folder, replay=False).trades():
            at_ms, number = one.recv_ms if one.ts_ms is None else one.ts_ms, number + 1
            if from_ms <= at_ms < to_ms:
                key = (at_ms, *((1, one.trade_id) if one.trade_id is not None else (0, number)))
                known[key] = (at_ms, Decimal(one.price), Decimal(one.size))
    if not known and not any(is_day_folder(place.folder(root, date)) for date in _dates(from_ms, to_ms)):
        raise StoreError(
            f"{root} has no day folder of {instrument} for these days, such as"
            f" {place.folder(root, utc_date(from_ms * 1_000_000))}: record with --sink day-files, or ask a"
            " store with --store",
            path=root,
        )
    return [known[key] for key in sorted(known)]


def _dates(from_ms: int, to_ms: int) -> list[str]:
    return [utc_date(day_ms * 1_000_000) for day_ms, _ in days_of(from_ms, to_ms)]


def stored_trades(store: Store, instrument: str, from_ms: int, to_ms: int) -> list[Trade]:
    """The trades of a store, of any verdict. Raises StoreError and ConfigError."""
    slack_ms = 60_000  # receive times, which the store asks by, are not those of the venue
    table = store.table(
        "trades", [instrument], (from_ms - slack_ms) * 1_000_000, (to_ms + slack_ms) * 1_000_000, policy="any"
    )
    columns = (table[name].to_pylist() for name in ("ts_exchange", "ts_capture", "price", "qty", "trade_id"))
    known: _Known = {}
    for number, (there_ns, here_ns, price, size, trade_id) in enumerate(zip(*columns, strict=True)):
        at_ms = (here_ns if there_ns is None else there_ns) // 1_000_000
        key = (at_ms, *((1, trade_id) if trade_id is not None else (0, number)))
        known[key] = (at_ms, price, size)
    return list(_between(known, from_ms, to_ms))


def _between(known: _Known, from_ms: int, to_ms: int) -> Iterator[Trade]:
    for key in sorted(known):
        if from_ms <= key[0] < to_ms:
            yield known[key]
