"""A CSV of best prices as an input of a store: exact text into rows, two for each line.

    scales of each symbol (one pass) -> lines -> TOP rows, a gap where a session ends -> days and symbols

A line's times are ``recv_ts_ms`` and ``exchange_ts_ms`` (of earlier files ``exchange_ts``). A receive time
that goes back is set to the one before it; that, a repeated line and a line that cannot be read are noted.
No line is left out but those that cannot be read. Where a contiguous run ends its symbols get a gap and
a new epoch. A symbol is a shard of its own, because the offset of the venue's clock may differ by shard.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.bundle.times import DAY_NS
from mm_framework.errors import EnvironmentFailed, StoreError
from mm_framework.feed import VenueKit
from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, Reason, RowFlag, row_dtype
from mm_framework.model.instrument import SHARD_SHIFT, Definition
from mm_framework.store.bbo_names import instrument_ids
from mm_framework.store.bbo_runs import RunCounter
from mm_framework.store.bbo_text import BboText
from mm_framework.store.exact import Extent, exact_integers, iso_times
from mm_framework.store.inputs import Dealt
from mm_framework.store.noted import Noted
from mm_framework.store.spill import Spill
from mm_framework.store.unpack import Unpacking

__all__ = ["BboSource", "find_bbo_file"]

Rows = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]

_NS_IN_MS: Final = 6
"""Milliseconds at this scale are nanoseconds."""
_ROUNDING_NS: Final = 2_000
"""Ages are written in microseconds: offsets that differ by no more are one."""
_PRICES: Final = ("bid", "ask")
_SIZES: Final = ("bid_qty", "ask_qty")


@attrs.frozen
class BboSource:
    """A file of 12 or 11 columns. ``symbols``: symbol -> instrument id, as the user gave them."""

    path: Path
    run: str
    sha256: str
    symbols: Mapping[str, str] = attrs.field(factory=dict)
    unpacking: Unpacking = attrs.field(factory=Unpacking)

    @property
    def kind(self) -> str:
        """See `Source`."""
        return "bbo-csv"

    @property
    def venues(self) -> frozenset[str]:
        """See `Source`: no plugin reads it."""
        return frozenset()

    def files(self) -> dict[str, tuple[int, int]]:
        """See `Source`."""
        status = self.path.stat()
        return {self.path.name: (status.st_size, status.st_mtime_ns)}

    def fingerprint(self) -> str:
        """See `Source`."""
        return self.sha256

    def deal(self, kits: Mapping[str, VenueKit], spill: Spill) -> Dealt:
        """See `Source`. Raises ConfigError for a symbol whose instrument nobody told."""
        text = BboText(self.path, self.unpacking)
        extents = _extents(text)
        ids = instrument_ids(self.path, list(extents), self.symbols)
        symbols = {
            symbol: _Symbol(_definition(place, ids[symbol], symbol, *extents[symbol]))
            for place, symbol in enumerate(extents)
        }
        file = _File(symbols)
        for columns in text.batches():
            for rows in file.feed(columns, earlier=text.earlier):
                _by_day(rows, spill)
        if file.first_ns is None:
            raise StoreError(f"{self.path} holds no line that can be read", path=self.path)
        file.counts["bad_lines"] = text.bad_lines
        file.counts["rows"] = text.rows
        return Dealt(
            tuple(attrs.evolve(one.definition, valid_from_ns=one.first_ns) for one in symbols.values()),
            file.first_ns,
            {place: one.offsets for place, one in enumerate(symbols.values())},
            file.noted.notes(),
            dict(file.counts),
        )


def find_bbo_file(
    path: Path, symbols: Mapping[str, str] | None = None, unpacking: Unpacking | None = None
) -> BboSource | None:
    """The CSV at a path, None when there is something else; its name in the store is that of its content.

    Raises StoreError when it holds no best prices, EnvironmentFailed without access.
    """
    if not path.is_file() or not path.name.endswith((".csv", ".csv.gz")):
        return None
    limits = unpacking or Unpacking()
    BboText(path, limits)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EnvironmentFailed(f"cannot read {path}: {error.strerror or error}") from error
    return BboSource(path, f"csv-{sha256[:32]}", sha256, dict(symbols or {}), limits)


class _Symbol:
    """One symbol as its lines go by."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.offsets: dict[int, float] = {}
        self.first_ns = 0
        self.epoch = 1
        self._begun, self._seq = False, 0
        self._offset_ns: int | None = None
        self.last: tuple[int, ...] = ()

    def rows(self, times: Integers, venue: Integers, told: list[Integers], lines: Integers) -> Rows:
        """The TOP rows of lines, and before the first of all the definition. ``told``: bid, ask, sizes."""
        rows = np.zeros(2 * len(times), dtype=row_dtype())
        for name, values in (("ts_recv_ns", times), ("ts_venue_ns", venue), ("frame", lines & 0xFFFFFFFF)):
            rows[name] = np.repeat(values, 2)
        for place, side in ((0, BID), (1, ASK)):
            price, size = told[place], told[place + 2]
            rows["price"][place::2] = price
            rows["size"][place::2] = np.where(price == NULL, NULL, size)
            rows["side"][place::2] = side
        rows["aux"], rows["kind"] = NULL, Kind.TOP
        rows["flags"] = np.where(rows["ts_venue_ns"] == NULL, int(RowFlag.NO_VENUE_TIME), 0)
        rows["flags"][1::2] |= np.uint16(RowFlag.LAST)
        rows["instrument"], rows["epoch"] = self.definition.number, self.epoch
        if not self._begun:
            self._begun, self.first_ns = True, int(times[0])
            rows = np.concatenate([self.event(Kind.DEFINITION, self.first_ns, self.definition.index), rows])
        tops = rows["kind"] == Kind.TOP
        rows["seq"][tops] = self._seq + np.arange(2 * len(times)) // 2
        self._seq += len(times)
        return rows

    def lose(self, ts_ns: int) -> Rows:
        """The gap at the end of a contiguous run; what follows is of the next epoch."""
        row = self.event(Kind.GAP, ts_ns, Reason.RESET, RowFlag.UNTRUSTED)
        self.epoch = min(self.epoch + 1, 0xFFFF)
        return row

    def event(self, kind: Kind, ts_ns: int, aux: int, flags: int = 0) -> Rows:
        """One row of ours."""
        flags |= RowFlag.LAST | RowFlag.NO_VENUE_TIME
        number, seq = self.definition.number, self._seq
        self._seq += 1
        packed = ROW.pack(ts_ns, NULL, seq, NULL, NULL, aux, number, 0, kind, 0, flags, self.epoch, 0)
        return np.frombuffer(packed, dtype=row_dtype())

    def offset(self, times: Integers, raw_ns: Integers, adjusted_ns: Integers) -> None:
        """Follow the offset of the venue's clock: what the ages were adjusted by."""
        known = (raw_ns != NULL) & (adjusted_ns != NULL)
        found, times = (adjusted_ns - raw_ns)[known], times[known]
        for place in np.flatnonzero(np.diff(found, prepend=NULL) != 0).tolist():
            if self._offset_ns is None or abs(int(found[place]) - self._offset_ns) > _ROUNDING_NS:
                self._offset_ns = int(found[place])
                self.offsets[int(times[place])] = self._offset_ns / 1e6

    def repeated(self, columns: Rows) -> npt.NDArray[np.bool_]:
        """Which lines say the same as the one before. ``columns``: times, prices, sizes; a line a column."""
        same = np.all(columns[:, 1:] == columns[:, :-1], axis=0)
        first = tuple(columns[:, 0].tolist()) == self.last
        self.last = tuple(columns[:, -1].tolist())
        return np.concatenate(([first], same))


