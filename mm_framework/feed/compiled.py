"""The compiled path of a `Feed`: its hot state in kernels' memory, and the calls of `advance`.

Python's objects and the kernels' words hold the same facts; at any time one side is right. `run` brings
the words up to date (`push`) before it advances, `pull` brings the objects up to date before the
reference path looks at them. Books, rows and messages exist once, in memory that both use.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from mm_framework.contracts.shapes import Shape
from mm_framework.contracts.sync_engine import ChecksumSpec, SequenceSpec, SyncRules
from mm_framework.feed.config import FeedConfig
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import NEVER, Stream
from mm_framework.feed.names import Name
from mm_framework.feed.session import Session
from mm_framework.kernels import layout
from mm_framework.kernels.advance import advance
from mm_framework.kernels.checksum import compile_spec, scratch_bytes
from mm_framework.kernels.digest import LEVEL_BYTES, MAX_HASH_SCALE, TEXT_SLACK, compile_hash
from mm_framework.kernels.layout import Count, Refusal, Stop
from mm_framework.kernels.memory import Buffer, address_of
from mm_framework.kernels.names import NameTable
from mm_framework.kernels.native_book import NativeBook
from mm_framework.kernels.sha1 import SHA1_BYTES
from mm_framework.kernels.shapes import compiled as compiled_shapes
from mm_framework.kernels.witness import NativeWitness
from mm_framework.model.events import NULL, SyncState
from mm_framework.model.frame import Block
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter

__all__ = ["Compiled", "new_book", "new_witness"]

BLOCK_BYTES: Final = 1 << 16
UNDO_ENTRIES: Final = 1024

# Words of the context that every call touches, by their number.
_POSITION: Final = layout.CTX_POSITION // 8
_END: Final = layout.CTX_END // 8
_N_ROWS: Final = layout.CTX_N_ROWS // 8
_N_MESSAGES: Final = layout.CTX_N_MESSAGES // 8
_SEQ: Final = layout.CTX_SEQ // 8

_NOT_FALLBACKS: Final = (Refusal.OTHER_SHAPE, Refusal.SNAPSHOT, Refusal.SYMBOL)
"""Refusals that say nothing against the frame: of no shape, a snapshot, an instrument not met yet."""

_OF_AN_INSTRUMENT: Final = (
    (layout.INSTRUMENT_APPLIED // 8, "sequence_applied"),
    (layout.INSTRUMENT_UNPROVED // 8, "depth_unproved_messages"),
    (layout.INSTRUMENT_COMPARED // 8, "tops_compared"),
    (layout.INSTRUMENT_EQUAL // 8, "tops_equal"),
    (layout.INSTRUMENT_HASHED // 8, "hashes_verified"),
    (layout.INSTRUMENT_NOT_HASHED // 8, "hashes_unverified"),
)
"""Counts of `sync.proofs` that `advance` keeps in an instrument's words."""

new_book, new_witness = NativeBook, NativeWitness


