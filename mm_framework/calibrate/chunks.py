"""The columns of a run as it goes on: what a desk does becomes chunks, and watchers are given these. Pure.

    pipeline (observer=writer) -> on_intent, on_fill, on_report, woken -> rows -> Chunk, once in 100 ms

    writer = ChunkWriter(observers); pipeline = Pipeline(..., observer=writer)
    writer.attach(pipeline); watched = Watched(pipeline, pipeline, writer)     drives it, live and in a replay

Chunks end where event time passes a multiple of 100 ms, so that they are the same in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mm_framework.calibrate.chunk import CHUNK_NS, Chunk, ChunkObserver, Fetched, Filled, Gap, Tick
from mm_framework.feed.output import Output
from mm_framework.model.book import Level
from mm_framework.model.events import NULL, iter_messages, iter_rows
from mm_framework.model.frame import Block
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, IntentKind, Side
from mm_framework.model.tops import TopEvent
from mm_framework.trading.desk import Desk, Observer
from mm_framework.trading.exchange import Answer
from mm_framework.trading.ledger import money_scale
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import MatchingEngine, Report
from mm_framework.trading.order_states import ENDED
from mm_framework.trading.queued import AnyPipeline, QueuedPipeline

if TYPE_CHECKING:
    from mm_framework.feed import Feed

__all__ = ["ChunkWriter", "Driven", "Measured", "Watched"]


class Driven(Protocol):
    """What hears the records of a run."""

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See the listener of a capture."""
        ...

    def on_end(self, mono_ns: int) -> None:
        """See the listener of a capture."""
        ...


Measured = tuple[int | None, Mapping[str, int]]
"""How long a record took, ns, and its stages."""


class _Quote(NamedTuple):
    """An order as it was asked for."""

    mono_ns: int
    price: float | None
    mid: float | None
    spread: float | None
    ahead: float | None = None


class _Booked(NamedTuple):
    fill: Fill
    fee: float


_Key = tuple[str, int]


