"""A compiled backtest from its first row to its outcome: what the loop asks of Python, and the books.

    blocks of rows -> loop --status--> room, definitions, grid of equity -> loop ... -> Outcome

Money is no matter of kernels: fills come out as columns, and the ledger adds them up in Python's integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.errors import ReplayError, StrategyError
from mm_framework.kernels.layout import ROW_AUX, ROW_EPOCH, ROW_INSTRUMENT
from mm_framework.kernels.memory import Buffer
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Intent
from mm_framework.trading.backtest import Outcome, Sent
from mm_framework.trading.compiled import layout, rules
from mm_framework.trading.compiled.books import WAITING, Books
from mm_framework.trading.compiled.layout import Status
from mm_framework.trading.compiled.loop import run_loop, show_slot
from mm_framework.trading.compiled.memory import Column, Half, Numbers, Part, Parts, Places, Pool, Run
from mm_framework.trading.compiled.reports import Told
from mm_framework.trading.compiled.tape import SURVEYED, survey
from mm_framework.trading.market import Slot, factors
from mm_framework.trading.matching import Execution
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks, Timeline

__all__ = ["CompiledRun", "DeskHalf", "NotCompiled", "Rows"]

Block = npt.NDArray[Any]

ROOM, FILLS_ROOM, REQUESTS_ROOM = 1 << 15, 1 << 18, 1 << 13
"""Records that columns begin with; a system gives memory as it is touched."""

_NO_ROOM: Final = "strategies asked for more at one moment than the compiled run holds"

STEPS: Final = 1 << 16
"""What the loop does before it gives back control: some milliseconds."""


class NotCompiled(Exception):
    """The compiled run cannot go on; the interpreted one has to take its place. The text says why."""


@attrs.frozen
class Rows:
    """A tape as rows: blocks of `model.events.row_dtype` in order of receipt, whole messages each.

    ``seq`` of a row is the number of its message; ``aux`` of a definition's row the key of `definitions`.
    """

    blocks: Callable[[], Iterator[Block]]
    definitions: Mapping[int, Definition]


class DeskHalf(Protocol):
    """The local half of a compiled run, as Python sees it. ``wakes``: bits of `On` of all strategies;
    ``depth``: the most levels that one of them declared.
    """

    @property
    def names(self) -> Sequence[str]:
        """The strategies, in order."""
        ...

    @property
    def wakes(self) -> int:
        """See above."""
        ...

    @property
    def depth(self) -> int:
        """See above."""
        ...

    def attach(self, run: Run, here: Half) -> None:
        """Write the addresses of the desk's functions and memory."""
        ...

    def define(self, slot: Slot) -> None:
        """A definition is in force here, of a new market or of one that it describes anew."""
        ...

    def end(self, end_ns: int) -> bool:
        """The run ends: the last calls. False where there was no room for what they asked for."""
        ...

    def intents(self, parts: Sequence[Part]) -> tuple[Sequence[Intent], Sequence[Sent], str]:
        """All intents, which RUN_INTENTS left in ``parts``, when they were decided, and their hash."""
        ...

    def resume(self) -> None:
        """Raise what the kernels could not pass on: Python goes on behind each call of the loop."""
        ...

    @property
    def errors(self) -> list[StrategyError]:
        """Of strategies that were stopped."""
        ...


