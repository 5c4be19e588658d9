"""The checks of a day: what books, trades and times of one instrument must look like.

Shares are of messages; a value on a limit belongs to the better class.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.contracts.qa_check import Finding, QABatch, Result
from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.quality.check_settings import BackwardLimits, CrossedLimits, GapLimits
from mm_framework.store.holes import Holes

__all__ = ["BackwardTime", "Crossed", "Duplicates", "Gaps", "NonPositive"]

Rows = npt.NDArray[Any]

_MS: Final = 1e6


class Crossed:
    """Best ask below best bid: FAIL for as long as it lasts. Equal ones are counted."""

    name = "crossed"

    def __init__(self, limits: CrossedLimits) -> None:
        self._limits = limits
        self._since: int | None = None
        self._found: list[Finding] = []
        self._tops = self._locked = 0
        self._last_ns = 0

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        tops = batch.tops
        if not len(tops):
            return
        both = (tops["bid"] != NULL) & (tops["ask"] != NULL) & tops["trusted"]
        crossed = both & (tops["ask"] < tops["bid"])
        self._tops += len(tops)
        self._locked += int(np.count_nonzero(both & (tops["ask"] == tops["bid"])))
        before = self._since is not None
        for place in np.flatnonzero(np.diff(crossed, prepend=before)).tolist():
            ts = int(tops["ts_recv_ns"][place])
            if crossed[place]:
                self._since = ts
            else:
                self._close(ts)
        self._last_ns = int(tops["ts_recv_ns"][-1])

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        self._close(self._last_ns + 1)
        share = self._locked / self._tops if self._tops else 0.0
        limit = self._limits.locked_share_warn
        numbers = {"share": share, "count": self._locked, "limit": limit}
        locked = [_of_day(self.name, "WARN", "locked", numbers)] if share > limit else []
        return [*locked, *self._found]

    def _close(self, ts: int) -> None:
        if self._since is not None:
            end = max(ts, self._since + 1)
            self._found.append(
                Finding(self.name, "FAIL", "crossed", self._since, end, {"ns": end - self._since})
            )
            self._since = None


class NonPositive:
    """Prices that are not above zero, sizes below zero, trades and quotes of size zero."""

    name = "non-positive"

    def __init__(self, settings: None = None) -> None:
        self._first: int | None = None
        self._last = self._count = 0

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        rows = batch.rows
        kinds, price, size = rows["kind"], rows["price"], rows["size"]
        priced = np.isin(kinds, (Kind.LEVEL, Kind.TRADE, Kind.TOP)) & (price != NULL)
        empty = np.isin(kinds, (Kind.TRADE, Kind.TOP)) & (size == 0)
        bad = priced & ((price <= 0) | ((size < 0) & (size != NULL)) | empty)
        times = rows["ts_recv_ns"][bad]
        if len(times):
            self._first = int(times[0]) if self._first is None else self._first
            self._last = int(times[-1])
            self._count += len(times)

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        if self._first is None:
            return []
        return [Finding(self.name, "FAIL", self.name, self._first, self._last + 1, {"count": self._count})]


class BackwardTime:
    """Venue times below their predecessor's, stream by stream: books, trades, tickers."""

    name = "backward-time"

    def __init__(self, limits: BackwardLimits) -> None:
        of_most = _Limits(limits.tolerance_ms, limits.share_warn, limits.share_max, limits.jump_max_ms)
        of_tickers = _Limits(
            limits.tickers_tolerance_ms,
            limits.tickers_share_warn,
            limits.tickers_share_max,
            limits.tickers_jump_max_ms,
        )
        self._streams = {
            "books": (_Times((Kind.LEVEL, Kind.SNAPSHOT_START)), of_most),
            "trades": (_Times((Kind.TRADE,)), of_most),
            "tickers": (_Times((Kind.TOP,)), of_tickers),
        }

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        for times, limits in self._streams.values():
            times.take(batch.rows, limits.tolerance_ms)

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        found = []
        for stream, (times, limits) in self._streams.items():
            share = times.back / times.count if times.count else 0.0
            numbers = {"share": share, "count": times.back, "max_jump_ms": times.jump_ms}
            flag = f"backward_time_{stream}"
            if share > limits.share_max or times.jump_ms > limits.jump_max_ms:
                numbers |= {"share_max": limits.share_max, "jump_max_ms": limits.jump_max_ms}
                found.append(_of_day(self.name, "FAIL", flag, numbers))
            elif share > limits.share_warn:
                found.append(_of_day(self.name, "WARN", flag, {**numbers, "limit": limits.share_warn}))
        return found