class ChunkWriter:
    """An observer of a desk, which hands what it sees on to ``then``, too. `attach` comes before the run."""

    def __init__(self, observers: Sequence[ChunkObserver], then: Observer | None = None) -> None:
        self._observers, self._then = tuple(observers), then
        self._watched: Desk | None = None
        self._venue: MatchingEngine | None = None
        self._fetched: Callable[[Slot], Fetched | None] = lambda slot: None
        self._offset_ns: int | None = None
        self._chunk = 0
        self._ticks: list[Tick] = []
        self._fills: list[Filled] = []
        self._gaps: list[Gap] = []
        self._fresh = 0
        self._quotes: dict[_Key, _Quote] = {}
        self._quoted: dict[str, int] = {}
        self._early: dict[_Key, list[_Booked]] = {}
        self._ended: list[_Key] = []
        self._lost: dict[int, int] = {}

    def attach(
        self,
        desk: Desk,
        fetched: Callable[[Slot], Fetched | None] | None = None,
        *,
        venue: MatchingEngine | None = None,
        wall: bool = False,
    ) -> None:
        """The run that is watched, and the venue where its orders wait; ``fetched``: what its cache did
        for the wake-up of a slot. ``wall``: the times of the desk are wall times, as in a backtest.
        """
        self._watched = desk
        self._venue = desk.venue if isinstance(desk, QueuedPipeline) else venue
        self._offset_ns = 0 if wall else None
        desk.woken = self.woken
        self._fetched = fetched or self._fetched

    # what the desk does

    def on_top(self, event: TopEvent) -> None:
        """See `desk.Observer`."""
        if self._then is not None:
            self._then.on_top(event)

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """See `desk.Observer`. Where the exchange answers at once its fills come before this."""
        if self._then is not None:
            self._then.on_intent(intent, answer, definition)
        if intent.kind is IntentKind.CANCEL or intent.instrument is None or answer.refusal is not None:
            return
        key = (intent.strategy, intent.order)
        self._quotes[key] = self._quote(intent, self._desk.markets.by_id[intent.instrument])
        self._quoted[intent.instrument] = self._quoted.get(intent.instrument, 0) + 1
        for booked in self._early.pop(key, ()):
            self._fill(booked)
        if answer.state in ENDED:
            self._ended.append(key)

    def on_report(self, report: Report, definition: Definition) -> None:
        """See `desk.Observer`."""
        if self._then is not None:
            self._then.on_report(report, definition)
        key = (report.strategy, report.order)
        quote = self._quotes.get(key)
        if quote is not None and report.ahead is not None and quote.ahead is None:
            slot = self._desk.markets.by_id[report.instrument]
            self._quotes[key] = quote._replace(ahead=_size(report.ahead * slot.lot, slot))
        if report.state in ENDED:
            self._ended.append(key)

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """See `desk.Observer`."""
        if self._then is not None:
            self._then.on_fill(fill, fee, definition)
        booked = _Booked(fill, fee / 10 ** money_scale(definition))
        key = (fill.strategy, fill.order)
        if key in self._quotes:
            self._fill(booked)
        else:
            self._early.setdefault(key, []).append(booked)

    def woken(self, slot: Slot, now_ns: int) -> None:
        """Something about a market was delivered, and what follows from it is done.

        Before the first row nobody knows the time: what a checkpoint alone brings is no wake-up.
        """
        if self._offset_ns is None:
            return
        wall_ns = self._reach(now_ns)
        if not slot.trusted:
            self._lost.setdefault(slot.index, wall_ns)
        elif slot.index in self._lost:
            self._gaps.append(Gap(self._lost.pop(slot.index), wall_ns, slot.id, slot.definition.venue_symbol))
        bid, ask = slot.top if slot.trusted else (None, None)
        key, ahead = self._queue(slot)
        self._ticks.append(
            Tick(
                wall_ns,
                slot.id,
                slot.definition.venue_symbol,
                *_level(bid, slot),
                *_level(ask, slot),
                self._quoted.pop(slot.id, 0),
                key,
                ahead,
                fetched=self._fetched(slot),
            )
        )

    # time

    def begin(self, output: Output) -> None:
        """What `Feed` gives next; the first row tells how the two clocks of the run stand to each other."""
        if self._offset_ns is None:
            self._offset_ns = _offset_ns(output)

    def after(self, mono_ns: int, measured: Measured | None = None) -> None:
        """A block of records is done; ``measured`` is how long it took, where that is known."""
        if measured is not None and measured[0] is not None:
            for place in range(self._fresh, len(self._ticks)):
                self._ticks[place] = self._ticks[place]._replace(total_ns=measured[0], stages=measured[1])
        self._reach(mono_ns)
        self._fresh = len(self._ticks)

    def end(self) -> None:
        """The run is over."""
        for early in self._early.values():
            for booked in early:
                self._fill(booked)
        self._flush()

    def close(self) -> None:
        """Close all watchers, the later ones too when one raises."""
        errors = []
        for observer in self._observers:
            try:
                observer.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    @property
    def _desk(self) -> Desk:
        if self._watched is None:
            raise RuntimeError("a ChunkWriter has to be attached to the pipeline that it watches")
        return self._watched

    def _wall(self, mono_ns: int) -> int:
        return mono_ns + (self._offset_ns or 0)

    def _reach(self, mono_ns: int) -> int:
        """Event time goes on; what is of the chunks before it is handed over."""
        wall_ns = self._wall(mono_ns)
        chunk = wall_ns // CHUNK_NS
        if chunk > self._chunk:
            self._flush()
            self._chunk = chunk
        return wall_ns

    def _flush(self) -> None:
        if self._ticks or self._fills or self._gaps:
            chunk = Chunk((self._chunk + 1) * CHUNK_NS, self._ticks, self._fills, self._gaps)
            self._ticks, self._fills, self._gaps, self._fresh = [], [], [], 0
            for observer in self._observers:
                observer.on_chunk(chunk)
        for key in self._ended:
            self._quotes.pop(key, None)
        self._ended.clear()

    # rows

    def _quote(self, intent: Intent, slot: Slot) -> _Quote:
        """A market order asks for the best price that it would take."""
        bid, ask = slot.top
        best = ask if intent.side is Side.BUY else bid
        price = intent.price if intent.price else None if best is None else best[0]
        mid = spread = None
        if slot.current and bid is not None and ask is not None:
            mid, spread = _price(bid[0] + ask[0], slot) / 2, _price(ask[0] - bid[0], slot)
        return _Quote(self._desk.now_ns, None if price is None else _price(price, slot), mid, spread)

    def _fill(self, booked: _Booked) -> None:
        fill, slot = booked.fill, self._desk.markets.by_id[booked.fill.instrument]
        price = _price(fill.price, slot)
        # Before time goes on: what has ended is forgotten with the chunk.
        quote = self._quotes.get((fill.strategy, fill.order), _Quote(fill.mono_ns, price, None, None))
        wall_ns = self._reach(fill.mono_ns)
        self._fills.append(
            Filled(
                wall_ns,
                slot.id,
                slot.definition.venue_symbol,
                fill.strategy,
                fill.order,
                int(fill.side),
                price,
                _size(fill.size, slot),
                booked.fee,
                fill.maker,
                price if quote.price is None else quote.price,
                quote.mid,
                quote.spread,
                None if fill.mid2 is None else _price(fill.mid2, slot) / 2,
                fill.mono_ns - quote.mono_ns,
                quote.ahead if fill.maker else None,
            )
        )

    def _queue(self, slot: Slot) -> tuple[_Key | None, float | None]:
        """The oldest order that rests in a market, and the size before it."""
        if self._venue is None:
            return None, None
        there = self._venue.markets.by_id[slot.id]
        for resting in self._venue.resting(there.index):
            ahead = None if resting.ahead is None else _size(resting.ahead * resting.lot, there)
            return (resting.order.strategy, resting.order.number), ahead
        return None, None