class CompiledRun:
    """One run. Raises NotCompiled where a number or a definition is beyond what it holds."""

    steps = STEPS

    def __init__(
        self,
        desk: DeskHalf,
        fee_model: FeeModel,
        rows: Rows,
        *,
        entry: LatencyModel,
        response: LatencyModel,
        execution: Execution,
        clocks: Clocks,
        settings: TradingSettings,
        grid_ns: int | None,
    ) -> None:
        self.run, self._rows, self._desk = Run(), rows, desk
        self._execution, self._settings, self._clocks = execution, settings, clocks
        self._ids = {definition.number: definition.id for definition in rows.definitions.values()}
        ids = len(set(self._ids.values()))
        self._venue = Half(self.run, layout.RUN_VENUE_SLOTS, ids)
        shared = desk.depth == 1 and ids == len(self._ids)
        self._here = Half(self.run, layout.RUN_HERE_SLOTS, ids, desk.depth, shared=shared)
        self._make_buffers(ids)
        rules.set_execution(self.run, execution)
        rules.set_clocks(self.run, clocks)
        self._tables = [
            rules.set_latency(self.run, layout.RUN_ENTRY, entry),
            rules.set_latency(self.run, layout.RUN_RESPONSE, response),
        ]
        self._books = Books(self.run, fee_model, settings, grid_ns, self._fills, self._venue, ids, desk.names)
        self.run[layout.RUN_WAKES] = desk.wakes
        desk.attach(self.run, self._here)

    def play(
        self,
        until_ns: int = 0,
        progress: Callable[[int], object] = lambda messages: None,
    ) -> Outcome:
        """From the first row to the end. ``progress`` is told, each time that the loop gives back control,
        how many rows were received since; what it raises ends the run.
        """
        run, blocks, told = self.run, iter(_not_empty(self._rows.blocks())), 0
        self._coming = _contiguous(next(blocks, None))
        run[layout.RUN_UNTIL], run[layout.RUN_STEPS] = until_ns, self.steps
        while (code := self.go_on()) != Status.END:
            self._desk.resume()
            self._check_range()
            if code == Status.ROWS:
                self._next_block(blocks)
            elif code == Status.STEPS:
                self._keep_books()
            else:
                self._serve(Status(code))
            events = run[layout.RUN_EVENTS]
            progress(events - told)
            told = events
        progress(run[layout.RUN_EVENTS] - told)
        end_ns = run[layout.RUN_END]
        run[layout.RUN_NOW] = end_ns
        self._make_room()
        if not self._desk.end(end_ns):
            raise NotCompiled(_NO_ROOM)
        self._desk.resume()
        self._check_range()
        return self._outcome(end_ns)

    def go_on(self) -> int:
        """Let the loop do its next steps; the `Status` with which it gave back control."""
        return run_loop(self.run.address)

    def reached(self) -> tuple[int, int]:
        """How many rows were received, and the time: what moves while the run does."""
        return self.run[layout.RUN_EVENTS], self.run[layout.RUN_NOW]

    # what the loop asks for

    def _check_range(self) -> None:
        if self.run[layout.RUN_TOO_LARGE]:
            raise NotCompiled("a number leaves the range that the compiled run holds")

    def _make_buffers(self, ids: int) -> None:
        run = self.run
        for offset in (layout.RUN_NEXT_EXPIRY, layout.RUN_NEXT_TIMER, layout.RUN_NEXT_MARK, layout.RUN_END):
            run[offset] = MAX
        run[layout.RUN_NEXT_GRID], run[layout.RUN_SAFE], run[layout.RUN_START] = MAX, NULL, NULL
        self._reports = Parts(run, layout.RUN_REPORTS, layout.REPORT_BYTES, ROOM)
        self._fills = Column(run, layout.RUN_FILLS, layout.FILL_BYTES, FILLS_ROOM)
        self._intents = Parts(run, layout.RUN_INTENTS, layout.INTENT_BYTES, ROOM)
        self._requests = Column(run, layout.RUN_REQUESTS, layout.INTENT_BYTES, REQUESTS_ROOM)
        self._changes = Column(run, layout.RUN_CHANGES, layout.CHANGE_BYTES, 1 << 10)
        self._touched = Column(run, layout.RUN_TOUCHED, 8, max(ids, 1))
        self._ranks = Column(run, layout.RUN_RANKS, 8, max(ids, 1))
        self._pool = Pool(run)
        self._printed, self._taken = Places(run, layout.RUN_PRINTED), Places(run, layout.RUN_TAKEN)
        self._numbers = Numbers(run, self._clocks.theta_ns, self._ids)
        self._ring = _Ring(run)
        self._kept: list[Block] = []
        run[layout.RUN_THETA] = max(0, *self._clocks.theta_ns.values(), 0)

    def _next_block(self, blocks: Iterator[Block]) -> None:
        block, self._coming = self._coming, _contiguous(next(blocks, None))
        if block is None:
            self.run[layout.RUN_LAST_ROWS] = 1
            return
        self._kept = [*self._still_read(), block]
        first = int(block.ctypes.data)
        self.run[layout.RUN_ROWS], self.run[layout.RUN_ROWS_END] = first, first + block.nbytes
        self._survey(block, first)

    def _still_read(self) -> list[Block]:
        """The blocks of messages that are not received yet, and the one before: its prints may be told of."""
        run, place = self.run, self.run[layout.RUN_RING_HERE]
        if place == run[layout.RUN_RING_READ]:
            return self._kept[-1:]
        entry = run[layout.RUN_RING] + (place & run[layout.RUN_RING_MASK]) * layout.TAPE_BYTES
        address = self._ring.word(entry, layout.TAPE_ROWS)
        first = next(k for k, block in enumerate(self._kept) if _holds(block, address))
        return self._kept[max(0, first - 1) :]

    def _survey(self, block: Block, first: int) -> None:
        """How far the venue can be played before the rest of a block is read."""
        run, count = self.run, -(-len(block) // SURVEYED)
        beyond = MAX
        if self._coming is not None:
            beyond = int(self._coming["ts_recv_ns"][0]) - self._clocks.longest_ns
        run[layout.RUN_BEYOND], run[layout.RUN_BLOCK] = beyond, first
        self._surveyed = Buffer(8 * count)
        run[layout.RUN_SURVEY] = self._surveyed.address
        survey(run.address, first, first + block.nbytes, self._surveyed.address)

    def _serve(self, status: Status) -> None:
        """Do what the loop stopped for."""
        run, who = self.run, self.run[layout.RUN_WHO]
        if status is Status.NUMBER:
            self._numbers.add(who)
        elif status is Status.RING:
            self._ring.grow()
        elif status is Status.DEFINE_VENUE:
            self._define_venue(who)
        elif status is Status.DEFINE_HERE:
            self._define_here(who)
        elif status is Status.BOOK:
            self._grow_book(who)
        elif status is Status.GRID:
            self._books.reach_grid(run[layout.RUN_NOW])
        elif status in _TURNED:
            getattr(self, _TURNED[status])()
        elif status is Status.PLACES:
            self._printed.grow()
            self._taken.grow()
        elif status in _GROWN:
            getattr(self, _GROWN[status]).grow()
        else:
            self._refuse(status, who)

    def _keep_books(self) -> None:
        if self._books.waiting >= WAITING:
            self._books.keep()

    def _make_room(self) -> None:
        """For all that a step of the desk may ask for."""
        self._turn_reports()
        self._turn_requests()
        self._turn_intents()

    def _turn_reports(self) -> None:
        self._reports.turn(self.run[layout.RUN_RECEIVED])
        self.run[layout.RUN_RECEIVED] = 0

    def _turn_requests(self) -> None:
        arrived = self.run[layout.RUN_ARRIVED]
        if 2 * arrived < self._requests.count:
            self._requests.grow()
        else:
            self._requests.drop(arrived)
            self.run[layout.RUN_ARRIVED] = 0

    def _turn_intents(self) -> None:
        self._intents.turn(self.run[layout.RUN_INTENTS + layout.COLUMN_COUNT])

    def _refuse(self, status: Status, who: int) -> None:
        if status is Status.EPOCH:
            row = self._row(who)
            slot = self._slot_of(row)
            raise ReplayError(
                f"{slot.id}: a level of epoch {_short(row, ROW_EPOCH)} on a book of epoch {slot.epoch};"
                " no snapshot lies between them"
            )
        if status is Status.BACKWARDS:
            raise NotCompiled("its messages are not in the order of their receipt")
        if status is Status.DESK:
            raise NotCompiled(_NO_ROOM)
        raise NotCompiled("a price or a size is not in 0 to 2**61")

    def _grow_book(self, address: int) -> None:
        for half in (self._venue, self._here):
            index = half.index_at(address)
            if 0 <= index < len(half.slots) and half.address(half.slots[index]) == address:
                half.grow_book(half.slots[index], int(self.run[layout.RUN_LEVELS]))

    # definitions

    def _row(self, address: int) -> bytes:
        """The 64 bytes of a row."""
        for block in self._kept:
            if _holds(block, address):
                offset = address - int(block.ctypes.data)
                return bytes(block.view(np.uint8)[offset : offset + 64])
        raise RuntimeError("a row that is in no block")

    def _definition_at(self, entry: int) -> Definition:
        row = self._row(self._ring.word(entry, layout.TAPE_ROWS))
        return self._rows.definitions[int.from_bytes(row[ROW_AUX : ROW_AUX + 8], "little")]

    def _slot_of(self, row: bytes) -> Slot:
        number = int.from_bytes(row[ROW_INSTRUMENT : ROW_INSTRUMENT + 4], "little")
        return self._venue.pull(self._venue.by_id[self._ids[number]])

    def _define_venue(self, entry: int) -> None:
        definition, run = self._definition_at(entry), self.run
        self._books.keep()
        slot = self._defined(self._venue, definition)
        self._venue.cap(slot, rules.cap_of(self._execution, slot))
        self._numbers.means(definition.number, layout.NUMBER_VENUE, self._venue.address(slot))
        run[layout.RUN_RING_VENUE] += 1

    def _define_here(self, entry: int) -> None:
        definition, run = self._definition_at(entry), self.run
        slot = self._defined(self._here, definition)
        if self._venue.slots[slot.index].id != slot.id:
            raise NotCompiled("its instruments are defined here in another order than at the venue")
        self._numbers.means(definition.number, layout.NUMBER_HERE, self._here.address(slot))
        run[layout.RUN_SLOTS] = len(self._here.slots)
        show_slot(run.address, self._here.address(slot))
        run[layout.RUN_SEQ_HERE] = self._ring.word(entry, layout.TAPE_SEQ)
        self._desk.define(slot)
        run[layout.RUN_EVENTS] += self._ring.word(entry, layout.TAPE_COUNT)
        run[layout.RUN_RING_HERE] += 1

    def _defined(self, half: Half, definition: Definition) -> Slot:
        """As `Markets.define`, of scales that stay."""
        slot = half.by_id.get(definition.id)
        if slot is None:
            settings = self._settings
            source = settings.price_sources.get(definition.id, settings.price_source)
            return half.add(definition, source)
        half.pull(slot)
        if factors(slot.definition, definition) != (1, 1):
            raise NotCompiled(f"the scales of {slot.id} change within the tape")
        slot.describe(definition)
        half.push(slot)
        return slot

    # the outcome

    def _outcome(self, end_ns: int) -> Outcome:
        run, timeline = self.run, Timeline(self._clocks)
        timeline.messages = run[layout.RUN_MESSAGES]
        timeline.untimed = run[layout.RUN_UNTIMED]
        timeline.clipped = run[layout.RUN_CLIPPED]
        ledger, fills, equity = self._books.end(end_ns)
        told = Told(
            self._reports.all(),
            self._reports.kept + run[layout.RUN_RECEIVED],
            self._fills.table(0, self._fills.count),
            self._intents.all(),
            fills,
            self._books.fees,
            [slot.id for slot in self._venue.slots],
            self._desk.names,
        )
        reports, known_ns, undelivered = told.sequences()
        intents, sent, final_hash = self._desk.intents(told.asked)
        return Outcome(
            intents=intents,
            sent=sent,
            reports=reports,
            known_ns=known_ns,
            undelivered=undelivered,
            fills=fills,
            accounts=ledger.results(),
            equity=equity,
            final_hash=final_hash,
            errors=self._desk.errors,
            start_ns=max(run[layout.RUN_START], 0),
            end_ns=end_ns,
            timeline=timeline,
            columns=told,
        )


def _contiguous(block: Block | None) -> Block | None:
    return None if block is None else np.ascontiguousarray(block)


def _not_empty(blocks: Iterator[Block]) -> Iterator[Block]:
    return (block for block in blocks if len(block))


_TURNED: Final = {
    Status.REPORTS: "_turn_reports",
    Status.REQUESTS: "_turn_requests",
    Status.INTENTS: "_turn_intents",
}
_GROWN: Final = {
    Status.FILLS: "_fills",
    Status.CHANGES: "_changes",
    Status.ORDERS: "_pool",
}


def _short(row: bytes, offset: int) -> int:
    return int.from_bytes(row[offset : offset + 2], "little")


_PLACES: Final = (layout.RUN_RING_HERE, layout.RUN_RING_VENUE, layout.RUN_RING_READ)


def _holds(block: Block, address: int) -> bool:
    return 0 <= address - int(block.ctypes.data) < block.nbytes


def _spread(old: memoryview, new: memoryview, width: int, first: int, end: int) -> None:
    """Records of places ``first`` to ``end`` of a ring into a larger one."""
    held, free = (np.frombuffer(ring, dtype=np.int64).reshape(-1, width) for ring in (old, new))
    places = np.arange(first, end)
    free[places % len(free)] = held[places % len(held)]


class _Ring:
    """The messages that were read and are not received yet."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._start(1 << 11)

    def word(self, entry: int, offset: int) -> int:
        """A field of the entry at an address."""
        return self._words[(entry - self._entries.address + offset) // 8]

    def at_venue(self, first: int, end: int) -> npt.NDArray[np.int64]:
        """The entries that were the ``first``-th to the one before the ``end``-th at the venue, in its order.

        Raises NotCompiled when later messages stand in the place of some.
        """
        mask = self._run[layout.RUN_RING_MASK]
        order = np.frombuffer(self._order.view, np.int64).reshape(-1, 2)
        places = order[np.arange(first, end) & mask, 1] >> 1
        oldest = min(first, int(places.min(initial=first)))
        if self._run[layout.RUN_RING_READ] - oldest > mask + 1:
            raise NotCompiled("its messages are read too far ahead")
        entries = np.frombuffer(self._entries.view, np.int64).reshape(-1, layout.TAPE_BYTES // 8)
        found: npt.NDArray[np.int64] = entries[places & mask]
        return found

    def grow(self) -> None:
        """Room for twice as many."""
        run, held, kept = self._run, self._entries, self._order
        entries, order = held.words(), kept.words()
        self._start(2 * (run[layout.RUN_RING_MASK] + 1))
        width = layout.TAPE_BYTES // 8
        here, venue, read = (run[word] for word in _PLACES)
        _spread(entries, self._words, width, here, read)
        _spread(order, self._order.words(), 2, venue, read)

    def _start(self, size: int) -> None:
        self._entries, self._order = Buffer(size * layout.TAPE_BYTES), Buffer(size * 16)
        self._words = self._entries.words()
        self._run[layout.RUN_RING], self._run[layout.RUN_ORDER] = self._entries.address, self._order.address
        self._run[layout.RUN_RING_MASK] = size - 1