@attrs.frozen
class _Limits:
    """Limits of one stream, as `BackwardLimits` has them."""

    tolerance_ms: float
    share_warn: float
    share_max: float
    jump_max_ms: float


class _Times:
    """The venue times of one stream's messages."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = tuple(kinds)
        self._last = NULL
        self.count = self.back = 0
        self.jump_ms = 0.0

    def take(self, rows: Rows, tolerance_ms: float) -> None:
        mine = np.isin(rows["kind"], self._kinds) & (rows["flags"] & RowFlag.LAST != 0)
        # Prints that a subscription begins with are older than what came before it.
        mine &= (rows["flags"] & RowFlag.SNAPSHOT == 0) | (rows["kind"] != Kind.TRADE)
        times = rows["ts_venue_ns"][mine]
        times = times[times != NULL]
        if not len(times):
            return
        first = times[0] if self._last == NULL else self._last
        steps_ms = np.diff(times, prepend=first) / _MS
        self.count += len(times)
        self.back += int(np.count_nonzero(steps_ms < -tolerance_ms))
        self.jump_ms = max(self.jump_ms, float(-steps_ms.min()))
        self._last = int(times[-1])


class Gaps:
    """Times in which the book was not the venue's after it once was; trades that are missing."""

    name = "gap"

    def __init__(self, limits: GapLimits) -> None:
        self._limits, self._holes = limits, Holes()
        self._first: int | None = None
        self._last = 0

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        rows = batch.rows
        if not len(rows):
            return
        self._first = int(rows["ts_recv_ns"][0]) if self._first is None else self._first
        self._last = int(rows["ts_recv_ns"][-1])
        self._holes.feed(rows)

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        holes = self._holes.found(self._last + 1)
        share = sum(end - start for start, end, _ in holes) / max(1, self._last - (self._first or 0))
        numbers = {"share": share, "limit": self._limits.share_max}
        day = [_of_day(self.name, "FAIL", "out_of_sync", numbers)] if share > numbers["limit"] else []
        return day + [
            Finding(self.name, "FAIL", flag, start, end, {"ns": end - start}) for start, end, flag in holes
        ]


class Duplicates:
    """Trade numbers that come twice: repeats are counted, contradictions fail."""

    name = "duplicate"

    def __init__(self, settings: None = None) -> None:
        self._parts: list[Rows] = []

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        rows = batch.rows
        prints = rows[(rows["kind"] == Kind.TRADE) & (rows["aux"] != NULL)]
        self._parts.append(
            np.stack([prints[name] for name in ("aux", "price", "size", "ts_recv_ns")], axis=1)
        )

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        prints = np.concatenate(self._parts) if self._parts else np.empty((0, 4), np.int64)
        prints = prints[np.lexsort((prints[:, 3], prints[:, 0]))]
        again = np.flatnonzero(np.diff(prints[:, 0]) == 0) + 1
        differ = np.any(prints[again, 1:3] != prints[again - 1, 1:3], axis=1)
        found = [
            Finding(self.name, "FAIL", "conflicting_trade", ts, ts + 1, {"trade_id": number})
            for number, _, _, ts in prints[again[differ]].tolist()
        ]
        repeats = int(np.count_nonzero(~differ))
        warn = [_of_day(self.name, "WARN", "repeated_trade", {"count": repeats})] if repeats else []
        return warn + sorted(found, key=lambda one: one.start_ns or 0)


def _of_day(check: str, result: Result, flag: str, numbers: dict[str, Any]) -> Finding:
    return Finding(check, result, flag, None, None, numbers)