class Compiled:
    """The compiled path of one shard. ``names``: what the reference path has resolved; taken from there."""

    def __init__(
        self,
        config: FeedConfig,
        session: Session,
        emitter: Emitter,
        counts: Counts,
        rules: SyncRules,
        shapes: Sequence[Shape],
        names: list[Name],
    ) -> None:
        self._session, self._emitter, self._counts = session, emitter, counts
        self._rules, self._names = rules, names
        self.refusals: Counter[str] = Counter()
        self._shapes = compiled_shapes(shapes)
        self._table = NameTable(len(self._shapes.channels))
        self._slots: dict[int, int] = {}
        self._streams: list[Stream | None] = []  # by place; None: free
        self._places: dict[str, list[int]] = {}  # of an instrument's streams
        self._words: dict[str, Buffer] = {}
        self._texts: dict[str, Buffer] = {}
        self._symbols: dict[str, Buffer] = {}
        self._ahead = False  # the words are newer than the objects
        self._current = False  # the objects are not newer than the words
        self._stale: set[int] | None = None  # slots of streams to push when they are; None: all
        self._block = Buffer(BLOCK_BYTES)
        self._lent: Block = b""  # a block that is read where it is, kept until the next one
        self._scan = Buffer(layout.SCAN_BYTES)
        self._undo = Buffer(layout.UNDO_BYTES * UNDO_ENTRIES)
        self._stream_words = Buffer(layout.STREAM_BYTES * 8)
        self._dirty = Buffer(8 * 8)
        self._links, self._numbers = Buffer(8), Buffer(8)
        self._ctx_memory = Buffer(layout.CTX_BYTES)
        self._ctx = self._ctx_memory.words()
        self._address = self._ctx_memory.address
        self._base = self._block.address
        self._start(config)

    def _start(self, config: FeedConfig) -> None:
        """The words that never change."""
        put = self._put
        put(layout.CTX_WALL, NULL if config.untimed else config.wall0_ns - config.mono0_ns)
        put(layout.CTX_LIVE, config.live)
        put(layout.CTX_SHAPES, self._shapes.address)
        put(layout.CTX_N_SHAPES, self._shapes.count)
        put(layout.CTX_SCAN, self._scan.address)
        first = layout.SCAN_MINUTE
        self._scan.view[first : first + 16] = b"1970-01-01T00:00"  # the minute known at first, of value 0
        put(layout.CTX_RESYNC_CROSSED, self._rules.crossed != "ignore")
        put(layout.CTX_TRADE_IDS, 2 if self._rules.trade_ids == "rising" else self._rules.trade_ids)
        put(layout.CTX_SEQUENCE, _sequence(self._rules.sequence))
        self._put_undo()
        spec = self._rules.checksum
        self._spec = None if spec is None else compile_spec(spec)
        depth = 0 if spec is None else spec.depth
        self._scratch = Buffer(32 * depth + (0 if spec is None else scratch_bytes(spec)))
        put(layout.CTX_CHECKSUM, 0 if self._spec is None else self._spec.address)
        put(layout.CTX_CHECKSUM_DEPTH, depth)
        put(layout.CTX_SCRATCH, self._scratch.address)
        put(layout.CTX_CHECKSUM_SIDES, _sides(spec))
        put(layout.CTX_CHECKSUM_SIGNED, spec is not None and spec.signed)
        text = self._rules.hash_text if spec is None else None  # both keep texts of the sides
        self._hash = None if text is None else compile_hash(text)
        self._hash_states = Buffer(3 * SHA1_BYTES)
        put(layout.CTX_HASH, 0 if self._hash is None else self._hash.address)
        put(layout.CTX_HASH_STATES, self._hash_states.address)

    @property
    def bound_ns(self) -> int:
        """The deadline that `advance` stops at, which is the session's whenever that is behind."""
        return self._ctx[layout.CTX_BOUND // 8] if self._ahead else self._session.bound_ns

    def load(self, block: Block) -> None:
        """Take a block over: as it is where kernels may read it, else a copy."""
        n, address = len(block), address_of(memoryview(block))
        if address is not None:
            self._lent, self._base = block, address
            self._ctx[_END] = address + n
            return
        if n > self._block.size:
            self._block = Buffer(max(n, 2 * self._block.size))
        self._base = self._block.address
        self._block.view[:n] = block
        self._ctx[_END] = self._base + n

    def run(self, position: int) -> int:
        """Advance from a record's position in the block; returns that of the first one not taken."""
        if not self._current:
            self._push()
        ctx, emitter = self._ctx, self._emitter
        ctx[_POSITION] = self._base + position
        ctx[_N_ROWS], ctx[_N_MESSAGES] = emitter.n_rows, emitter.n_messages
        while stop := advance.call(self._address):
            if stop == Stop.ROWS:
                emitter.n_rows, emitter.n_messages, emitter.seq = ctx[_N_ROWS], ctx[_N_MESSAGES], ctx[_SEQ]
                emitter.reserve(
                    len(emitter.row_memory.view) // 64 + 1, len(emitter.message_memory.view) // 64 + 1
                )
                self._push_output()
            elif stop == Stop.BOOK:
                self._grow_book(ctx[layout.CTX_FULL // 8])
            elif stop == Stop.UNDO:
                self._undo = Buffer(2 * self._undo.size)
                self._put_undo()
            elif stop == Stop.TEXT:
                self._grow_texts(ctx[layout.CTX_FULL // 8])
            else:
                break
        self._ahead = True
        emitter.n_rows, emitter.n_messages, emitter.seq = ctx[_N_ROWS], ctx[_N_MESSAGES], ctx[_SEQ]
        if stop == Stop.REFUSED:
            self._refused(Refusal(ctx[layout.CTX_REFUSAL // 8]))
        return ctx[_POSITION] - self._base

    def touched(self, instruments: Collection[str] | None) -> None:
        """The reference path has changed links and these instruments' streams; None: perhaps anything."""
        self._current = False
        if instruments is None or self._stale is None:
            self._stale = None
            return
        for instrument in instruments:
            self._stale.update(self._places.get(instrument, ()))

    def pull(self) -> None:
        """Bring the objects up to date; they stay right until the next `run`."""
        if not self._ahead:
            return
        self._ahead = False
        ctx, session = self._ctx, self._session
        session.bound_ns = ctx[layout.CTX_BOUND // 8]
        first = layout.CTX_COUNTS // 8
        for count in Count:
            more = ctx[first + count]
            if more:
                setattr(self._counts, count.name, getattr(self._counts, count.name) + more)
                ctx[first + count] = 0
        links = self._links.words()
        numbers = self._numbers.words()
        for link in session.links.values():
            link.last_ns = links[link.index]
            link.number = None if numbers[link.index] == NULL else numbers[link.index]
        dirty = self._dirty.words()
        for place in range(ctx[layout.CTX_N_DIRTY // 8]):
            self._pull_stream((dirty[place] - self._stream_words.address) // layout.STREAM_BYTES)
        ctx[layout.CTX_N_DIRTY // 8] = 0

    # words to objects

    def _pull_stream(self, slot: int) -> None:
        stream, words = self._streams[slot], self._stream_words.words()
        assert stream is not None
        base = slot * layout.STREAM_BYTES // 8
        words[base + layout.STREAM_DIRTY // 8] = 0
        stream.last_ns = words[base + layout.STREAM_LAST // 8]
        stream.deadline_ns = words[base + layout.STREAM_DEADLINE // 8]
        instrument = self._session.instruments[stream.subscription.instrument]
        own, state = self._words[instrument.id].words(), instrument.book.s
        state.seen_price = own[layout.INSTRUMENT_SEEN_PRICE // 8]
        state.seen_size = own[layout.INSTRUMENT_SEEN_SIZE // 8]
        bid, ask = own[layout.INSTRUMENT_BOUND_BID // 8], own[layout.INSTRUMENT_BOUND_ASK // 8]
        state.bound.bid = None if bid == NULL else bid
        state.bound.ask = None if ask == NULL else ask
        for word, count in _OF_AN_INSTRUMENT:
            if own[word]:
                proofs = instrument.book.proofs
                setattr(proofs, count, getattr(proofs, count) + own[word])
                own[word] = 0
        state.hashed = bool(own[layout.INSTRUMENT_HASH_HELD // 8])
        number = own[layout.INSTRUMENT_LAST // 8]
        state.number = None if number == NULL else number
        trade = own[layout.INSTRUMENT_TRADE // 8]
        instrument.trades.s.last_id = None if trade == NULL else trade

    # objects to words

    def _push_output(self) -> None:
        """Where rows and messages go."""
        ctx, emitter = self._ctx, self._emitter
        ctx[_SEQ] = emitter.seq
        rows, messages, stamps = emitter.row_memory, emitter.message_memory, emitter.stamp_memory
        assert isinstance(rows, Buffer)
        assert isinstance(messages, Buffer)
        assert isinstance(stamps, Buffer)
        ctx[layout.CTX_ROWS // 8] = rows.address
        ctx[layout.CTX_ROWS_CAPACITY // 8] = rows.size // layout.ROW_BYTES
        ctx[layout.CTX_MESSAGES // 8] = messages.address
        ctx[layout.CTX_MESSAGES_CAPACITY // 8] = messages.size // layout.MESSAGE_BYTES
        ctx[layout.CTX_MONO // 8] = stamps.address

    def _push(self) -> None:
        """Bring the words up to date: of the streams that were touched, or of everything."""
        session = self._session
        self._put(layout.CTX_ONLINE, session.online)
        self._put(layout.CTX_BOUND, session.bound_ns)
        self._push_output()
        self._push_links()
        if self._stale is None or len(session.streams) != len(self._slots):
            self._push_streams()
            self._stale = set(self._slots.values())
        for slot in self._stale:
            self._push_stream(slot)
        for name in self._names:
            if name.channel in self._shapes.channels:
                number = self._shapes.channels.index(name.channel)
                text = name.text.encode("utf-8", "surrogatepass")
                missing = layout.NOBODY if name.nobody else -1
                slot = missing if name.stream is None else self._slots.get(id(name.stream), missing)
                self._table.add(number, text, slot, name.connection)
        self._names.clear()
        self._current = True
        self._scan.words()[layout.SCAN_SYMBOLS // 8] = self._table.address
        self._scan.words()[layout.SCAN_SYMBOL_MASK // 8] = self._table.mask
        self._stale.clear()

    def _push_links(self) -> None:
        links = self._session.links
        size = max(links, default=0) + 1
        if 8 * size > self._links.size:
            self._links, self._numbers = Buffer(16 * size), Buffer(16 * size)
        words, numbers = self._links.words(), self._numbers.words()
        for index in range(len(words)):
            link = links.get(index)
            words[index] = NULL if link is None else link.last_ns
            numbers[index] = NULL if link is None or link.number is None else link.number
        self._put(layout.CTX_LINKS, self._links.address)
        self._put(layout.CTX_NUMBERS, self._numbers.address)
        self._put(layout.CTX_N_LINKS, len(words))

    def _push_streams(self) -> None:
        """Places for all streams; a stream keeps its own, until nobody looks at it any more."""
        present = {id(stream) for stream in self._session.streams.values()}
        for key in self._slots.keys() - present:
            self._free(self._slots.pop(key))
        free = [place for place, stream in enumerate(self._streams) if stream is None][::-1]
        for stream in self._session.streams.values():
            if id(stream) not in self._slots:
                if not free:
                    free.append(len(self._streams))
                    self._streams.append(None)
                place = self._slots[id(stream)] = free.pop()
                self._streams[place] = stream
                self._places.setdefault(stream.subscription.instrument, []).append(place)
        needed = len(self._streams)
        if needed * layout.STREAM_BYTES > self._stream_words.size:
            self._stream_words = Buffer(2 * needed * layout.STREAM_BYTES)
            self._dirty = Buffer(16 * needed)
        self._put(layout.CTX_STREAMS, self._stream_words.address)
        self._put(layout.CTX_DIRTY, self._dirty.address)

    def _free(self, place: int) -> None:
        """A stream's place, whose names stand for nothing any more; its instrument's words with the last."""
        stream = self._streams[place]
        assert stream is not None
        self._streams[place] = None
        words, base = self._stream_words.words(), place * layout.STREAM_BYTES // 8
        words[base : base + layout.STREAM_BYTES // 8] = array("q", bytes(layout.STREAM_BYTES))
        instrument = stream.subscription.instrument
        self._places[instrument].remove(place)
        if not self._places[instrument]:
            for kept in (self._places, self._words, self._texts, self._symbols):
                kept.pop(instrument, None)

    def _push_stream(self, slot: int) -> None:
        stream = self._streams[slot]
        assert stream is not None
        own = self._push_instrument(stream)
        words, base = self._stream_words.words(), slot * layout.STREAM_BYTES // 8
        # A retry that is due on a connection that ends is left as it is, but counts as a deadline.
        calm = stream.retry_ns == NEVER or self._session.carried(stream)
        quiet = stream.probed or stream.silences or stream.unanswered
        hot = stream.phase == "active" and not quiet and calm and stream.alone
        trade_channel = self._session.instruments[stream.subscription.instrument].trade_channel
        if stream.carries == "trade" and stream.subscription.channel != trade_channel:
            hot = False  # the words hold the numbering of one channel
        words[base + layout.STREAM_INSTRUMENT // 8] = own
        words[base + layout.STREAM_CONNECTION // 8] = -1 if stream.connection is None else stream.connection
        words[base + layout.STREAM_HOT // 8] = hot
        words[base + layout.STREAM_IDLE // 8] = self._session.idle_ns_of(stream)
        words[base + layout.STREAM_RETRY // 8] = stream.retry_ns
        words[base + layout.STREAM_DEADLINE // 8] = stream.deadline_ns
        words[base + layout.STREAM_LAST // 8] = NULL if stream.last_ns is None else stream.last_ns

    def _push_instrument(self, stream: Stream) -> int:
        """The words of a stream's instrument; returns their address."""
        instrument = self._session.instruments[stream.subscription.instrument]
        memory = self._words.get(instrument.id)
        if memory is None:
            memory = self._words[instrument.id] = Buffer(layout.INSTRUMENT_BYTES)
            room = 0 if self._rules.checksum is None else scratch_bytes(self._rules.checksum)
            self._start_texts(instrument.id, memory, room)
            self._start_name(instrument, memory)
        words = memory.words()
        for kept in (layout.INSTRUMENT_BIDS, layout.INSTRUMENT_ASKS):
            words[(kept + layout.SIDE_VERSION) // 8] = -1
        words[layout.INSTRUMENT_DEFINED // 8] = instrument.defined
        trades = instrument.trades.s
        words[layout.INSTRUMENT_HOT_TRADES // 8] = (
            instrument.defined and trades.suspect_id is None and trades.left_id is None
        )
        words[layout.INSTRUMENT_HOT_BOOK // 8] = self._hot(instrument)
        if stream.carries == "book":
            words[layout.INSTRUMENT_WATCHED // 8] = self._session.refreshes.watches(stream)
        state, last = instrument.book.s, trades.last_id
        words[layout.INSTRUMENT_SYNCED // 8] = state.state is SyncState.SYNCED
        book = instrument.book.book
        assert isinstance(book, NativeBook)
        words[layout.INSTRUMENT_BOOK // 8] = book.address
        words[layout.INSTRUMENT_EPOCH // 8] = state.epoch
        words[layout.INSTRUMENT_SEEN_PRICE // 8] = state.seen_price
        words[layout.INSTRUMENT_SEEN_SIZE // 8] = state.seen_size
        words[layout.INSTRUMENT_BOUND_BID // 8] = NULL if state.bound.bid is None else state.bound.bid
        words[layout.INSTRUMENT_BOUND_ASK // 8] = NULL if state.bound.ask is None else state.bound.ask
        words[layout.INSTRUMENT_TRADE // 8] = NULL if last is None else last
        witness, sequence = instrument.witness, self._rules.sequence
        assert isinstance(witness, NativeWitness)
        numbered = sequence is not None and sequence.scope == "instrument"
        words[layout.INSTRUMENT_WITNESS // 8] = witness.address if numbered else 0
        words[layout.INSTRUMENT_LAST // 8] = NULL if state.number is None else state.number
        words[layout.INSTRUMENT_HASH_HELD // 8] = state.hashed
        if instrument.defined:
            self._push_definition(words, instrument)
        return memory.address

    def _start_texts(self, instrument: str, memory: Buffer, room: int) -> None:
        """Room for the texts of both sides, which are to be made anew."""
        texts, words = Buffer(2 * room), memory.words()
        self._texts[instrument] = texts
        for place, kept in enumerate((layout.INSTRUMENT_BIDS, layout.INSTRUMENT_ASKS)):
            words[(kept + layout.SIDE_TEXT) // 8] = texts.address + place * room
            words[(kept + layout.SIDE_ROOM) // 8] = room
            words[(kept + layout.SIDE_VERSION) // 8] = -1

    def _start_name(self, instrument: Instrument, memory: Buffer) -> None:
        """The venue's name, for texts that hold it."""
        name = instrument.venue_symbol.encode("utf-8", "surrogatepass")
        kept = self._symbols[instrument.id] = Buffer(len(name))
        kept.view[:] = name
        memory.words()[layout.INSTRUMENT_NAME // 8] = kept.address
        memory.words()[layout.INSTRUMENT_NAME_LENGTH // 8] = len(name)

    def _push_definition(self, words: memoryview, instrument: Instrument) -> None:
        definition, spec = instrument.definition, self._rules.checksum
        price, size = definition.price_decimals, definition.size_decimals
        words[layout.INSTRUMENT_NUMBER // 8] = definition.number
        words[layout.INSTRUMENT_PRICE_SCALE // 8] = definition.price_scale
        words[layout.INSTRUMENT_SIZE_SCALE // 8] = definition.size_scale
        words[layout.INSTRUMENT_PRICE_DECIMALS // 8] = -1 if price is None else price
        words[layout.INSTRUMENT_SIZE_DECIMALS // 8] = -1 if size is None else size
        told = price is not None and size is not None and definition.precision == "metadata"
        any_will_do = spec is not None and spec.form == "js_number"
        words[layout.INSTRUMENT_TOLD // 8] = told or any_will_do
        cut = spec is not None and spec.truncate and definition.depth is not None
        kept = definition.depth if self._rules.window and not cut else None
        words[layout.INSTRUMENT_WINDOW // 8] = kept or 0
        words[layout.INSTRUMENT_DEPTH // 8] = definition.depth if cut and definition.depth is not None else -1

    def _hot(self, instrument: Instrument) -> int:
        """Whether nothing but the next message is expected of the book, and whether it is proved."""
        if not self._is_calm(instrument):
            return layout.HOT_NOT
        synced = instrument.book.s.state is SyncState.SYNCED
        return layout.HOT_SYNCED if synced else layout.HOT_UNPROVED

    def _is_calm(self, instrument: Instrument) -> bool:
        state, spec = instrument.book.s, self._rules.checksum
        if not instrument.defined or not state.built:
            return False
        if state.state not in (SyncState.SYNCED, SyncState.SYNCING):
            return False
        if state.unverified or state.probing or state.bridging or state.joining:
            return False
        if state.crossed_ns is not None or state.doubt is not None or state.refresh is not None:
            return False
        if not self._hashes(instrument):
            return False
        return spec is None or not spec.truncate or instrument.definition.depth is not None

    def _hashes(self, instrument: Instrument) -> bool:
        """Whether kernels can compare the hashes that the venue tells, if it does."""
        if self._rules.hash is None:
            return True
        definition = instrument.definition
        finest = max(definition.price_scale, definition.size_scale)
        return self._hash is not None and finest <= MAX_HASH_SCALE

    def _grow_texts(self, address: int) -> None:
        """Room for the texts of a book's sides with the message that did not fit, and half as much more."""
        for instrument in self._session.instruments.values():
            memory = self._words.get(instrument.id)
            if memory is not None and memory.address == address:
                levels = 3 * (len(instrument.book.book) + self._scan.words()[layout.SCAN_N_ROWS // 8]) // 2
                self._start_texts(instrument.id, memory, levels * LEVEL_BYTES + TEXT_SLACK)

    def _grow_book(self, address: int) -> None:
        """Room for the message that did not fit."""
        for instrument in self._session.instruments.values():
            memory = self._words.get(instrument.id)
            if memory is not None and memory.address == address:
                book = instrument.book.book
                assert isinstance(book, NativeBook)
                book.grow(self._scan.words()[layout.SCAN_N_ROWS // 8])
                words = memory.words()
                words[layout.INSTRUMENT_BOOK // 8] = book.address
                for kept in (layout.INSTRUMENT_BIDS, layout.INSTRUMENT_ASKS):
                    words[(kept + layout.SIDE_VERSION) // 8] = -1

    def _refused(self, refusal: Refusal) -> None:
        if refusal not in _NOT_FALLBACKS:
            self._counts.fallback_frames += 1
            self.refusals[refusal.name.lower()] += 1

    def _put_undo(self) -> None:
        self._put(layout.CTX_UNDO, self._undo.address)
        self._put(layout.CTX_UNDO_AT, self._undo.address)
        self._put(layout.CTX_UNDO_END, self._undo.address + self._undo.size)

    def _put(self, offset: int, value: int) -> None:
        self._ctx[offset // 8] = int(value)


def _sides(spec: ChecksumSpec | None) -> int:
    """How the text of a checksum is put together from the sides."""
    if spec is None or spec.order == "interleaved" or spec.separator:
        return layout.CHECKSUM_MIXED
    return layout.CHECKSUM_ASKS_FIRST if spec.order == "asks_then_bids" else layout.CHECKSUM_BIDS_FIRST


def _sequence(spec: SequenceSpec | None) -> int:
    if spec is None:
        return layout.SEQUENCE_NONE
    if spec.scope == "connection":
        return layout.SEQUENCE_CONNECTION
    return layout.SEQUENCE_FIRST if spec.link == "first" else layout.SEQUENCE_PREV
