"""A day folder, read: its ledger, snapshots, updates and frames, in the order of `recv_seq`.

Reads what `day-files` writes and what the earlier recorder wrote, from the folder alone. What is not
readable raises CorruptFrame; a torn last member, which a kill leaves, is left out and named.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.errors import CorruptFrame, EnvironmentFailed, StoreError
from mm_framework.model.events import ASK, BID
from mm_framework.sinks.day_schema import DIFFS, EVENTS, GAPS, ORDERBOOK, SCHEMA_FILE, TRADES
from mm_framework.sinks.files import gzip_text, read_tail

__all__ = ["DayEvent", "DayReader", "DaySnapshot", "DayTrade", "is_day_folder"]

_DATE: Final = re.compile(r"\d{8}")
_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_SIDES: Final = {"buy": BID, "sell": ASK, "": 0}


@attrs.frozen
class DayEvent:
    """A line of the ledger."""

    event_id: str
    recv_seq: int
    recv_ms: int
    run_id: str
    word: str
    facts: dict[str, Any]


@attrs.frozen
class DayTrade:
    """A print. ``trade_id``: None when it is no number; ``ts_ms``: when it was, None if unsaid."""

    recv_seq: int
    recv_ms: int
    ts_ms: int | None
    trade_id: int | None
    price: str
    size: str
    side: int


@attrs.frozen
class DaySnapshot:
    """The table of a snapshot. ``levels``: ``(side, price, size)``, side 1 or -1."""

    name: str
    levels: tuple[tuple[int, str, str], ...]
    last_update_id: int
    checksum: int | None


def is_day_folder(path: Path) -> bool:
    """Whether a folder is one of a recorder's days."""
    return path.is_dir() and (any(path.glob(f"{EVENTS}_*.csv.gz")) or any(path.glob(f"{DIFFS}_*.ndjson.gz")))