class Watched:
    """A pipeline, or what drives it, whose chunks are written: the listener of a run in its place.

    ``measured`` gives how long the last record took, where a clock is read.
    """

    def __init__(
        self,
        listener: Driven,
        pipeline: AnyPipeline,
        writer: ChunkWriter,
        measured: Callable[[], Measured] | None = None,
    ) -> None:
        self._listener, self._pipeline, self._writer, self._measured = listener, pipeline, writer, measured

    @property
    def done(self) -> bool:
        """See the listener of a capture."""
        return self._pipeline.done

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See the listener of a capture."""
        self._writer.begin(output)
        self._listener.on_output(shard, record, mono_ns, output)
        self._writer.after(mono_ns, None if self._measured is None else self._measured())

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """See `replay.source.ReplayListener`."""
        self._pipeline.restore(feed, mono_ns)

    def next_timer_ns(self) -> int | None:
        """See the listener of a capture."""
        return self._pipeline.next_timer_ns()

    def on_end(self, mono_ns: int) -> None:
        """See the listener of a capture."""
        self._listener.on_end(mono_ns)
        self._writer.after(mono_ns)
        self._writer.end()


def _offset_ns(output: Output) -> int | None:
    """Wall minus monotonic time, of the first message with a row; 0 where the run has no receive times."""
    for message, mono_ns in zip(iter_messages(output.messages), output.mono_ns, strict=True):
        if message.n_rows:
            row = next(iter_rows(output.rows[message.first_row * 64 :]))
            return 0 if row.ts_recv_ns == NULL else row.ts_recv_ns - mono_ns
    return None


def _level(level: Level | None, slot: Slot) -> tuple[float | None, float | None]:
    """Price and size; a size of 0 was not told."""
    if level is None:
        return None, None
    return _price(level[0], slot), _size(level[1], slot) if level[1] else None


def _price(value: int, slot: Slot) -> float:
    return float(value / 10**slot.definition.price_scale)


def _size(value: float, slot: Slot) -> float:
    return float(value / 10**slot.definition.size_scale)
