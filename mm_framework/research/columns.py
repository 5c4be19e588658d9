"""One instrument's best prices and prints as columns: what research computes on.

    columns = read_columns(store, "kraken:BTC/EUR", start, end, "pass")

Prices are in ticks, sizes in the base currency, times those of receipt: what a strategy here knew, and when.
Nothing bridges a hole: where the market was not the venue's, where the policy leaves something out and
between runs there are no prices, and a new ``segment`` begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.bundle.digest import EventDigest
from mm_framework.bundle.times import FIRST_NS, LAST_NS, format_utc
from mm_framework.errors import ConfigError, StoreError
from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.model.fixed import BadNumber, decimals_of
from mm_framework.model.instrument import Definition
from mm_framework.research.levels import Levels, LevelWalk
from mm_framework.store.holes import Holes
from mm_framework.store.people import BestPrices, top_dtype
from mm_framework.store.reader import Store
from mm_framework.store.selection import Policy

__all__ = ["Columns", "DataNote", "Floats", "Ints", "Prints", "columns_of", "read_columns"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]
Source = Literal["book", "ticker"]

_EDGE_NS = 1
"""A hole of this length is a single print that is missing: it says nothing of the book."""


@attrs.frozen(eq=False)
class Prints:
    """Trades: received, at the venue (NULL unsaid), price in ticks, side of the aggressor (0 unsaid)."""

    ts_ns: Ints
    venue_ns: Ints
    price: Floats
    size: Floats
    side: Ints

    def __len__(self) -> int:
        return len(self.ts_ns)


@attrs.frozen(eq=False)
class Columns:
    """Best prices, each row in force until the next; NaN where there is none, or no size is told.

    ``segment`` counts stretches without a hole; ``end_ns``: the last moment that the data speaks of.
    ``levels``: of a book beyond its best prices, where that was asked for.
    """

    ts_ns: Ints
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    segment: Ints
    prints: Prints
    end_ns: int
    levels: Levels | None = None

    def __len__(self) -> int:
        return len(self.ts_ns)

    def at(self, ts_ns: Ints) -> Ints:
        """The rows in force at times, after all that was received by then; -1 before the first."""
        return np.searchsorted(self.ts_ns, ts_ns, side="right") - 1


@attrs.frozen
class DataNote:
    """Where columns come from: what makes them again, and what their numbers mean.

    ``tick_source``: ``told`` by the venue or its display precision, ``seen`` (the largest step on which all
    prices lie) or ``given``.
    """

    instrument: str
    source: Source
    tick: str
    tick_source: Literal["told", "seen", "given"]
    qa: str
    from_time: str | None
    to_time: str | None
    first: str
    last: str
    rows: int
    prints: int
    segments: int
    event_digest: str
    store_digest: str


class _Read:
    """What the blocks of a selection gave so far. ``last``: definition and time of the last row."""

    def __init__(self, definitions: Sequence[Definition], deep: tuple[int, int] | None) -> None:
        placed = [attrs.evolve(one, number=place) for place, one in enumerate(definitions)]
        self.tops: dict[Source, list[Rows]] = {"book": [], "ticker": []}
        self._best = {source: BestPrices(placed, source) for source in self.tops}
        self.walk = None if deep is None else LevelWalk(placed, *deep)
        self.prints: list[Rows] = []
        self.breaks: list[int] = []
        self.holes = Holes()
        self.last = (-1, 0)

    def feed(self, block: Rows) -> None:
        """The next rows, of one instrument, in order."""
        self.holes.feed(block)
        for source, best in self._best.items():
            self.tops[source].append(best.feed(block))
        if self.walk is not None:
            self.walk.feed(block)
        self.prints.append(block[(block["kind"] == Kind.TRADE) & (block["flags"] & RowFlag.SNAPSHOT == 0)])
        for rows in np.split(block, np.flatnonzero(np.diff(block["instrument"])) + 1):
            place = int(rows["instrument"][0])
            if self.last[0] not in (-1, place):
                self.breaks.append(self.last[1] + 1)
            self.last = (place, int(rows["ts_recv_ns"][-1]))


def read_columns(
    store: Store,
    instrument: str,
    from_ns: int = FIRST_NS,
    to_ns: int = LAST_NS,
    policy: Policy = "pass",
    *,
    tick: str | None = None,
    deep: tuple[int, int] | None = None,
    progress: Callable[[int], object] = lambda rows: None,
) -> tuple[Columns, DataNote]:
    """The columns of an instrument between two receive times (half-open), and where they come from.

    ``tick``: the price step, where the venue does not tell it. ``deep``: how many levels of a book to read,
    and the step of their grid in ns. Raises ConfigError for an instrument that is not there, StoreError for
    damage and when there is no best price in that time.
    """
    selection = store.events([instrument], from_ns, to_ns, policy)
    definitions = selection.definitions
    names = sorted({one.id for one in definitions})
    if len(names) > 1:
        raise ConfigError(
            f"{instrument} stands for {len(names)} instruments, expected one: name it by its id",
            key="instrument",
            value=instrument,
        )
    name = names[0] if names else instrument
    digest, ids = EventDigest([name] * len(definitions)), dict.fromkeys(range(len(definitions)), name)
    read = _Read(definitions, deep)
    for block in selection.blocks():
        digest.update(block, ids)
        read.feed(block)
        progress(len(block))
    source: Source = "book" if any(map(len, read.tops["book"])) else "ticker"
    tops = np.concatenate([np.empty(0, top_dtype()), *read.tops[source]])
    if not len(tops):
        raise StoreError(
            f"the store {store.root.url} has no best price of {name} in that time with --qa {policy}:"
            " `mm store list` tells what it holds"
        )
    step, tick_source = _tick(definitions, tops, tick)
    end_ns = read.last[1]
    left_out = sorted({a for _, _, a, b in selection.left_out() if b - a > _EDGE_NS})
    breaks = [*read.breaks, *(a for a in left_out if tops["ts_recv_ns"][0] < a <= end_ns)]
    holes = [(a, b) for a, b, _ in read.holes.found(end_ns + 1)]
    columns = columns_of(tops, holes, breaks, end_ns, step)
    levels = None if read.walk is None or source == "ticker" else read.walk.levels()
    columns = attrs.evolve(columns, prints=_prints(read, definitions, step), levels=levels)
    note = DataNote(
        instrument=name,
        source=source,
        tick=_decimal(step),
        tick_source=tick_source,
        qa=policy,
        from_time=None if from_ns == FIRST_NS else format_utc(from_ns),
        to_time=None if to_ns == LAST_NS else format_utc(to_ns),
        first=format_utc(int(columns.ts_ns[0])),
        last=format_utc(columns.end_ns),
        rows=len(columns),
        prints=len(columns.prints),
        segments=len(np.unique(columns.segment[~np.isnan(columns.bid + columns.ask)])),
        event_digest=digest.hexdigest(),
        store_digest=store.manifest.digest,
    )
    return columns, note


def columns_of(
    tops: Rows, holes: Sequence[tuple[int, int]], breaks: Sequence[int], end_ns: int, tick: Fraction
) -> Columns:
    """Columns, without prints, of rows of `people.top_dtype`.

    ``holes``: (from, to) between which there is no market; after one the last prices told hold again.
    ``breaks``: moments at which one stretch ends, as something was left out or a run was over; the next row
    begins another.
    """
    times, trusted = tops["ts_recv_ns"], tops["trusted"]
    told = np.stack([_numbers(tops, name, tick) for name in ("bid", "bid_size", "ask", "ask_size")])
    holes = [(a, b) for a, b in holes if b - a > _EDGE_NS]
    lost = ~trusted
    for a, b in holes:
        lost |= (times >= a) & (times < b)
    ends = np.array([*(a for a, _ in holes), *breaks, *_cuts(tops)], np.int64)
    back = np.array([b for _, b in holes if b <= end_ns], np.int64)
    last = np.searchsorted(times, back, side="right") - 1
    again = np.where((last >= 0) & trusted[last], told[:, last], np.nan)

    all_times = np.concatenate([times, ends, back])
    order = np.lexsort((np.repeat([1, 0, 2], [len(times), len(ends), len(back)]), all_times))
    nothing = np.full((4, len(ends)), np.nan)
    values = np.concatenate([np.where(lost, np.nan, told), nothing, again], axis=1)[:, order]
    begins = np.concatenate([lost, np.ones(len(ends), bool), np.zeros(len(back), bool)])[order]
    none = np.empty(0, np.int64)
    return Columns(
        all_times[order],
        bid=values[0],
        bid_size=values[1],
        ask=values[2],
        ask_size=values[3],
        segment=np.cumsum(begins).astype(np.int64),
        prints=Prints(none, none, np.empty(0), np.empty(0), none),
        end_ns=end_ns,
    )


def _cuts(tops: Rows) -> list[int]:
    """When a stretch ends because something was left out: the book then stands as SYNTHETIC rows."""
    places = np.flatnonzero(~tops["real"][1:] & tops["real"][:-1])
    return (tops["ts_recv_ns"][places] + 1).tolist()  # type: ignore[no-any-return]  # a list of ints


def _numbers(tops: Rows, name: str, tick: Fraction) -> Floats:
    """A column in ticks or in the base currency, NaN for null; each division is one of whole numbers."""
    is_size = name.endswith("_size")
    scales = tops["size_scale" if is_size else "price_scale"]
    found = np.full(len(tops), np.nan)
    for scale in np.unique(scales).tolist():
        unit = Fraction(1) if is_size else tick
        divisor = unit * Fraction(10) ** int(scale)
        here = (scales == scale) & (tops[name] != NULL)
        found[here] = tops[name][here] * float(divisor.denominator) / float(divisor.numerator)
    return found


def _prints(read: _Read, definitions: list[Definition], tick: Fraction) -> Prints:
    rows = np.concatenate(read.prints)
    price, size = np.empty(len(rows)), np.empty(len(rows))
    for place, one in enumerate(definitions):
        own, divisor = rows["instrument"] == place, tick * 10**one.price_scale
        price[own] = rows["price"][own] * float(divisor.denominator) / float(divisor.numerator)
        size[own] = rows["size"][own] / 10.0**one.size_scale
    side = rows["side"].astype(np.int64)
    return Prints(rows["ts_recv_ns"].copy(), rows["ts_venue_ns"].copy(), price, size, side)


def _tick(
    definitions: list[Definition], tops: Rows, given: str | None
) -> tuple[Fraction, Literal["told", "seen", "given"]]:
    if given is not None:
        return _given(given), "given"
    told = [
        Fraction(one.tick_size) if one.tick_size else Fraction(1, 10 ** (one.price_decimals or 0))
        for one in definitions
        if one.tick_size or one.price_decimals is not None
    ]
    if told:
        return min(told), "told"
    steps = []
    for scale in np.unique(tops["price_scale"]).tolist():
        own = tops[tops["price_scale"] == scale]
        prices = np.concatenate([own["bid"], own["ask"]])
        step = int(np.gcd.reduce(prices[prices != NULL])) if (prices != NULL).any() else 1
        steps.append(Fraction(max(step, 1), 10**scale))
    return min(steps), "seen"


def _given(text: str) -> Fraction:
    try:
        decimals_of(text)
        step = Fraction(text)
    except (BadNumber, ValueError):
        step = Fraction(0)
    if step <= 0:
        raise ConfigError(
            f"--tick {text}: expected a price step above 0, such as 0.01", key="tick", value=text
        )
    return step


def _decimal(value: Fraction) -> str:
    """A price step as decimal text."""
    digits = 0
    while (value * 10**digits).denominator != 1 and digits < 18:
        digits += 1
    whole = int(value * 10**digits)
    return str(whole) if not digits else f"{whole // 10**digits}.{whole % 10**digits:0{digits}d}"
