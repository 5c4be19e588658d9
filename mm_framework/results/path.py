"""Best prices at the venue over a run, one row a change: what fills are held against. Pure.

The times are those of the run's time line (`trading.timeline`), so that a fill and the market that it met
are on one clock. A path depends on the tape and the clocks alone: runs over one tape share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL, Kind
from mm_framework.trading.ledger import money_scale, quote_of
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks, TapeMessage, Timeline, venue_order

__all__ = ["Instrument", "Ints", "TopPath", "market_paths", "moments"]

Ints = npt.NDArray[np.int64]


@attrs.frozen
class Instrument:
    """What turns the integers of an instrument into prices, sizes and money; the last scales of a run.

    ``tick``, ``lot``: steps, in units of the scales. ``money_scale``: decimals of the money unit.
    """

    id: str
    quote: str
    price_scale: int
    size_scale: int
    money_scale: int
    tick: int = 1
    lot: int = 1

    @classmethod
    def of(cls, slot: Slot) -> Instrument:
        """The instrument of a slot, as it is defined now."""
        definition = slot.definition
        return cls(
            id=slot.id,
            quote=quote_of(slot),
            price_scale=definition.price_scale,
            size_scale=definition.size_scale,
            money_scale=money_scale(definition),
            tick=slot.tick,
            lot=slot.lot,
        )

    @property
    def price_unit(self) -> float:
        """What one unit of price is in the quote currency."""
        return float(10.0**-self.price_scale)

    @property
    def size_unit(self) -> float:
        """What one unit of size is in the base currency."""
        return float(10.0**-self.size_scale)


@attrs.frozen
class Rescaled:
    """At ``ts_ns`` the scales became larger; numbers before are to be multiplied."""

    ts_ns: int
    price_factor: int
    size_factor: int


@attrs.frozen(eq=False)
class TopPath:
    """Best prices of one instrument, each row in force until the next; int64 columns of equal length.

    ``bid``, ``ask`` and their sizes are NULL where there is no such side and while the market is not
    ``trusted``. ``rescaled``: when scales changed; the columns are at the last ones.
    """

    instrument: Instrument
    ts_ns: Ints
    bid: Ints
    bid_size: Ints
    ask: Ints
    ask_size: Ints
    trusted: npt.NDArray[np.bool_]
    rescaled: tuple[Rescaled, ...] = ()

    @classmethod
    def of(cls, slot: Slot, table: Ints, rescaled: tuple[Rescaled, ...] = ()) -> TopPath:
        """From rows of (time, bid, its size, ask, its size, trusted)."""
        ts_ns, bid, bid_size, ask, ask_size, trusted = (np.ascontiguousarray(one) for one in table.T)
        instrument = Instrument.of(slot)
        return cls(instrument, ts_ns, bid, bid_size, ask, ask_size, trusted.astype(bool), rescaled)

    def __len__(self) -> int:
        return len(self.ts_ns)

    @cached_property
    def mid2(self) -> Ints:
        """Best bid + best ask; NULL without one of them and while they are crossed."""
        whole = (self.bid != NULL) & (self.ask != NULL) & (self.ask >= self.bid)
        return np.where(whole, self.bid + self.ask, NULL)

    @cached_property
    def _losses(self) -> Ints:
        """How many rows up to each, it included, are not trusted; one 0 before all."""
        return np.concatenate([[0], np.cumsum(~self.trusted)])

    def at(self, ts_ns: Ints) -> Ints:
        """The rows in force at times, after all that is stamped with them; -1 before the first."""
        return np.searchsorted(self.ts_ns, ts_ns, side="right") - 1

    def before(self, ts_ns: Ints) -> Ints:
        """The rows in force just before times; -1 before the first."""
        return np.searchsorted(self.ts_ns, ts_ns, side="left") - 1

    def value(self, column: Ints, rows: Ints) -> Ints:
        """A column at rows that `at` or `before` gave; NULL before the first."""
        if not len(self):
            return np.full(len(rows), NULL)
        return np.where(rows >= 0, column[np.maximum(rows, 0)], NULL)

    def lost_between(self, first: Ints, last: Ints) -> npt.NDArray[np.bool_]:
        """Whether the market was not trusted at any of the rows from ``first`` to ``last``."""
        return self._losses[last + 1] > self._losses[np.maximum(first, 0)]

    def held(self, column: Ints) -> Ints:
        """A column in which NULL is replaced by the last value before; NULL before the first."""
        rows = np.where(column != NULL, np.arange(len(column)), -1)
        return self.value(column, np.maximum.accumulate(rows)) if len(column) else column


def moments(*times_ns: Ints) -> Ints:
    """All times, rising, each once."""
    whole = np.sort(np.concatenate(times_ns), kind="stable")
    once: Ints = whole[np.diff(whole, prepend=whole[:1] - 1) != 0]
    return once


def market_paths(
    tape: Iterable[TapeMessage], clocks: Clocks | None = None, settings: TradingSettings | None = None
) -> dict[str, TopPath]:
    """The paths of all instruments of a tape, by id; ``clocks`` and ``settings`` are those of the run."""
    settings = settings or TradingSettings()
    markets = Markets(settings.price_source, settings.price_sources)
    timeline = Timeline(clocks)
    columns: dict[str, _Columns] = {}
    for stamped in venue_order(map(timeline.stamp, tape), timeline.clocks.longest_ns):
        message, definition = stamped.tape.message, stamped.tape.definition
        if definition is not None:
            defined = markets.define(definition)
            if defined is not None:
                one = columns.setdefault(defined[0].id, _Columns(defined[0]))
                one.rescale(stamped.v_ns, *defined[1:])
            continue
        slot = markets.find(message.instrument)
        if slot is None:
            continue
        if message.kind != Kind.TRADE:
            markets.apply(message, iter(stamped.tape.rows), stamped.tape.seq)
            markets.changes()
        columns[slot.id].look(stamped.v_ns)
    return {name: columns[name].path() for name in sorted(columns)}


_LOST = (NULL, NULL, NULL, NULL, False)


class _Columns:
    """The path of one slot as it grows: ``(time, bid, its size, ask, its size, trusted)``."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self._rows: list[tuple[int, ...]] = []
        self._rescaled: list[Rescaled] = []

    def look(self, now_ns: int) -> None:
        """Note the market if it is another than before; of one moment only how it ends."""
        now = _LOST
        if self.slot.trusted:
            (bid, bid_size), (ask, ask_size) = (level or (NULL, NULL) for level in self.slot.top)
            now = (bid, bid_size, ask, ask_size, True)
        if self._rows and self._rows[-1][0] == now_ns:
            del self._rows[-1]
        if not self._rows or self._rows[-1][1:] != now:
            self._rows.append((now_ns, *now))

    def rescale(self, now_ns: int, price_factor: int, size_factor: int) -> None:
        """Scales may have become larger: bring along what is noted."""
        if price_factor * size_factor <= 1:
            return
        self._rescaled.append(Rescaled(now_ns, price_factor, size_factor))
        factors = (1, price_factor, size_factor, price_factor, size_factor, 1)
        self._rows = [
            tuple(
                value if value == NULL else value * factor for value, factor in zip(row, factors, strict=True)
            )
            for row in self._rows
        ]

    def path(self) -> TopPath:
        """What was noted."""
        table = np.array(self._rows, np.int64).reshape(-1, 6)
        return TopPath.of(self.slot, table, tuple(self._rescaled))
