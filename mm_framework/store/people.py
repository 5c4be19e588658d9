"""The tables for people: ``bbo``, best prices wherever they change, and ``trades``; exact decimals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.model.events import NULL, Kind, RowFlag, SyncState, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.store.manifest import Status, Verdict
from mm_framework.store.schema import BBO, TRADES, Scales, decimals
from mm_framework.store.walk import BookWalk, change_dtype

if TYPE_CHECKING:
    from mm_framework.store.judge import DayRows

__all__ = ["BestPrices", "best_prices", "offset_at", "top_dtype", "trades"]

Rows = npt.NDArray[Any]

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
        "side": pa.DictionaryArray.from_arrays(side, pa.array(["buy", "sell"])),
        "trade_id": _nullable(prints["aux"]),
        "session_id": _word(run, len(prints)),
        "instrument": _word(instrument, len(prints)),
        "epoch": pa.array(prints["epoch"]),
        "from_snapshot": pa.array(prints["flags"] & RowFlag.SNAPSHOT != 0),
    }
    return pa.table([columns[name] for name in TRADES.names], schema=TRADES)


class BestPrices:
    """Best prices as the rows of one instrument go by, of its ``book`` or of its ``ticker``."""

    def __init__(self, definitions: Sequence[Definition], source: str) -> None:
        self._source = source
        self._definitions = {one.number: one for one in definitions}
        self._walk: BookWalk | None = None
        self._number = -1
        self._half = np.empty(0, row_dtype())
        self._state = SyncState.CONNECTING

    def feed(self, rows: Rows) -> Rows:
        """The next rows, of `row_dtype`; where the best prices became others, of `top_dtype`."""
        parts = np.split(rows, np.flatnonzero(np.diff(rows["instrument"])) + 1) if len(rows) else []
        return np.concatenate([np.empty(0, top_dtype()), *map(self._feed, parts)])

    def _feed(self, rows: Rows) -> Rows:
        number = int(rows["instrument"][0])
        definition = self._definitions[number]
        if self._source == "ticker":
            return self._told(rows, definition)
        if self._walk is None or number != self._number:
            self._walk, self._number = BookWalk(definition.depth), number
        synced = self._synced(rows)
        return _joined(self._walk.feed(rows), rows, synced, definition)

    def _told(self, rows: Rows, definition: Definition) -> Rows:
        """Each pair of a ticker's rows; a pair may lie in two pieces."""
        tops = rows[rows["kind"] == Kind.TOP]
        tops = np.concatenate([self._half, tops])
        self._half = np.array(tops[len(tops) // 2 * 2 :])
        bids, asks = tops[: len(tops) // 2 * 2 : 2], tops[1::2]
        changes = np.empty(len(asks), change_dtype())
        changes["row"] = np.arange(len(asks))
        for side, found in (("bid", bids), ("ask", asks)):
            changes[side], changes[f"{side}_size"] = found["price"], found["size"]
        return _joined(changes, asks, asks["flags"] & RowFlag.UNTRUSTED == 0, definition)

    def _synced(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """For each row whether the book was the venue's after it."""
        states = np.where(rows["kind"] == Kind.SYNC_CHANGE, rows["size"], -1)
        states[0] = states[0] if states[0] != -1 else self._state
        last = np.maximum.accumulate(np.where(states != -1, np.arange(len(states)), 0))
        states = states[last]
        self._state = SyncState(int(states[-1]))
        return np.asarray((states == SyncState.SYNCED) | (states == SyncState.STOPPED))


def best_prices(found: Rows, day: DayRows, run: str, source_file: str, verdict: Verdict) -> pa.Table:
    """The ``bbo`` table of best prices, of `top_dtype`.

    Rows in an interval of the verdict get QUARANTINE and its flag, others its status.
    """
    found, instrument = found[found["real"]], day.instrument
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
        "adjusted_age_ms": pa.array(raw + offset_at(found["ts_recv_ns"], day.offsets), from_pandas=True),
        "session_id": _word(run, len(found)),
        "source_file": _word(source_file, len(found)),
        "qa_status": qa_status,
        "qa_flags": qa_flags,
        "instrument": _word(instrument, len(found)),
        "epoch": pa.array(found["epoch"]),
        "trusted": pa.array(found["trusted"]),
        "source": _word(day.source, len(found)),
    }
    return pa.table([columns[name] for name in BBO.names], schema=BBO)


def top_dtype() -> np.dtype[np.void]:
    """Best prices at a moment, null for no such side; ``real``: not of SYNTHETIC rows."""
    names = ["ts_recv_ns", "ts_venue_ns", "bid", "bid_size", "ask", "ask_size"]
    small = [("epoch", "<u2"), ("trusted", "?"), ("real", "?"), ("price_scale", "i1"), ("size_scale", "i1")]
    return np.dtype([*((name, "<i8") for name in names), *small])


def _joined(changes: Rows, rows: Rows, synced: npt.NDArray[np.bool_], definition: Definition) -> Rows:
    """Changes with what the rows say that brought them."""
    at = rows[changes["row"]]
    joined = np.empty(len(changes), top_dtype())
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
    outside: Status = "PASS" if verdict.status == "QUARANTINE" else verdict.status
    begins: dict[int, list[tuple[Status, str]]] = {}
    ends: dict[int, list[tuple[Status, str]]] = {}
    told: list[tuple[Status, tuple[int, int, str]]] = [("QUARANTINE", one) for one in verdict.intervals]
    told += [("WARN", one) for one in verdict.tagged]
    for status, (from_ns, to_ns, flag) in told:
        begins.setdefault(from_ns, []).append((status, flag))
        ends.setdefault(to_ns, []).append((status, flag))
    edges = sorted(begins.keys() | ends.keys())
    here: Counter[tuple[Status, str]] = Counter()
    statuses, flags = [], []
    for edge in (-(2**63), *edges):
        here.update(begins.get(edge, ()))
        here.subtract(ends.get(edge, ()))
        here = +here
        flags.append(sorted({flag for _, flag in here}))
        statuses.append(Verdict.worst(Verdict(status) for status in [outside, *(s for s, _ in here)]).status)
    places = pa.array(np.searchsorted(np.array(edges, np.int64), times, side="right"))
    return (
        pa.array(statuses).take(places).dictionary_encode(),
        pa.array(flags, pa.list_(pa.string())).take(places),
    )


def offset_at(times: npt.NDArray[np.int64], offsets: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """The offset of the venue's clock, in ms, in force at each time; 0 before the first."""
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
