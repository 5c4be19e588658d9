"""The tables for people: ``bbo``, best prices wherever they change, and ``trades``; exact decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.model.events import NULL, Kind, RowFlag, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.store.manifest import Verdict
from mm_framework.store.schema import BBO, TRADES, Scales, decimals
from mm_framework.store.walk import BookWalk, change_dtype

__all__ = ["BestPrices", "best_prices", "trades"]

Rows = npt.NDArray[Any]

_SIDES: Final = pa.array(["buy", "sell"])
_MS: Final = 1e6


def trades(rows: Rows, instrument: str, run: str, scales: Mapping[int, Scales]) -> pa.Table:
    """The prints among these rows as the ``trades`` table."""
    prints = rows[rows["kind"] == Kind.TRADE]
    venue, _, symbol = instrument.partition(":")
    price_scales, size_scales = _scales(prints, scales)
    side = pa.array(np.where(prints["side"] > 0, 0, 1).astype(np.int32), mask=prints["side"] == 0)
    columns = {
        "exchange": _word(venue, len(prints)),
        "symbol": _word(symbol, len(prints)),
        "ts_exchange": _nullable(prints["ts_venue_ns"]),
        "ts_capture": pa.array(prints["ts_recv_ns"]),
        "price": decimals(np.ascontiguousarray(prints["price"]), price_scales),
        "qty": decimals(np.ascontiguousarray(prints["size"]), size_scales),
        "side": pa.DictionaryArray.from_arrays(side, _SIDES),
        "trade_id": _nullable(prints["aux"]),
        "session_id": _word(run, len(prints)),
        "instrument": _word(instrument, len(prints)),
        "epoch": pa.array(prints["epoch"]),
        "from_snapshot": pa.array(prints["flags"] & RowFlag.SNAPSHOT != 0),
    }
    return pa.table([columns[name] for name in TRADES.names], schema=TRADES)


class BestPrices:
    """Best prices as the rows of one instrument go by: those of its book, or, without one, of its ticker."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._definitions = {one.number: one for one in definitions}
        self._walk: BookWalk | None = None
        self._number = -1
        self._book: list[Rows] = []
        self._ticker: list[Rows] = []
        self._state = SyncState.CONNECTING

    def feed(self, rows: Rows) -> None:
        """The next rows, of `row_dtype`."""
        numbers = rows["instrument"]
        for part in np.split(rows, np.flatnonzero(np.diff(numbers)) + 1):
            self._feed(part)

    @property
    def found(self) -> tuple[str, Rows]:
        """Where they are from, ``book`` or ``ticker``, and all changes, of `_dtype`."""
        source, parts = ("book", self._book) if self._book else ("ticker", self._ticker)
        return source, np.concatenate(parts) if parts else np.empty(0, _dtype())

    def _feed(self, rows: Rows) -> None:
        number = int(rows["instrument"][0])
        definition = self._definitions[number]
        if self._walk is None or number != self._number:
            self._walk, self._number = BookWalk(definition.depth), number
        self._tops(rows, definition)
        synced = self._synced(rows)
        changes = self._walk.feed(rows)
        if len(changes):
            self._book.append(_joined(changes, rows, synced, definition))

    def _tops(self, rows: Rows, definition: Definition) -> None:
        tops = rows[rows["kind"] == Kind.TOP]
        if len(tops) < 2:
            return
        bids, asks = tops[0::2], tops[1::2]
        changes = np.empty(len(asks), change_dtype())
        changes["row"] = np.arange(len(asks))
        for side, found in (("bid", bids), ("ask", asks)):
            changes[side], changes[f"{side}_size"] = found["price"], found["size"]
        self._ticker.append(_joined(changes, asks, asks["flags"] & RowFlag.UNTRUSTED == 0, definition))

    def _synced(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """For each row whether the book was the venue's after it."""
        states = np.where(rows["kind"] == Kind.SYNC_CHANGE, rows["size"], -1)
        states[0] = states[0] if states[0] != -1 else self._state
        last = np.maximum.accumulate(np.where(states != -1, np.arange(len(states)), 0))
        states = states[last]
        self._state = SyncState(int(states[-1]))
        return np.asarray((states == SyncState.SYNCED) | (states == SyncState.STOPPED))


def best_prices(
    prices: BestPrices,
    instrument: str,
    run: str,
    source_file: str,
    verdict: Verdict,
    offsets: Mapping[int, float],
) -> pa.Table:
    """The ``bbo`` table of all that was found.

    Rows in an interval of the verdict get QUARANTINE and its flag, others its status. ``offsets``: receive
    time -> offset of the venue's clock in ms from then on, in order.
    """
    source, found = prices.found
    found = found[found["real"]]
    venue, _, symbol = instrument.partition(":")
    qa_status, qa_flags = _qa(found["ts_recv_ns"], verdict)
    raw = np.where(found["ts_venue_ns"] == NULL, np.nan, (found["ts_recv_ns"] - found["ts_venue_ns"]) / _MS)
    columns = {
        "exchange": _word(venue, len(found)),
        "symbol": _word(symbol, len(found)),
        "ts_exchange": _nullable(found["ts_venue_ns"]),
        "ts_capture": pa.array(found["ts_recv_ns"]),
        "bid": decimals(np.ascontiguousarray(found["bid"]), found["price_scale"]),
        "ask": decimals(np.ascontiguousarray(found["ask"]), found["price_scale"]),
        "bid_qty": decimals(np.ascontiguousarray(found["bid_size"]), found["size_scale"]),
        "ask_qty": decimals(np.ascontiguousarray(found["ask_size"]), found["size_scale"]),
        "raw_age_ms": pa.array(raw, from_pandas=True),
        "adjusted_age_ms": pa.array(raw + _offset_at(found["ts_recv_ns"], offsets), from_pandas=True),
        "session_id": _word(run, len(found)),
        "source_file": _word(source_file, len(found)),
        "qa_status": qa_status,
        "qa_flags": qa_flags,
        "instrument": _word(instrument, len(found)),
        "epoch": pa.array(found["epoch"]),
        "trusted": pa.array(found["trusted"]),
        "source": _word(source, len(found)),
    }
    return pa.table([columns[name] for name in BBO.names], schema=BBO)


def _dtype() -> np.dtype[np.void]:
    names = ["ts_recv_ns", "ts_venue_ns", "bid", "bid_size", "ask", "ask_size"]
    small = [("epoch", "<u2"), ("trusted", "?"), ("real", "?"), ("price_scale", "i1"), ("size_scale", "i1")]
    return np.dtype([*((name, "<i8") for name in names), *small])


def _joined(changes: Rows, rows: Rows, synced: npt.NDArray[np.bool_], definition: Definition) -> Rows:
    """Changes with what the rows say that brought them."""
    at = rows[changes["row"]]
    joined = np.empty(len(changes), _dtype())
    for name in ("bid", "bid_size", "ask", "ask_size"):
        joined[name] = changes[name]
    for name in ("ts_recv_ns", "ts_venue_ns", "epoch"):
        joined[name] = at[name]
    joined["trusted"] = synced[changes["row"]] & (at["flags"] & RowFlag.UNTRUSTED == 0)
    joined["real"] = at["flags"] & RowFlag.SYNTHETIC == 0
    joined["price_scale"], joined["size_scale"] = definition.price_scale, definition.size_scale
    return joined


def _qa(times: npt.NDArray[np.int64], verdict: Verdict) -> tuple[pa.Array, pa.Array]:
    """The columns ``qa_status`` and ``qa_flags`` of rows at these times."""
    intervals = verdict.intervals
    edges = sorted({edge for from_ns, to_ns, _ in intervals for edge in (from_ns, to_ns)})
    flags = [
        sorted({flag for from_ns, to_ns, flag in intervals if from_ns <= start < to_ns})
        for start in (-(2**63), *edges)
    ]
    outside = "PASS" if verdict.status == "QUARANTINE" else verdict.status
    places = np.searchsorted(np.array(edges, np.int64), times, side="right")
    bad = np.array([bool(one) for one in flags], np.int32)[places]
    status = pa.DictionaryArray.from_arrays(pa.array(bad), pa.array([outside, "QUARANTINE"]))
    return status, pa.array(flags, pa.list_(pa.string())).take(pa.array(places))


def _offset_at(times: npt.NDArray[np.int64], offsets: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """The clock offset in force at each time; 0 before the first."""
    starts = np.array([-(2**63), *offsets], dtype=np.int64)
    values = np.array([0.0, *offsets.values()])
    return values[np.searchsorted(starts, times, side="right") - 1]


def _scales(rows: Rows, scales: Mapping[int, Scales]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    numbers, inverse = np.unique(rows["instrument"], return_inverse=True)
    known = [scales[number] for number in numbers.tolist()]
    price = np.array([one.price for one in known], np.int8)
    size = np.array([one.size for one in known], np.int8)
    return price[inverse], size[inverse]


def _nullable(values: npt.NDArray[np.int64]) -> pa.Array:
    values = np.ascontiguousarray(values)
    return pa.array(values, mask=values == NULL)


def _word(word: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([word]))
