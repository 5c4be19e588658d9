"""Events as CSV in the form of Tardis.dev: ``incremental_book_L2`` and ``trades``, a file a UTC day.

    with TardisFolder(path) as sink:
        replay_events(store, request, (sink,))

    <exchange>_<kind>_<YYYY-MM-DD>_<SYMBOL>.csv.gz

Prices and amounts are exact decimals. Times are whole microseconds, rounded down; a message in the same
microsecond as the one before gets the next, so that messages stay apart and in order. A venue time that
is not known repeats the receive time, as is the custom there. The format has no word for a loss: the next
snapshot tells of it. A snapshot right behind a snapshot is written as an update, for two in a row would
be read as one.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import attrs
import numpy.typing as npt

from mm_framework.bundle.disk import writing
from mm_framework.errors import ConfigError
from mm_framework.formats.tardis import BOOK, BOOK_COLUMNS, EXCHANGES, TRADE_COLUMNS, TRADES
from mm_framework.model.events import BID, NULL, Kind, RowFlag
from mm_framework.model.fixed import text
from mm_framework.model.instrument import Definition
from mm_framework.replay.cut_levels import CutLevels
from mm_framework.store.partitions import date_of

__all__ = ["TardisFolder"]

Rows = npt.NDArray[Any]

_CHUNK: Final = 1 << 16
_DAY_US: Final = 86_400 * 10**6
_NAMES: Final = {venue: exchange for exchange, venue in EXCHANGES.items()}
_HEADERS: Final = {BOOK: BOOK_COLUMNS, TRADES: TRADE_COLUMNS}
_TRADE_SIDES: Final = {1: "buy", -1: "sell", 0: "unknown"}
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")
_USED: Final = [
    "ts_recv_ns",
    "ts_venue_ns",
    "seq",
    "price",
    "size",
    "aux",
    "instrument",
    "kind",
    "side",
    "flags",
]

_Row = tuple[int, int, int, int, int, int, int, int, int, int]
_Level = tuple[str, str]


@attrs.define
class _Instrument:
    """What is known of an instrument so far.

    ``last_us``: time of its last message; ``shown``: the levels of a snapshot that nothing has followed in
    the file ``book_day``; ``files``: those that are open, by kind, with their day.
    """

    exchange: str
    symbol: str
    last_us: int = -1
    book_day: int = -1
    shown: frozenset[_Level] | None = None
    files: dict[str, tuple[int, gzip.GzipFile]] = attrs.Factory(dict)


class TardisFolder:
    """An `events.EventSink`; the folder appears whole at the end, or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.paths = [path]
        self.facts: dict[str, Any] = {}
        self._message: list[_Row] = []
        self._counts = {"book_lines": 0, "trade_lines": 0, "left_out": 0}

    def begin(self, metadata: dict[str, Any], definitions: list[Definition]) -> None:
        """See `EventSink`."""
        self._definitions = definitions
        self._cut = CutLevels(definitions)
        self._by_id: dict[str, _Instrument] = {}
        for one in definitions:
            venue = one.id.partition(":")[0]
            self._by_id.setdefault(one.id, _Instrument(_NAMES.get(venue, venue), one.venue_symbol))
        named: dict[str, str] = {}
        for instrument_id, instrument in self._by_id.items():
            other = named.setdefault(_file_name(instrument, BOOK, 0), instrument_id)
            if other != instrument_id:
                raise ConfigError(
                    f"{other} and {instrument_id} would share files: choose one with --instrument",
                    key="instrument",
                )

    def rows(self, block: Rows) -> None:
        """See `EventSink`."""
        block = self._cut.told(block)
        for start in range(0, len(block), _CHUNK):
            for row in block[_USED][start : start + _CHUNK].tolist():
                if self._message and row[2] != self._message[0][2]:
                    self._flush()
                self._message.append(row)

    def __enter__(self) -> TardisFolder:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._made = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._message:
                self._flush()
            with writing(self.path):
                for instrument in getattr(self, "_by_id", {}).values():
                    for _, file in instrument.files.values():
                        file.close()
                if kind is None:
                    self._made.chmod(0o755)
                    self._made.rename(self.path)
        finally:
            shutil.rmtree(self._made, ignore_errors=True)
        if kind is None:
            self.paths = sorted(self.path.iterdir())
            self.facts = dict(self._counts)

    def _flush(self) -> None:
        """Write the message that is whole."""
        rows, self._message = self._message, []
        kinds = {row[7] for row in rows}
        if Kind.TOP in kinds:
            self._counts["left_out"] += len(rows)
        if not kinds & {Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE}:
            return
        definition = self._definitions[rows[0][6]]
        instrument = self._by_id[definition.id]
        instrument.last_us = max(_at_us(rows[0]), instrument.last_us + 1)
        if Kind.TRADE in kinds:
            self._trades(instrument, definition, rows)
        else:
            self._book(instrument, definition, rows)

    def _book(self, instrument: _Instrument, definition: Definition, rows: list[_Row]) -> None:
        scales = definition.price_scale, definition.size_scale
        levels = {
            ("bid" if row[8] == BID else "ask", text(row[3], scales[0])): text(row[4], scales[1])
            for row in rows
            if row[7] == Kind.LEVEL
        }
        day, snapshot = instrument.last_us // _DAY_US, any(row[7] == Kind.SNAPSHOT_START for row in rows)
        before = instrument.shown if day == instrument.book_day else None
        instrument.shown, instrument.book_day = frozenset(levels) if snapshot else None, day
        if snapshot and before is not None:
            levels = dict.fromkeys(sorted(before - levels.keys()), "0") | levels
            snapshot = False
        head = f"{self._head(instrument, rows[0][1])},{'true' if snapshot else 'false'}"
        self._write(
            instrument, BOOK, (f"{head},{side},{price},{size}\n" for (side, price), size in levels.items())
        )
        self._counts["book_lines"] += len(levels)

    def _trades(self, instrument: _Instrument, definition: Definition, rows: list[_Row]) -> None:
        scales = definition.price_scale, definition.size_scale
        lines = [
            f"{self._head(instrument, venue_ns)},{'' if number == NULL else number},{_TRADE_SIDES[side]},"
            f"{text(price, scales[0])},{text(size, scales[1])}\n"
            for _, venue_ns, _, price, size, number, _, kind, side, _ in rows
            if kind == Kind.TRADE
        ]
        self._write(instrument, TRADES, lines)
        self._counts["trade_lines"] += len(lines)

    def _head(self, instrument: _Instrument, venue_ns: int) -> str:
        """The first four columns."""
        local_us = instrument.last_us
        venue_us = local_us if venue_ns == NULL else venue_ns // 1000
        return f"{instrument.exchange},{instrument.symbol},{venue_us},{local_us}"

    def _write(self, instrument: _Instrument, kind: str, lines: Any) -> None:
        day = instrument.last_us // _DAY_US
        with writing(self.path):
            opened = instrument.files.get(kind)
            if opened is None or opened[0] != day:
                if opened is not None:
                    opened[1].close()
                path = self._made / _file_name(instrument, kind, day)
                opened = instrument.files[kind] = (day, gzip.GzipFile(path, "wb", 6, mtime=0))
                opened[1].write(f"{_HEADERS[kind]}\n".encode())
            opened[1].write("".join(lines).encode())


def _at_us(row: _Row) -> int:
    """The receive time; a book that was put in front of a message stands before it, on the same day."""
    at_us = row[0] // 1000
    return max(at_us - 1, at_us - at_us % _DAY_US) if row[9] & RowFlag.SYNTHETIC else at_us


def _file_name(instrument: _Instrument, kind: str, day: int) -> str:
    symbol = _NOT_IN_NAMES.sub("-", instrument.symbol)
    return f"{instrument.exchange}_{kind}_{date_of(day)}_{symbol}.csv.gz"
