"""Events as hftbacktest reads them: one structured array under the key ``data`` of an ``.npz`` file.

    with HftBacktestFile(path) as sink:
        replay_events(store, request, (sink,))
    sink.facts

A row is ``ev, exch_ts, local_ts, px, qty, order_id, ival, fval`` (64 bytes; hftbacktest 2.x,
``types.py``). ``local_ts`` is the receive time. ``exch_ts`` is the venue's time on the clock of the
receiver: where venue times lie ahead of receive times, all are moved back by the worst lead and half a
millisecond more; a message without one gets its receive time less an assumed latency; within the book
and within the trades it never goes back. Where that order is not the order of receipt a row stands
twice, once for each clock, so that both orders hold: what ``validate_event_order`` wants.

Snapshots, and losses of the book, begin with a DEPTH_CLEAR of both sides: between a loss and the next
snapshot there is no book. Prices and sizes are the doubles nearest to the exact decimals.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.bundle.disk import writing
from mm_framework.bundle.times import DAY_NS
from mm_framework.errors import ConfigError
from mm_framework.model.events import NULL, Kind, Reason, RowFlag
from mm_framework.model.instrument import Definition
from mm_framework.replay.cut_levels import CutLevels

__all__ = ["HftBacktestFile", "event_dtype", "in_both_orders", "nearest_doubles", "venue_times"]

Rows = npt.NDArray[Any]
Longs = npt.NDArray[np.int64]

DEPTH_EVENT: Final = 1
TRADE_EVENT: Final = 2
DEPTH_CLEAR_EVENT: Final = 3
DEPTH_SNAPSHOT_EVENT: Final = 4
EXCH_EVENT: Final = 1 << 31
LOCAL_EVENT: Final = 1 << 30
BUY_EVENT: Final = 1 << 29
SELL_EVENT: Final = 1 << 28

_LEAD_NS: Final = 500_000
"""Least latency after venue times were moved: what an offset that is only estimated may be wrong by."""
_EXACT: Final = 2**53
_POW10: Final = np.array([float(10**scale) for scale in range(19)])
_LEVEL, _TRADE, _CLEAR, _OTHER = 0, 1, 2, 3


def event_dtype() -> np.dtype[np.void]:
    """The layout of a row."""
    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    forms = ("u8", "i8", "i8", "f8", "f8", "u8", "i8", "f8")
    return np.dtype(list(zip(names, forms, strict=True)), align=True)


class HftBacktestFile:
    """An `events.EventSink` for one instrument; the file appears whole at the end, or not at all.

    ``assumed_latency_ns``: of messages without a venue time. All rows are held in memory, about 200 bytes
    each, as hftbacktest itself does.
    """

    def __init__(self, path: Path, assumed_latency_ns: int = 5_000_000) -> None:
        if path.suffix != ".npz":
            raise ConfigError(f"{path}: the name of a file for hftbacktest ends with .npz", key="out")
        self.path, self._assumed_ns = path, assumed_latency_ns
        self.paths = [path]
        self._parts: list[Rows] = []
        self._last_ns = NULL
        self._left_out = 0
        self.facts: dict[str, Any] = {}

    def begin(self, metadata: dict[str, Any], definitions: list[Definition]) -> None:
        """See `EventSink`. Raises ConfigError unless there is exactly one instrument."""
        ids = sorted({one.id for one in definitions})
        if len(ids) != 1:
            found = ", ".join(ids[:5]) or "none"
            raise ConfigError(
                f"hftbacktest reads one instrument a file, found {len(ids)} ({found}):"
                " choose one with --instrument",
                key="instrument",
            )
        self._definition = definitions[-1]
        self._cut = CutLevels(definitions)
        self._scales = np.array([(one.price_scale, one.size_scale) for one in definitions], dtype=np.int64)

    def rows(self, block: Rows) -> None:
        """See `EventSink`."""
        first_ns, self._last_ns = self._last_ns, int(block["ts_recv_ns"][-1])
        block = _with_ends(self._cut.told(block), first_ns)
        what = _what(block)
        self._left_out += int(np.count_nonzero((what == _OTHER) & np.isin(block["kind"], _TOLD)))
        taken = block[what != _OTHER]
        self._parts.append(self._events(taken, what[what != _OTHER]))

    def _events(self, block: Rows, what: Rows) -> Rows:
        """Rows in order of receipt; ``ev`` without the flags of the clocks, ``exch_ts`` as the venue said."""
        events = np.zeros(len(block), dtype=event_dtype())
        snapshot = block["flags"] & RowFlag.SNAPSHOT != 0
        kinds = np.array([DEPTH_EVENT, TRADE_EVENT, DEPTH_CLEAR_EVENT], dtype=np.uint64)[what]
        kinds[(what == _LEVEL) & snapshot] = DEPTH_SNAPSHOT_EVENT
        sides = np.array([0, BUY_EVENT, SELL_EVENT], dtype=np.uint64)[block["side"]]
        events["ev"] = kinds | np.where(what == _CLEAR, np.uint64(0), sides)
        events["exch_ts"], events["local_ts"] = block["ts_venue_ns"], block["ts_recv_ns"]
        valued = what != _CLEAR
        scales = self._scales[block["instrument"]]
        events["px"][valued] = nearest_doubles(block["price"][valued], scales[valued, 0])
        events["qty"][valued] = nearest_doubles(block["size"][valued], scales[valued, 1])
        return events

    def __enter__(self) -> HftBacktestFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        events = np.concatenate([np.empty(0, dtype=event_dtype()), *self._parts])
        self._parts = []
        venue_ns, shift_ns = venue_times(events, self._assumed_ns)
        unsaid = int(np.count_nonzero(events["exch_ts"] == NULL))
        events["exch_ts"] = venue_ns
        data = in_both_orders(events)
        self._write(data)
        self.facts = {
            "rows": len(data),
            "events": len(events),
            "left_out": self._left_out,
            "venue_time_shift_ns": shift_ns,
            "venue_times_assumed": unsaid,
            "tick_size": self._definition.tick_size,
            "lot_size": self._definition.lot_size,
        }

    def _write(self, data: Rows) -> None:
        part = self.path.with_name(self.path.name + ".part")
        try:
            with writing(self.path):
                with part.open("wb") as file:
                    np.savez_compressed(file, data=data)
                part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)


_TOLD: Final = (Kind.TRADE, Kind.TOP)
"""Kinds that hold market data and may be left out: tickers, and trades of before the subscription."""


def _what(block: Rows) -> npt.NDArray[np.int64]:
    """What each row becomes."""
    kind, flags = block["kind"], block["flags"]
    snapshot = flags & RowFlag.SNAPSHOT != 0
    lost = (kind == Kind.GAP) & (block["aux"] != Reason.TRADE_ID_GAP) | (kind == Kind.CHECKSUM_MISMATCH)
    cleared = lost | (kind == Kind.SNAPSHOT_START)
    printed = (kind == Kind.TRADE) & ~snapshot
    return np.select([kind == Kind.LEVEL, printed, cleared], [_LEVEL, _TRADE, _CLEAR], _OTHER)


def _with_ends(block: Rows, last_ns: int) -> Rows:
    """The block with a loss before each SYNTHETIC book, known or not, within a day: rows were left out."""
    synthetic = block["flags"] & RowFlag.SYNTHETIC != 0
    real_ns = np.where(synthetic, NULL, block["ts_recv_ns"])
    before = np.maximum.accumulate(np.concatenate([[last_ns], real_ns]))[:-1]
    same_day = (before != NULL) & (before // DAY_NS == block["ts_recv_ns"] // DAY_NS)
    places = np.flatnonzero(synthetic & same_day & (block["kind"] == Kind.SYNC_CHANGE))
    if not len(places):
        return block
    ends = np.array(block[places])
    ends["kind"], ends["ts_recv_ns"], ends["ts_venue_ns"] = Kind.GAP, before[places], NULL
    ends["aux"] = Reason.DROPPED
    return np.insert(block, places, ends)


def nearest_doubles(values: Longs, scales: Longs) -> npt.NDArray[np.float64]:
    """The doubles nearest to ``values * 10**-scales``: what ``float`` reads of the exact text."""
    doubles: npt.NDArray[np.float64] = values / _POW10[scales]
    for place in np.flatnonzero(np.abs(values) >= _EXACT):  # a double does not hold the integer itself
        doubles[place] = int(values[place]) / 10 ** int(scales[place])
    return doubles


def venue_times(events: Rows, assumed_ns: int) -> tuple[Longs, int]:
    """Venue times on the receiver's clock, and by how much they were moved. ``exch_ts`` null: unsaid."""
    local, said = events["local_ts"], events["exch_ts"] != NULL
    lead = int(np.max(events["exch_ts"][said] - local[said], initial=-1))
    shift_ns = lead + _LEAD_NS if lead >= 0 else 0
    times = np.where(said, events["exch_ts"] - shift_ns, local - assumed_ns)
    times = np.minimum(times, local - 1000)
    trades = events["ev"] & 0xFF == TRADE_EVENT
    for channel in (trades, ~trades):
        times[channel] = np.maximum.accumulate(times[channel])
    return times, shift_ns


def in_both_orders(events: Rows) -> Rows:
    """Rows, given in order of receipt, such that those flagged EXCH are in order of ``exch_ts`` and those
    flagged LOCAL in order of ``local_ts``. Ties at the venue: trades first, then as received.
    """
    depth = events["ev"] & 0xFF != TRADE_EVENT
    at_venue = np.lexsort((depth, events["exch_ts"]))
    apart = at_venue != np.arange(len(events))
    places = np.arange(len(events)) + np.cumsum(apart) - apart
    out = np.empty(len(events) + int(np.count_nonzero(apart)), dtype=event_dtype())
    out[places] = events[at_venue]
    out["ev"][places] |= np.where(apart, EXCH_EVENT, EXCH_EVENT | LOCAL_EVENT).astype(np.uint64)
    out[places[apart] + 1] = events[apart]
    out["ev"][places[apart] + 1] |= np.uint64(LOCAL_EVENT)
    return out
