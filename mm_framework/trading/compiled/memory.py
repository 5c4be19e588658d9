"""The memory of one compiled run, as Python sees it: the block, columns that grow, markets, tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.kernels.memory import Buffer
from mm_framework.kernels.native_book import NativeBook
from mm_framework.model.events import SyncState
from mm_framework.model.fixed import NULL
from mm_framework.model.instrument import Definition
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.places import ENTRY_BYTES
from mm_framework.trading.market import TICKER, Slot

__all__ = ["Column", "Half", "Numbers", "Part", "Parts", "Places", "Pool", "Run"]

Table = npt.NDArray[np.int64]

_WORD: Final = 8
_TICKER, _SHARED = 1, 2


def _table(memory: Buffer, record_words: int) -> Table:
    words = np.frombuffer(memory.words(), dtype=np.int64)
    return words[: len(words) // record_words * record_words].reshape(-1, record_words)


class Run:
    """The block, by byte offset: ``run[RUN_NOW]``."""

    def __init__(self) -> None:
        self._buffer = Buffer(layout.RUN_BYTES)
        self._words = self._buffer.words()
        self.address = self._buffer.address

    def __getitem__(self, offset: int) -> int:
        return self._words[offset // _WORD]

    def __setitem__(self, offset: int, value: int) -> None:
        self._words[offset // _WORD] = value


class Column:
    """Records of one size behind an address of the block, which changes when it grows."""

    def __init__(self, run: Run, offset: int, record_bytes: int, room: int) -> None:
        self._run, self._offset, self.record_words = run, offset, record_bytes // _WORD
        self._room = room
        self._buffer = Buffer(record_bytes * room)
        self._place()

    @property
    def count(self) -> int:
        """How many records there are."""
        return self._run[self._offset + layout.COLUMN_COUNT]

    def table(self, first: int, end: int) -> Table:
        """The words of records ``first`` to ``end``, a record in each row, until it grows."""
        return _table(self._buffer, self.record_words)[first:end]

    def grow(self) -> None:
        """Make room for twice as many."""
        held, self._room = self._buffer, 2 * self._room
        self._buffer = Buffer(2 * held.size)
        self._buffer.view[: held.size] = held.view
        self._place()

    def drop(self, done: int) -> None:
        """Forget the first records; those behind move down."""
        size, count = self.record_words * _WORD, self.count
        kept = bytes(self._buffer.view[done * size : count * size])
        self._buffer.view[: len(kept)] = kept
        self._run[self._offset + layout.COLUMN_COUNT] = count - done

    def _place(self) -> None:
        self._run[self._offset] = self._buffer.address
        self._run[self._offset + layout.COLUMN_ROOM] = self._room


@attrs.frozen(eq=False)
class Part:
    """Some records of a column, one behind the other."""

    memory: Buffer
    count: int
    record_words: int

    @property
    def table(self) -> Table:
        """The words, a record in each row."""
        return _table(self.memory, self.record_words)[: self.count]


class Parts:
    """Records that kernels write and soon forget: what they are done with is kept where it stands.

    Nothing is ever moved but the few records that they still need, and no memory is held that is not used.
    """

    def __init__(self, run: Run, offset: int, record_bytes: int, room: int) -> None:
        self._run, self._offset, self.record_words = run, offset, record_bytes // _WORD
        self._full: list[Part] = []
        self._start(room, b"")

    def turn(self, done: int) -> None:
        """Keep the first ``done`` records; those behind begin a new part, a larger one if they are many."""
        size, count = self.record_words * _WORD, self._run[self._offset + layout.COLUMN_COUNT]
        needed = bytes(self._buffer.view[done * size : count * size])
        if done:
            self._full.append(Part(self._buffer, done, self.record_words))
        self._start(self._room if 2 * done >= self._room else 2 * self._room, needed)

    def all(self) -> list[Part]:
        """The whole column."""
        last = self._run[self._offset + layout.COLUMN_COUNT]
        return [*self._full, Part(self._buffer, last, self.record_words)]

    @property
    def kept(self) -> int:
        """How many records stand in parts that kernels are done with."""
        return sum(part.count for part in self._full)

    def _start(self, room: int, held: bytes) -> None:
        self._room, self._buffer = room, Buffer(room * self.record_words * _WORD)
        self._buffer.view[: len(held)] = held
        self._run[self._offset] = self._buffer.address
        self._run[self._offset + layout.COLUMN_COUNT] = len(held) // (self.record_words * _WORD)
        self._run[self._offset + layout.COLUMN_ROOM] = room


class Places:
    """A table of `places`."""

    def __init__(self, run: Run, offset: int) -> None:
        self._run, self._offset = run, offset
        self._start(1024)

    def grow(self) -> None:
        """Twice the entries, half of them free."""
        held, mask = self._buffer, self._run[self._offset + _WORD]
        self._start(2 * (mask + 1))
        from mm_framework.trading.compiled.loop import fill_places

        fill_places(self._run.address + self._offset, held.address, mask + 1)

    def _start(self, entries: int) -> None:
        self._buffer = Buffer(entries * (ENTRY_BYTES + 1))  # with a byte of each behind all of them
        table = (self._buffer.address, entries - 1, 0, entries // 2)
        for place, word in enumerate(table):
            self._run[self._offset + place * _WORD] = word


class Pool:
    """Orders of the venue; they never move."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._blocks: list[Buffer] = []
        self.grow()

    def grow(self) -> None:
        """More free orders."""
        count = 256 << len(self._blocks)
        block = Buffer(count * layout.ORDER_BYTES)
        self._blocks.append(block)
        words, width = block.words(), layout.ORDER_BYTES // _WORD
        following = self._run[layout.RUN_FREE]
        for place in range(count):
            words[place * width] = following
            following = block.address + place * layout.ORDER_BYTES
        self._run[layout.RUN_FREE] = following
        self._run[layout.RUN_FREE_COUNT] += count


