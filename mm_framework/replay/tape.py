"""A selection of a store as the tape of a backtest.

    tape = load_tape(store, ReplayRequest(("kraken:BTC/EUR",), start, end))
    Backtest(...).run(tape)          messages, one by one
    tape.blocks()                    the same as arrays of 64-byte rows

Rows are as `splice` makes them. What the clocks of the venues were off is known beforehand: measured by the
runs, else estimated over the whole selection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.errors import ConfigError, ReplayError
from mm_framework.model.events import NULL, Kind, Message, Row, RowFlag
from mm_framework.model.instrument import Definition, parse_id, shard_of
from mm_framework.replay.events import ReplayRequest, replay_metadata
from mm_framework.replay.splice import Place, Splicer
from mm_framework.store.manifest import Input
from mm_framework.store.reader import Store
from mm_framework.store.selection import Selection
from mm_framework.trading.market import BOOK, TICKER
from mm_framework.trading.timeline import ESTIMATE_MARGIN_NS, TapeMessage

__all__ = ["Tape", "VenueClock", "load_tape"]

Rows = npt.NDArray[Any]

_KEPT_ROWS: Final = 1 << 22
"""A tape of up to so many rows (256 MiB) stays in memory for the next run."""


def _kinds(*kinds: Kind) -> npt.NDArray[np.bool_]:
    """Whether a kind is one of these, by its code."""
    chosen = np.zeros(256, dtype=bool)
    chosen[list(kinds)] = True
    return chosen


_BOOK_KINDS: Final = _kinds(Kind.LEVEL, Kind.SNAPSHOT_START)
_TOLD_KINDS: Final = _kinds(Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE, Kind.TOP)


@attrs.frozen
class VenueClock:
    """How far a venue's clock was ahead of ours in one run. ``source``: ``measured`` by the run (the middle
    one of its offsets), ``estimated`` from the messages, or ``none`` where nothing had a venue time.
    """

    run: str
    venue: str
    theta_ns: int
    source: str


@attrs.frozen(eq=False)
class Tape:
    """Messages in the order of receipt. ``definitions``: what ``aux`` of a definition's row counts; their
    ``number`` is the ``instrument`` of the rows. ``sources``: id -> where its best prices come from.
    ``data``: what it was made of, as JSON values.
    """

    definitions: tuple[Definition, ...]
    sources: Mapping[str, str]
    clocks: tuple[VenueClock, ...]
    theta_ns: Mapping[int, int]
    data: Mapping[str, Any]
    _selection: Selection
    _places: tuple[Place, ...]
    _losses: tuple[tuple[int, int], ...]
    _read: list[Rows] | None

    @property
    def instruments(self) -> list[Definition]:
        """The last definition of each id, sorted by id."""
        last = {one.id: one for one in self.definitions}
        return [last[name] for name in sorted(last)]

    def blocks(self) -> Iterator[Rows]:
        """All rows, one value of ``seq`` a message."""
        return iter(self._kept) if self._read is not None else self._spliced(self._selection.blocks())

    def __iter__(self) -> Iterator[TapeMessage]:
        for block in self.blocks():
            yield from self._messages(block)

    @cached_property
    def _kept(self) -> list[Rows]:
        read = self._read or []
        kept = list(self._spliced(iter(read)))
        read.clear()
        return kept

    def _spliced(self, blocks: Iterator[Rows]) -> Iterator[Rows]:
        splicer = Splicer(self._places, self._losses)
        return map(splicer.feed, blocks)

    def _messages(self, block: Rows) -> Iterator[TapeMessage]:
        starts = np.flatnonzero(np.diff(block["seq"], prepend=-1))
        ends = [*starts[1:].tolist(), len(block)]
        values = block.tolist()
        for start, end in zip(starts.tolist(), ends, strict=True):
            rows = [Row(*one) for one in values[start:end]]
            first, last = rows[0], rows[-1]
            message = Message(
                NULL, NULL, NULL, NULL, last.ts_venue_ns, first.frame, first.instrument, 0, len(rows),
                first.connection, first.kind, 0,
            )  # fmt: skip
            defined = self.definitions[first.aux] if first.kind == Kind.DEFINITION else None
            yield TapeMessage(first.ts_recv_ns, first.seq, message, rows, defined)


def load_tape(
    store: Store, request: ReplayRequest, source: str = BOOK, sources: Mapping[str, str] | None = None
) -> Tape:
    """The tape of a request. ``source`` chooses where best prices come from, ``sources`` for single ids; an
    instrument of which only best prices were recorded uses these.

    Raises ConfigError for an unknown instrument or when nothing is left, ReplayError for data without times
    of receipt, StoreError for damage.
    """
    selection = store.events(request.instruments, request.from_ns, request.to_ns, request.policy)
    inputs = {one.run: one for one in store.manifest.inputs}
    scan = _Scan(len(selection.definitions))
    read: list[Rows] | None = []
    for block in selection.blocks():
        scan.feed(block)
        if read is not None:
            read.append(block)
        if scan.rows > _KEPT_ROWS:
            read = None
    _require(store, request, selection, scan)
    chosen = {one.id: (sources or {}).get(one.id, source) for one in selection.definitions}
    chosen |= scan.quoted_only(selection.definitions)
    definitions, places = _places(selection, inputs, chosen)
    cuts = selection.left_out()
    clocks, theta_ns = _clocks(selection, inputs, scan)
    data = {
        "store": store.root.url,
        **replay_metadata(store, selection, request),
        "rows": scan.rows,
        "first_ns": scan.first_ns,
        "last_ns": scan.last_ns,
        "left_out": [list(cut) for cut in cuts],
    }
    losses = _losses(selection, cuts)
    return Tape(definitions, chosen, clocks, theta_ns, data, selection, places, losses, read)


class _Scan:
    """What a first pass over the rows finds; arrays count by instrument."""

    def __init__(self, instruments: int) -> None:
        self.rows = 0
        self.first_ns = self.last_ns = NULL
        self._ahead = np.full(instruments, NULL, dtype=np.int64)
        self._books = np.zeros(instruments, dtype=bool)
        self._quotes = np.zeros(instruments, dtype=bool)

    def feed(self, block: Rows) -> None:
        """The next rows."""
        kind, number = np.array(block["kind"]), np.array(block["instrument"])
        real = block["flags"] & RowFlag.SYNTHETIC == 0
        self.rows += int(np.count_nonzero(real))
        self._books |= np.bincount(number[_BOOK_KINDS[kind]], minlength=len(self._books)) > 0
        self._quotes |= np.bincount(number[kind == Kind.TOP], minlength=len(self._quotes)) > 0
        first = int(np.argmax(real))
        if not real[first]:
            return
        received = np.array(block["ts_recv_ns"])
        if self.first_ns == NULL:
            self.first_ns = int(received[first])
        self.last_ns = int(received[len(real) - 1 - int(np.argmax(real[::-1]))])
        venue = np.array(block["ts_venue_ns"])
        told = real & _TOLD_KINDS[kind] & (venue != NULL)
        np.maximum.at(self._ahead, number[told], venue[told] - received[told])

    @property
    def empty(self) -> bool:
        """Whether nothing tells a price."""
        return not (self._books.any() or self._quotes.any())

    def quoted_only(self, definitions: Sequence[Definition]) -> dict[str, str]:
        """The ids of which there are best prices and no book, with their source."""
        books = {one.id for one, there in zip(definitions, self._books, strict=True) if there}
        quotes = {one.id for one, there in zip(definitions, self._quotes, strict=True) if there}
        return dict.fromkeys(sorted(quotes - books), TICKER)

    def ahead_ns(self, numbers: Sequence[int]) -> int | None:
        """By how much a message of these was stamped later than it arrived, at most; None without any."""
        most = max((int(self._ahead[number]) for number in numbers), default=NULL)
        return None if most == NULL else most


def _choice(verdicts: Sequence[str]) -> str:
    """What takes data of these verdicts."""
    if "WARN" in verdicts:
        return "--qa warn, which takes it"
    return "--qa any, which takes all, or another range" if verdicts else "another range"


def _require(store: Store, request: ReplayRequest, selection: Selection, scan: _Scan) -> None:
    if scan.empty:
        stored = store.partitions(request.instruments, request.from_ns, request.to_ns)
        verdicts = sorted({one.verdict.status for one in stored})
        found = f"what is there is {', '.join(verdicts)}" if stored else "there is nothing in that range"
        raise ConfigError(
            f"nothing to backtest: no book and no best price of quality {request.policy} ({found});"
            f" see `mm store list`, or choose {_choice(verdicts)}",
            key="qa",
        )
    if scan.first_ns <= 0:
        raise ReplayError(
            "the data has no times of receipt, so that nobody knows when a strategy could have seen it:"
            " import it with a rule for them, or record it"
        )


def _places(
    selection: Selection, inputs: Mapping[str, Input], sources: Mapping[str, str]
) -> tuple[tuple[Definition, ...], tuple[Place, ...]]:
    """The list of definitions, numbered as the rows are, and what each number of the rows stands for."""
    known = [
        [one for line in inputs[run].definitions if (one := Definition(**line)).number == number]
        for run, number in selection.origins
    ]
    scales: dict[str, tuple[int, int]] = {}
    for one in (one for group in known for one in group):
        price, size = scales.get(one.id, (0, 0))
        scales[one.id] = max(price, one.price_scale), max(size, one.size_scale)
    definitions: list[Definition] = []
    places = []
    for number, (group, stands) in enumerate(zip(known, selection.definitions, strict=True)):
        price_scale, size_scale = scales[stands.id]
        first = len(definitions)
        for one in group:
            definitions.append(
                attrs.evolve(one, number=number, price_scale=price_scale, size_scale=size_scale)
            )
        places.append(
            Place(
                definitions[-1],
                {one.index: first + k for k, one in enumerate(group)},
                [(one.valid_from_ns, first + k) for k, one in enumerate(group)],
                10 ** (price_scale - stands.price_scale),
                10 ** (size_scale - stands.size_scale),
                sources[stands.id] == TICKER,
            )
        )
    return tuple(definitions), tuple(places)


def _losses(selection: Selection, cuts: Sequence[tuple[str, str, int, int]]) -> tuple[tuple[int, int], ...]:
    """When the market of which number of the rows is lost because an interval is left out."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, ((run, _), one) in enumerate(zip(selection.origins, selection.definitions, strict=True)):
        numbers.setdefault((run, one.id), []).append(number)
    return tuple(
        sorted((from_ns, number) for run, name, from_ns, _ in cuts for number in numbers.get((run, name), ()))
    )