class _File:
    """The lines of all symbols in order."""

    def __init__(self, symbols: Mapping[str, _Symbol]) -> None:
        self._symbols = list(symbols.values())
        self._places = {symbol: place for place, symbol in enumerate(symbols)}
        self._runs, self._run, self._seen = RunCounter(), 1, 0
        self._last_ns = NULL
        self.first_ns: int | None = None
        self.noted = Noted()
        self.counts: Counter[str] = Counter()

    def feed(self, columns: Mapping[str, Any], *, earlier: bool) -> list[Rows]:
        """The rows of the next lines, symbol by symbol."""
        encoded = columns["symbol"].dictionary_encode()
        table = np.array([self._places.get(one, -1) for one in encoded.dictionary.to_pylist()], np.int32)
        codes = table[encoded.indices.to_numpy(zero_copy_only=False)]
        recv, bad = exact_integers(columns["recv_ts_ms"], _NS_IN_MS)
        good = ~bad & (recv >= 0) & (codes >= 0)
        session = np.full(len(codes), NULL)
        if not earlier:
            session, _ = exact_integers(columns["e2e_since_sub_ms"], 3)
        runs = self._runs.feed(codes, session)
        times = self._stamped(recv, good)
        found: list[Rows] = []
        for run in np.unique(runs).tolist():
            if run != self._run:
                found += self._lose(int(times[np.argmax(runs == run)]))
                self._run = run
            for place in np.unique(codes[(runs == run) & (codes >= 0)]).tolist():
                mine = (codes == place) & (runs == run)
                found += self._symbol(
                    place, columns, np.flatnonzero(mine), recv, times, good, earlier=earlier
                )
        self._seen += len(codes)
        self.counts["bad_row"] += int(np.count_nonzero(codes < 0))
        return found

    def _stamped(self, recv: Integers, good: npt.NDArray[np.bool_]) -> Integers:
        """Receive times that never go back; a line without one gets that of the line before."""
        times = np.maximum.accumulate(np.where(good, recv, NULL))
        times = np.maximum(times, self._last_ns)
        self._last_ns = int(times[-1])
        return times

    def _lose(self, next_ns: int) -> list[Rows]:
        """The gaps right behind the end of a run, for every symbol that was told of."""
        self.counts["session_ends"] += 1
        return [one.lose(min(one.last[0] + 1, next_ns)) for one in self._symbols if one.last]

    def _symbol(
        self,
        place: int,
        columns: Mapping[str, Any],
        at: Integers,
        recv: Integers,
        times: Integers,
        good: npt.NDArray[np.bool_],
        *,
        earlier: bool,
    ) -> list[Rows]:
        symbol = self._symbols[place]
        definition, cells = (
            symbol.definition,
            {name: column.take(pa.array(at)) for name, column in columns.items()},
        )
        told, usable = [], good[at]
        for name in (*_PRICES, *_SIZES):
            scale = definition.price_scale if name in _PRICES else definition.size_scale
            values, bad = exact_integers(cells[name], scale)
            told.append(values)
            usable = usable & ~bad
        venue, unread = (
            iso_times(cells["exchange_ts"]) if earlier else exact_integers(cells["exchange_ts_ms"], _NS_IN_MS)
        )
        self.counts["bad_times"] += int(np.count_nonzero(unread))
        self._note(definition.id, "bad_row", times[at][~usable])
        if not usable.any():
            return []
        at, venue, told = at[usable], venue[usable], [values[usable] for values in told]
        mine, stamped = recv[at], times[at]
        self.first_ns = int(stamped[0]) if self.first_ns is None else min(self.first_ns, int(stamped[0]))
        self._note(definition.id, "receive_time_back", stamped[mine < stamped])
        again = symbol.repeated(np.stack([stamped, mine, venue, *told]))
        self._note(definition.id, "repeated_row", stamped[again])
        ages, _ = exact_integers(cells["data_age_ms" if earlier else "adjusted_age_ms"], _NS_IN_MS)
        symbol.offset(stamped, np.where(venue == NULL, NULL, mine - venue), ages[usable])
        return [symbol.rows(stamped, venue, told, self._seen + at + 1)]

    def _note(self, instrument: str, flag: str, times: Integers) -> None:
        self.counts[flag] += len(times)
        self.noted.add(instrument, flag, times[times >= 0])


def _extents(text: BboText) -> dict[str, tuple[Extent, Extent]]:
    """Symbol -> how fine its prices and its sizes are, in order of appearance."""
    found: dict[str, tuple[Extent, Extent]] = {}
    for columns in text.batches():
        encoded = columns["symbol"].dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        for code, symbol in enumerate(encoded.dictionary.to_pylist()):
            if not symbol:
                continue
            price, size = found.setdefault(symbol, (Extent(), Extent()))
            mask = pa.array(codes == code)
            for extent, names in ((price, _PRICES), (size, _SIZES)):
                for name in names:
                    extent.add(columns[name].filter(mask))
    return found


def _definition(place: int, instrument: str, symbol: str, price: Extent, size: Extent) -> Definition:
    number = place << SHARD_SHIFT
    return Definition(
        number,
        number,
        instrument,
        symbol,
        price.scale,
        size.scale,
        price_decimals=price.scale,
        size_decimals=size.scale,
        precision="assumed",
    )


def _by_day(rows: Rows, spill: Spill) -> None:
    days = rows["ts_recv_ns"] // DAY_NS
    for part in np.split(rows, np.flatnonzero(np.diff(days)) + 1):
        spill.add(int(part["ts_recv_ns"][0]) // DAY_NS, part)