class DayReader:
    """One folder. Raises StoreError when it is none, or has no recorded updates of the book.

    ``replay`` False: it may have none, as the ledger and the trades are wanted alone.
    """

    def __init__(self, path: Path, *, replay: bool = True) -> None:
        self.path = path = path.absolute()
        if not path.is_dir():
            raise StoreError(f"there is no day folder {path}", path=path)
        if not is_day_folder(path):
            raise StoreError(
                f"{path} is no day folder: expected <data>/<exchange>/<SYMBOL_FS>/<YYYYMMDD> with"
                f" {EVENTS}_*.csv.gz in it",
                path=path,
            )
        self._diffs = self._find(f"{DIFFS}_*.ndjson.gz")
        if replay and (self._diffs is None or read_tail(self._diffs).last is None):
            raise StoreError(
                f"{path} has no recorded updates of the book, so nothing can be replayed: record with"
                " store_depth_diffs",
                path=path,
            )
        self._events = self._find(f"{EVENTS}_*.csv.gz")
        if self._events is None:
            raise StoreError(f"{path} has no ledger {EVENTS}_*.csv.gz", path=path)
        self.exchange, self.date = self._identity()
        self.instrument = self._instrument()

    @property
    def torn(self) -> list[str]:
        """The growing files whose last member is torn."""
        return [
            path.relative_to(self.path).as_posix()
            for path in sorted(self.path.rglob("*.gz"))
            if read_tail(path).whole_bytes != path.stat().st_size
        ]

    def events(self) -> Iterator[DayEvent]:
        """The ledger in order."""
        assert self._events is not None
        for number, row in self._table(self._events):
            try:
                facts = msgspec.json.decode(row["details_json"] or "{}", type=dict[str, Any])
                seq, recv_ms = int(row["recv_seq"]), int(row["recv_time_ms"])
                yield DayEvent(row["event_id"], seq, recv_ms, row["run_id"], row["type"], facts)
            except (KeyError, ValueError, msgspec.DecodeError) as error:
                raise self._corrupt(self._events, number, error) from None

    def diffs(self) -> Iterator[dict[str, Any]]:
        """The updates in order, as they are written; ``raw`` is left out."""
        path = self._diffs
        for number, line in enumerate(self._lines(path) if path is not None else (), start=1):
            try:
                told = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
                told.pop("raw", None)
                yield {key: msgspec.json.decode(value) for key, value in told.items()}
            except msgspec.DecodeError as error:
                assert path is not None
                raise self._corrupt(path, number, error) from None

    def frames(self) -> Iterator[tuple[int, list[str]]]:
        """``(recv_seq, [bid price, size, ask price, size, ...])`` of each frame of the book."""
        path = self._find(f"{ORDERBOOK}_*.csv.gz")
        for number, line in enumerate(self._lines(path) if path is not None else (), start=1):
            cells = line.split(",")
            if number == 1:
                continue
            try:
                yield int(cells[2]), cells[5:]
            except (IndexError, ValueError) as error:
                assert path is not None
                raise self._corrupt(path, number, error) from None

    def trades(self) -> Iterator[DayTrade]:
        """The prints in order."""
        path = self._find(f"{TRADES}_*.csv.gz")
        for number, row in self._table(path) if path is not None else ():
            try:
                stamp = row["trade_time_ms"] or row["event_time_ms"]
                yield DayTrade(
                    int(row["recv_seq"]),
                    int(row["recv_time_ms"]),
                    int(stamp) if stamp else None,
                    int(row["trade_id"]) if _WHOLE.fullmatch(row["trade_id"]) else None,
                    row["price"],
                    row["qty"],
                    _SIDES[row["side"]],
                )
            except (KeyError, ValueError) as error:
                assert path is not None
                raise self._corrupt(path, number, error) from None

    def files(self) -> list[Path]:
        """All files that say what happened, sorted; not those that are only for people."""
        patterns = [f"{name}_*.gz" for name in (EVENTS, GAPS, DIFFS, TRADES)]
        found = [path for one in (*patterns, "snapshots/*.csv", SCHEMA_FILE) for path in self.path.glob(one)]
        return sorted(found)

    def gaps(self) -> Iterator[dict[str, str]]:
        """The recorded gaps."""
        path = self._find(f"{GAPS}_*.csv.gz")
        return (row for _, row in self._table(path)) if path is not None else iter(())

    def snapshot(self, event_id: str) -> DaySnapshot | None:
        """The snapshot of an event; None when its file is not there."""
        path = next(iter(sorted(self.path.glob(f"snapshots/snapshot_{event_id}_*.csv"))), None)
        if path is None:
            return None
        name, levels, last, checksum = path.relative_to(self.path).as_posix(), [], 0, None
        try:
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    levels.append((1 if row["side"] == "bid" else -1, row["price"], row["qty"]))
                    last = int(row["lastUpdateId"] or 0)
                    checksum = int(row["checksum"]) if row.get("checksum") else None
        except (KeyError, ValueError, csv.Error) as error:
            raise CorruptFrame(f"{path} is no snapshot: {error!r}", path=path) from None
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {path}: {error.strerror or error}") from error
        return DaySnapshot(name, tuple(levels), last, checksum)

    def _identity(self) -> tuple[str, str]:
        """Exchange and date: of `schema.json`, else of the updates and the folder's name."""
        told = self._schema()
        if "exchange" in told:
            return str(told["exchange"]), str(told.get("date", self.path.name))
        first = next(self.diffs(), {})
        date = self.path.name if _DATE.fullmatch(self.path.name) else ""
        return str(first.get("exchange") or self.path.parent.parent.name).lower(), date

    def _instrument(self) -> str:
        """The instrument's id; of an earlier recorder's folder the exchange and its symbol."""
        told = self._schema().get("instrument")
        symbol = next(self.diffs(), {}).get("symbol") or self.path.parent.name
        return told if isinstance(told, str) else f"{self.exchange}:{symbol}"

    def _schema(self) -> dict[str, Any]:
        """What `schema.json` says, nothing where it cannot be read; an earlier one says no identity."""
        try:
            return msgspec.json.decode((self.path / SCHEMA_FILE).read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return {}

    def _find(self, pattern: str) -> Path | None:
        return next(iter(sorted(self.path.glob(pattern))), None)

    def _table(self, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
        for number, row in enumerate(csv.DictReader(self._lines(path)), start=2):
            if None in row or None in row.values():
                raise self._corrupt(path, number, ValueError("not as many cells as columns"))
            yield number, row

    def _lines(self, path: Path) -> Iterator[str]:
        try:
            yield from gzip_text(path)
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise CorruptFrame(f"{path} is not readable: {error}", path=path) from None

    def _corrupt(self, path: Path, number: int, error: Exception) -> CorruptFrame:
        return CorruptFrame(f"line {number} of {path} is not readable: {error!r}", path=path)
