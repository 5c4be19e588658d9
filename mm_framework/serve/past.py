"""What a store says of instruments: candles, trades, closes of minutes, verdicts. Found anew when it changes.

Only what its manifest names is read: a name in a request is looked up there, and never becomes a path.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mm_framework.bundle.times import DAY_NS
from mm_framework.contracts.history import Candle
from mm_framework.history.candles import plain
from mm_framework.model.instrument import Definition
from mm_framework.serve.answers import Judged, TradeRow
from mm_framework.serve.bars import DAY_MINUTES, MINUTE_MS, joined
from mm_framework.store.manifest import StoreManifest
from mm_framework.store.partitions import MANIFEST
from mm_framework.store.reader import Store
from mm_framework.store.root import Root, open_root
from mm_framework.store.row_cache import RowCache
from mm_framework.store.selection import Policy

__all__ = ["DAY_MS", "Past", "candles_of_table"]

MS: Final = 1_000_000
DAY_MS: Final = DAY_NS // MS
SLACK_MS: Final = 60_000
"""The store asks by receive time; a trade is told by its venue time, which is at most so far from it."""

LOOK_S: Final = 2.0
"""A manifest is looked at again after so long."""

Ints = npt.NDArray[np.int64]


@attrs.define
class _Opened:
    encoded: bytes | None = None
    store: Store | None = None
    looked_s: float = float("-inf")


class Past:
    """A store at a folder or URL, which need not exist yet. Several threads may ask at a time."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._opened = _Opened()
        self._lock = threading.Lock()

    def store(self) -> Store | None:
        """The store as it is now, None while there is none. Raises MMError for one that cannot be read."""
        with self._lock:
            opened, now_s = self._opened, self._clock()
            if now_s - opened.looked_s >= LOOK_S:
                root = open_root(self._url)
                encoded = root.read(MANIFEST)
                if encoded != opened.encoded:
                    opened.store = None if encoded is None else _store(root, encoded)
                opened.encoded, opened.looked_s = encoded, now_s
            return opened.store

    def definitions(self) -> dict[str, Definition]:
        """Instrument id -> its last definition, of all instruments that the store has."""
        store = self.store()
        if store is None:
            return {}
        there = set(store.instruments)
        last = {one.id: one for _, one in sorted(store.definitions.items()) if one.id in there}
        return dict(sorted(last.items()))

    def verdicts(self) -> list[Judged]:
        """Of all partitions, the newest day first."""
        store = self.store()
        found = [] if store is None else store.partitions()
        told = [
            Judged(
                exchange=one.partition.venue,
                date=one.partition.date,
                symbol=one.partition.shown,
                rows=one.rows,
                verdict=one.verdict.status,
                flags=list(one.verdict.flags),
                digest=one.digest,
            )
            for one in found
        ]
        return sorted(told, key=lambda one: one.date, reverse=True)

    def candles(self, id: str, interval_ms: int, from_ms: int, to_ms: int, policy: Policy) -> list[Candle]:
        """The candles of a range, in order; empty without a store. Reads a day at a time."""
        found: list[Candle] = []
        for table, begin_ms, end_ms in self._days(id, from_ms, to_ms, policy):
            found += candles_of_table(table, min(interval_ms, DAY_MS), begin_ms, end_ms)
        return joined(found, interval_ms)

    def trades(
        self, id: str, from_ms: int, to_ms: int, limit: int, policy: Policy
    ) -> tuple[list[TradeRow], int]:
        """The first trades of a range, and the time before which all are told.

        About ``limit`` of them: those of one ms are never parted.
        """
        rows: list[TradeRow] = []
        for table, begin_ms, end_ms in self._days(id, from_ms, to_ms, policy):
            at_ms, order = _order(table, begin_ms, end_ms)
            room = limit - len(rows)
            if len(order) > room:
                last_ms = int(at_ms[order[max(0, room - 1)]])
                order = order[at_ms[order] <= last_ms]
                return rows + _rows(table, at_ms, order), last_ms + 1
            rows += _rows(table, at_ms, order)
        return rows, to_ms

    def latest(self, id: str, limit: int, policy: Policy) -> list[TradeRow]:
        """The last trades of the last day that has any."""
        last_ms = self.last_ms(id)
        if last_ms is None:
            return []
        begin_ms, end_ms = last_ms // DAY_MS * DAY_MS, last_ms + SLACK_MS
        rows: list[TradeRow] = []
        for table, *_ in self._days(id, begin_ms, end_ms, policy):
            at_ms, order = _order(table, begin_ms, end_ms)
            rows = _rows(table, at_ms, order[max(0, len(order) - limit) :])
        return rows

    def last_ms(self, id: str) -> int | None:
        """When its last row was received, None if the store has none."""
        store = self.store()
        parts = [] if store is None or id not in store.instruments else store.partitions([id])
        stretches = (one for stored in parts for part in stored.parts for one in part.stretches)
        return max((one.last_ns // MS for one in stretches if one.instrument == id), default=None)

    def closes(self, id: str, day: int) -> npt.NDArray[np.float64]:
        """The last price of each minute of a day (counted from 1970), NaN where there was no trade."""
        found = np.full(DAY_MINUTES, np.nan)
        begin_ms = day * DAY_MS
        for table, _, _ in self._days(id, begin_ms, begin_ms + DAY_MS, "pass"):
            at_ms, order = _order(table, begin_ms, begin_ms + DAY_MS)
            if len(order):
                minutes = (at_ms[order] - begin_ms) // MINUTE_MS
                lasts = np.flatnonzero(np.diff(minutes, append=DAY_MINUTES))
                prices = table["price"].take(pa.array(order[lasts])).cast(pa.float64())
                found[minutes[lasts]] = prices.to_numpy()
        return found

    def _days(self, id: str, from_ms: int, to_ms: int, policy: Policy) -> Iterator[tuple[pa.Table, int, int]]:
        """The trades of each day that the store has, with some around it, and the part of the range."""
        store = self.store()
        if store is None or id not in store.instruments:
            return
        dates = {one.partition.date for one in store.partitions([id])}
        if not dates:
            return
        known_ms = [int(np.datetime64(date, "ms").astype(np.int64)) for date in (min(dates), max(dates))]
        begin_ms = max(from_ms, known_ms[0] - SLACK_MS)
        end_ms = min(to_ms, known_ms[1] + DAY_MS + SLACK_MS)
        while begin_ms < end_ms:
            until_ms = min(end_ms, (begin_ms // DAY_MS + 1) * DAY_MS)
            wide = ((begin_ms - SLACK_MS) * MS, (until_ms + SLACK_MS) * MS)
            table = store.table("trades", [id], *wide, policy=policy).to_arrow()
            if table.num_rows:
                yield table, begin_ms, until_ms
            begin_ms = until_ms


def _store(root: Root, encoded: bytes) -> Store:
    return Store(root, StoreManifest.decode(encoded, root.location(MANIFEST)), RowCache())


def candles_of_table(table: pa.Table, interval_ms: int, from_ms: int, to_ms: int) -> list[Candle]:
    """Candles of a table of the schema ``trades``, of those in a range: the same as `candles_of`."""
    at_ms, order = _order(table, from_ms, to_ms)
    if not len(order):
        return []
    at = at_ms[order]
    begins, firsts = np.unique(at - at % interval_ms, return_index=True)
    lasts = np.append(firsts[1:], len(order)) - 1
    prices, sizes = table["price"].take(pa.array(order)), table["qty"].take(pa.array(order))
    groups = pa.array(np.repeat(np.arange(len(begins)), np.diff(np.append(firsts, len(order)))))
    told = pa.table({"group": groups, "price": prices, "size": sizes}).group_by("group")
    sums = told.aggregate([("price", "max"), ("price", "min"), ("size", "sum")]).sort_by("group")
    columns = [
        prices.take(pa.array(firsts)),
        sums["price_max"],
        sums["price_min"],
        prices.take(pa.array(lasts)),
        sums["size_sum"],
    ]
    numbers = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        Candle(int(begin), *(plain(one) for one in row)) for begin, row in zip(begins, numbers, strict=True)
    ]


def _order(table: pa.Table, from_ms: int, to_ms: int) -> tuple[Ints, Ints]:
    """Times in ms, and the rows of a range in order of time and the venue's number, each trade once."""
    at_ms = pc.coalesce(table["ts_exchange"], table["ts_capture"]).to_numpy() // MS
    numbered = table["trade_id"].is_valid().to_numpy()
    ids = table["trade_id"].fill_null(0).to_numpy()
    rows = np.flatnonzero((at_ms >= from_ms) & (at_ms < to_ms))
    order = rows[np.lexsort((rows, ids[rows], numbered[rows], at_ms[rows]))]
    again = np.zeros(len(order), dtype=bool)
    if len(order):
        now, before = order[1:], order[:-1]
        same = (ids[now] == ids[before]) & (at_ms[now] == at_ms[before])
        again[:-1] = same & numbered[now] & numbered[before]
    return at_ms, order[~again]


def _rows(table: pa.Table, at_ms: Ints, order: Ints) -> list[TradeRow]:
    taken: dict[str, list[Any]] = {
        name: table[name].take(pa.array(order)).to_pylist()
        for name in ("ts_capture", "price", "qty", "side", "trade_id")
    }
    return [
        TradeRow(
            ts_ms=int(at),
            received_ms=received_ns // MS,
            price=plain(price),
            size=plain(size),
            side=side,
            trade_id=None if number is None else str(number),
        )
        for at, received_ns, price, size, side, number in zip(at_ms[order], *taken.values(), strict=True)
    ]
