"""The market-data cache at work in a run: orders wait for fresh books, which REST is asked for. Pure.

    pipeline(guard=data) -> heard, look, admit -> MdCache -> Refresh -> `ask` (live: an HTTP request)
    RefreshReader: HTTP record -> book -> data.refreshed -> the orders that waited are decided then

Whatever ends a wait is a record: news of the market, REST's answer, or the tick of the time-out. A replay
takes the same branch, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from mm_framework.calibrate.chunk import Fetched
from mm_framework.calibrate.chunks import Driven
from mm_framework.calibrate.md_cache import MAX_LEVELS, Held, MdCache, Mode
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.contracts.normalizer import Control
from mm_framework.errors import MalformedFrame
from mm_framework.feed import Feed, Output, VenueKit
from mm_framework.model.book import Level
from mm_framework.model.events import ASK, BID, NULL, SyncState
from mm_framework.model.fixed import BadNumber, parse
from mm_framework.model.frame import Block, RecordKind, iter_records, split_http
from mm_framework.model.instrument import Definition
from mm_framework.trading.market import Slot
from mm_framework.trading.queued import AnyPipeline

__all__ = ["MarketData", "RefreshReader", "TapeData"]

_BOOKS = frozenset({"snapshot", "witness"})
"""What a request for a book is for."""


class _Live:
    """The book of the stream, as the pipeline knows it."""

    __slots__ = ("_slot",)

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    @property
    def depth(self) -> int | None:
        return self._slot.definition.depth

    def levels(self, n: int) -> tuple[Sequence[Level], Sequence[Level]]:
        return self._slot.levels(BID, n), self._slot.levels(ASK, n)


@attrs.define
class _Seen:
    """What a market's wake-up had of the cache so far."""

    hit: bool = True
    age_ns: int | None = None
    used_stale: bool = False
    waits_ns: int | None = None
    waited_ns: int = 0
    deadline_miss: bool = False


class MarketData:
    """Implements `desk.Guard`. ``ask`` asks REST for a book; in a replay nobody does."""

    def __init__(
        self, settings: MdCacheSettings, ask: Callable[[Definition], None] = lambda definition: None
    ) -> None:
        self.cache = MdCache(settings)
        self._ask = ask
        self._live: dict[str, _Live] = {}
        self._seen: dict[str, _Seen] = {}

    def heard(self, slot: Slot, now_ns: int) -> None:
        """See `desk.Guard`."""
        live = self._live.get(slot.id)
        if live is None:
            live = self._live[slot.id] = _Live(slot)
        self.cache.put(slot.id, live, now_ns)

    def untrusted(self, slot: Slot, now_ns: int) -> None:
        """See `desk.Guard`: what a resync replaces is forgotten, a loss of the connection may pass."""
        if slot.state is SyncState.RESYNCING:
            self.cache.forget(slot.id)
        else:
            self.cache.lost(slot.id, now_ns)

    def look(self, slot: Slot, now_ns: int) -> None:
        """See `desk.Guard`."""
        answer = self.cache.get(slot.id, now_ns, Mode.PRICING)
        seen, context = self._seen.setdefault(slot.id, _Seen()), answer.context
        seen.hit, seen.age_ns, seen.used_stale = context.hit, context.age_ns, context.used_stale
        if answer.refresh is not None:
            self._ask(slot.definition)

    def admit(self, slot: Slot, now_ns: int) -> int | None:
        """See `desk.Guard`."""
        answer, seen = (
            self.cache.get(slot.id, now_ns, Mode.FRESH_ONLY),
            self._seen.setdefault(slot.id, _Seen()),
        )
        if answer.refresh is not None:
            self._ask(slot.definition)
        if answer.wait_until_ns is None:
            self._end_wait(seen, now_ns)
        elif seen.waits_ns is None:
            seen.hit, seen.waits_ns = False, now_ns
        return answer.wait_until_ns

    def timed_out(self, slot: Slot, now_ns: int) -> None:
        """See `desk.Guard`."""
        self.cache.timed_out()
        seen = self._seen.setdefault(slot.id, _Seen())
        seen.deadline_miss = True
        self._end_wait(seen, now_ns)

    def fetched(self, slot: Slot) -> Fetched | None:
        """What the wake-up of a market had of the cache, since the last one; None when it did not ask."""
        seen = self._seen.pop(slot.id, None)
        if seen is None:
            return None
        if seen.waits_ns is not None:
            self._seen[slot.id] = _Seen(waits_ns=seen.waits_ns)
        return Fetched(seen.hit, seen.age_ns, seen.used_stale, seen.waited_ns, seen.deadline_miss)

    def document(self) -> dict[str, float | None]:
        """What the cache did: the value of ``md_cache`` in the JSON line of a run."""
        cache = self.cache
        return {
            "hits": cache.hits,
            "misses": cache.misses,
            "hit_ratio": cache.hit_ratio,
            "stale_uses": cache.stale_uses,
            "deadline_misses": cache.deadline_misses,
        }

    def _end_wait(self, seen: _Seen, now_ns: int) -> None:
        if seen.waits_ns is not None:
            seen.waited_ns = max(seen.waited_ns, now_ns - seen.waits_ns)
            seen.waits_ns = None