class Numbers:
    """Instrument numbers as the tape has them, by a hash of open addressing. ``ids``: what they are of."""

    def __init__(self, run: Run, theta_ns: Mapping[int, int], ids: Mapping[int, str]) -> None:
        self._run, self._theta_ns, self._ids = run, theta_ns, ids
        self._met: set[str] = set()
        self._kept: dict[int, Buffer] = {}
        self._table(256)

    def add(self, number: int) -> None:
        """A number that was met first."""
        made = Buffer(layout.NUMBER_BYTES)
        words = made.words()
        words[layout.NUMBER_ID // _WORD] = number
        words[layout.NUMBER_THETA // _WORD] = self._theta_ns.get(number, 0)
        instrument = self._ids.get(number)
        words[layout.NUMBER_EARLY // _WORD] = int(instrument is not None and instrument not in self._met)
        if instrument is not None:
            self._met.add(instrument)
        for channel in range(3):
            words[layout.NUMBER_LAST // _WORD + 2 * channel] = NULL
        self._kept[number] = made
        self._table(max(self._size, 2 * len(self._kept)))

    def at_venue(self) -> dict[int, int]:
        """The address of the slot at the venue, 0 for none, by the address of its NUMBER."""
        return {made.address: made.words()[layout.NUMBER_VENUE // _WORD] for made in self._kept.values()}

    def means(self, number: int, half: int, slot: int) -> None:
        """The slot that a number means from now on; ``half``: NUMBER_VENUE or NUMBER_HERE."""
        self._kept[number].words()[half // _WORD] = slot

    def _table(self, size: int) -> None:
        self._size = 1 << (size - 1).bit_length()
        mask = self._size - 1
        self._buffer = Buffer(self._size * _WORD)
        words = self._buffer.words()
        for number, made in self._kept.items():
            place = number & mask
            while words[place]:
                place = (place + 1) & mask
            words[place] = made.address
        self._run[layout.RUN_NUMBERS] = self._buffer.address
        self._run[layout.RUN_NUMBERS_MASK] = mask


def _told(value: int) -> int | None:
    return None if value == NULL else value


def _word(value: int | None) -> int:
    return NULL if value is None else value


class Half:
    """The markets of one clock: SLOTs, and a `Slot` beside each that is brought up to date by `pull`.

    ``shared``: they keep no books, the kernels bring them what the venue's say.
    """

    def __init__(self, run: Run, offset: int, slots: int, depth: int = 0, *, shared: bool = False) -> None:
        self._run, self._shared = run, shared
        self._buffer = Buffer(slots * layout.SLOT_BYTES)
        self._words = self._buffer.words()
        self.slots: list[Slot] = []
        self.by_id: dict[str, Slot] = {}
        self._views: Buffer | None = None
        run[offset] = self._buffer.address
        if depth:
            self._make_views(slots, depth)

    def address(self, slot: Slot) -> int:
        """Of its SLOT."""
        return self._buffer.address + slot.index * layout.SLOT_BYTES

    def index_at(self, address: int) -> int:
        """The index of the SLOT at an address; not below 0 nor among ours for another's."""
        return (address - self._buffer.address) // layout.SLOT_BYTES

    def add(self, definition: Definition, source: str) -> Slot:
        """A new market."""
        slot = Slot(len(self.slots), definition, source)
        slot.book = cast(Any, NativeBook())
        self.slots.append(slot)
        self.by_id[slot.id] = slot
        for field in (layout.SLOT_BOUND_BID, layout.SLOT_BOUND_ASK, layout.SLOT_MOMENT, layout.SLOT_CAP):
            self._set(slot, field, NULL)
        self._set(slot, layout.SLOT_INDEX, slot.index)
        self._set(slot, layout.SLOT_SOURCE, _TICKER if source == TICKER else _SHARED if self._shared else 0)
        self._set(slot, layout.SLOT_SHOWN, -1)
        if self._views is not None:
            self._set(slot, layout.SLOT_VIEW, self._views.address + slot.index * self._view_bytes)
        self.push(slot)
        return slot

    def cap(self, slot: Slot, size: int | None) -> None:
        """The most that one taker fills."""
        self._set(slot, layout.SLOT_CAP, _word(size))

    def grow_book(self, slot: Slot, levels: int) -> None:
        """Make room for so many levels more."""
        book = cast(NativeBook, slot.book)
        book.grow(levels)
        self._set(slot, layout.SLOT_BOOK, book.address)

    def pull(self, slot: Slot) -> Slot:
        """The kernels' words into the object."""
        top = [self._get(slot, layout.SLOT_BID + 8 * k) for k in range(4)]
        ticker = [self._get(slot, layout.SLOT_TICKER + 8 * k) for k in range(4)]
        slot.top, slot.ticker = _top(top), _top(ticker)
        slot.state = SyncState(self._get(slot, layout.SLOT_STATE))
        slot.epoch, slot.version = self._get(slot, layout.SLOT_EPOCH), self._get(slot, layout.SLOT_VERSION)
        slot.trusted = bool(self._get(slot, layout.SLOT_TRUSTED))
        slot.current = bool(self._get(slot, layout.SLOT_CURRENT))
        slot.ticker_live = bool(self._get(slot, layout.SLOT_TICKER_LIVE))
        slot.mid2 = _told(self._get(slot, layout.SLOT_MID2))
        slot.last_bid = _told(self._get(slot, layout.SLOT_LAST_BID))
        slot.last_ask = _told(self._get(slot, layout.SLOT_LAST_ASK))
        return slot

    def push(self, slot: Slot) -> None:
        """What a definition sets, and what a rescale changes, into the kernels' words."""
        definition = slot.definition
        values = {
            layout.SLOT_BOOK: cast(NativeBook, slot.book).address,
            layout.SLOT_STATE: int(slot.state),
            layout.SLOT_VERSION: slot.version,
            layout.SLOT_TICK: slot.tick,
            layout.SLOT_LOT: slot.lot,
            layout.SLOT_DEPTH: definition.depth or 0,
            layout.SLOT_PRICE_SCALE: definition.price_scale,
            layout.SLOT_SIZE_SCALE: definition.size_scale,
            layout.SLOT_MID2: _word(slot.mid2),
            layout.SLOT_LAST_BID: _word(slot.last_bid),
            layout.SLOT_LAST_ASK: _word(slot.last_ask),
        }
        for offset, top in ((layout.SLOT_BID, slot.top), (layout.SLOT_TICKER, slot.ticker)):
            for side, level in enumerate(top):
                price, size = level or (NULL, 0)
                values |= {offset + 16 * side: price, offset + 16 * side + 8: size}
        for offset, value in values.items():
            self._set(slot, offset, value)

    def _make_views(self, slots: int, depth: int) -> None:
        arrays = (
            layout.VIEW_BID_PRICES,
            layout.VIEW_BID_SIZES,
            layout.VIEW_ASK_PRICES,
            layout.VIEW_ASK_SIZES,
        )
        self._view_bytes = layout.VIEW_BYTES + len(arrays) * depth * _WORD
        self._views = Buffer(slots * self._view_bytes)
        words = self._views.words()
        for first in range(0, slots * self._view_bytes, self._view_bytes):
            for k, field in enumerate(arrays):
                array = self._views.address + first + layout.VIEW_BYTES + k * depth * _WORD
                words[(first + field) // _WORD] = array
        self._pairs = Buffer(16 * depth)
        self._run[layout.RUN_PAIRS] = self._pairs.address
        self._run[layout.RUN_VIEWS] = self._views.address
        self._run[layout.RUN_VIEW_BYTES] = self._view_bytes
        self._run[layout.RUN_DEPTH] = depth

    def _get(self, slot: Slot, offset: int) -> int:
        return self._words[(slot.index * layout.SLOT_BYTES + offset) // _WORD]

    def _set(self, slot: Slot, offset: int, value: int) -> None:
        self._words[(slot.index * layout.SLOT_BYTES + offset) // _WORD] = value


def _top(words: list[int]) -> Any:
    bid, bid_size, ask, ask_size = words
    return (None if bid == NULL else (bid, bid_size)), (None if ask == NULL else (ask, ask_size))