def _clocks(
    selection: Selection, inputs: Mapping[str, Input], scan: _Scan
) -> tuple[tuple[VenueClock, ...], dict[int, int]]:
    """The clock of each venue in each run (and shard, where offsets were measured), and theta by number."""
    groups: dict[tuple[str, str, int], list[int]] = {}
    for number, ((run, own), one) in enumerate(zip(selection.origins, selection.definitions, strict=True)):
        shard = shard_of(own)
        measured = bool(inputs[run].offsets.get(shard))
        groups.setdefault((run, parse_id(one.id)[0], shard if measured else -1), []).append(number)
    clocks: list[VenueClock] = []
    theta_ns: dict[int, int] = {}
    for (run, venue, shard), numbers in sorted(groups.items()):
        clock = _clock(run, venue, inputs[run].offsets.get(shard, ()), scan.ahead_ns(numbers))
        clocks.append(clock)
        theta_ns |= dict.fromkeys(numbers, clock.theta_ns)
    return tuple(clocks), theta_ns


def _clock(run: str, venue: str, offsets: Sequence[tuple[int, float]], ahead_ns: int | None) -> VenueClock:
    if ahead_ns is None:
        return VenueClock(run, venue, 0, "none")
    if offsets:
        middle_ms = sorted(offset for _, offset in offsets)[len(offsets) // 2]
        return VenueClock(run, venue, round(middle_ms * 1e6), "measured")
    return VenueClock(run, venue, ahead_ns + ESTIMATE_MARGIN_NS, "estimated")