class TapeData(MarketData):
    """The same in a backtest: there is nobody to ask but the tape, which answers at once.

    So an order waits only while its market is not trusted; what a request costs in time is not simulated.
    """

    def look(self, slot: Slot, now_ns: int) -> None:
        """See `desk.Guard`."""
        super().look(slot, now_ns)
        self._answer(slot, now_ns)

    def admit(self, slot: Slot, now_ns: int) -> int | None:
        """See `desk.Guard`."""
        until_ns = super().admit(slot, now_ns)
        if until_ns is None or not self._answer(slot, now_ns):
            return until_ns
        return super().admit(slot, now_ns)

    def _answer(self, slot: Slot, now_ns: int) -> bool:
        """Whether there is a book on the tape; it answers what is asked for."""
        live = self._live.get(slot.id)
        if live is None or not slot.trusted:
            return False
        return self.cache.inflight_of(slot.id) and self.cache.refreshed(slot.id, live, now_ns)


class RefreshReader:
    """Stands around the listener of a run: books that REST tells go to the cache, after the pipeline has
    heard their record. ``kits``: those of the run's venues, by venue.
    """

    def __init__(
        self, listener: Driven, pipeline: AnyPipeline, data: MarketData, kits: Mapping[str, VenueKit]
    ) -> None:
        self._listener, self._pipeline, self._data, self._kits = listener, pipeline, data, kits

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See the listener of a capture. An HTTP record has to come alone."""
        self._listener.on_output(shard, record, mono_ns, output)
        first = next(iter_records(record))
        if first.kind == RecordKind.HTTP and not self._pipeline.done:
            self._hear(first.payload, mono_ns)

    def on_end(self, mono_ns: int) -> None:
        """See the listener of a capture."""
        self._listener.on_end(mono_ns)

    @property
    def done(self) -> bool:
        """See the listener of a capture."""
        return self._pipeline.done

    def next_timer_ns(self) -> int | None:
        """See the listener of a capture."""
        return self._pipeline.next_timer_ns()

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """See `replay.source.ReplayListener`."""
        self._pipeline.restore(feed, mono_ns)

    def _hear(self, payload: Block, now_ns: int) -> None:
        """An answer, or its failure; what nobody can read was told by `Feed` already."""
        try:
            meta, body = split_http(payload)
        except (ValueError, msgspec.DecodeError, RecursionError):
            return
        slot = self._pipeline.markets.by_id.get(str(meta.get("instrument")))
        if slot is None or meta.get("what") not in _BOOKS:
            return
        book = self._book(slot.definition, meta, body)
        if book is None:
            self._data.cache.failed(slot.id, now_ns)
        elif self._data.cache.refreshed(slot.id, book, now_ns):
            self._pipeline.recheck(slot)

    def _book(self, definition: Definition, meta: Mapping[str, Any], body: bytes) -> Held | None:
        """The book of an answer; None for a failure, and for what is no book."""
        if meta.get("error") or not 200 <= int(meta.get("status") or 200) < 300:
            return None
        kit, writer = self._kits[definition.id.partition(":")[0]], _Levels()
        try:
            kit.normalizer.http(meta, body, writer)
            sides = {
                side: [
                    (parse(price, definition.price_scale), parse(size, definition.size_scale))
                    for told, price, size in writer.levels
                    if told == side
                ]
                for side in (BID, ASK)
            }
        except (MalformedFrame, BadNumber):
            return None
        if not writer.snapshot:
            return None
        bids, asks = sorted(sides[BID], reverse=True), sorted(sides[ASK])
        return Held(bids, asks, depth=min(MAX_LEVELS, max(len(bids), len(asks))))


class _Levels:
    """A `MessageWriter` that keeps the levels of a snapshot."""

    def __init__(self) -> None:
        self.snapshot = False
        self.levels: list[tuple[int, str, str]] = []

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """Only a snapshot of a book is wanted."""
        wanted = snapshot and carries == "book"
        self.snapshot = self.snapshot or wanted
        return wanted

    def level(self, side: int, price: str, size: str) -> None:
        """See `MessageWriter`."""
        self.levels.append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """See `MessageWriter`."""

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """See `MessageWriter`."""

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
        digest: str | None = None,
        time_text: str | None = None,
    ) -> None:
        """See `MessageWriter`."""

    def sequence(self, number: int) -> None:
        """See `MessageWriter`."""

    def control(self, event: Control) -> None:
        """See `MessageWriter`."""
