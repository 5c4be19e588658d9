"""The market-data cache: books by symbol with their age, and who may use one that is old. Pure.

    cache.put(symbol, book, now_ns, number=...)             news, from the stream or from REST
    answer = cache.get(symbol, now_ns, Mode.PRICING)        a book or None, and what is known of it
    answer.refresh                                          what is to be asked for now, None for nothing

| mode | fresh | older | no book, or not so deep |
| --- | --- | --- | --- |
| FRESH_ONLY (guards) | the book | none: wait for a refresh until `wait_until_ns` | as older |
| PRICING | the book | the old book, `used_stale`; refresh behind | none; refresh behind |
| GENERAL | the book | the same where `stale_ok`, else none; refresh behind | none; refresh behind |

Fresh is what is at most `ttl_ms` old, for pricing `fresh_ms_for_pricing`. A gap in the sequence, a number
that goes back, and a loss of the stream that lasts forget the book. One refresh of a symbol is under way at
a time. The caller makes the request, and tells `refreshed` or `failed` what came of it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import attrs

from mm_framework.calibrate.families import Family, Row
from mm_framework.calibrate.ranked import Ranked
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.model.book import Level

__all__ = ["MAX_LEVELS", "Answer", "Book", "Context", "Held", "MdCache", "Mode", "Refresh"]

MAX_LEVELS: Final = 100
"""Most levels a side of a book that is held: what is beyond is a miss."""

_FORGOTTEN_NS: Final = 10_000_000_000
"""A refresh that was not answered for so long is under way no longer."""

_MS: Final = 1_000_000


class Mode(enum.Enum):
    """Who asks, and so what becomes of a stale book."""

    FRESH_ONLY = "fresh_only"
    PRICING = "pricing"
    GENERAL = "general"


class Book(Protocol):
    """Levels, best first; ``depth``: how many of each side are known, None for all."""

    @property
    def depth(self) -> int | None:
        """How many levels of each side are known."""
        ...

    def levels(self, n: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """The best ``n`` bids and asks."""
        ...


def _held(levels: Iterable[Level]) -> tuple[Level, ...]:
    return tuple(levels)[:MAX_LEVELS]


@attrs.frozen
class Held:
    """A book as REST told it, at most `MAX_LEVELS` a side."""

    bids: tuple[Level, ...] = attrs.field(converter=_held)
    asks: tuple[Level, ...] = attrs.field(converter=_held)
    depth: int | None = MAX_LEVELS

    def levels(self, n: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """The best ``n`` bids and asks."""
        return self.bids[:n], self.asks[:n]


@attrs.frozen
class Context:
    """What is known of an answer. ``hit``: fresh, and deep enough. ``age_ns``: None without a book.
    ``stale``: older than the mode allows. ``used_stale``: given all the same.
    """

    hit: bool
    age_ns: int | None
    stale: bool = False
    used_stale: bool = False


@attrs.frozen
class Refresh:
    """Ask for this book. ``depth``: levels a side, at least."""

    symbol: str
    depth: int


@attrs.frozen
class Answer:
    """``book``: None when none may be used. ``wait_until_ns``: until when a guard waits for one."""

    book: Book | None
    context: Context
    refresh: Refresh | None = None
    wait_until_ns: int | None = None

    def levels(self, n: int) -> tuple[Sequence[Level], Sequence[Level]] | None:
        """The best ``n`` bids and asks of the book; None without one."""
        return None if self.book is None else self.book.levels(n)


@attrs.define
class _Entry:
    book: Book | None = None
    ts_ns: int = 0
    number: int | None = None
    lost_ns: int | None = None
    asked_ns: int | None = None


class MdCache:
    """Books of all symbols. ``hits``, ``misses``, ``stale_uses`` and ``deadline_misses`` count."""

    def __init__(self, settings: MdCacheSettings | None = None) -> None:
        settings = settings or MdCacheSettings()
        self._ttl_ns = round(settings.ttl_ms * _MS)
        self._pricing_ns = round(settings.fresh_ms_for_pricing * _MS)
        self._gap_ns = round(settings.invalidate_on_ws_gap_ms * _MS)
        self._timeout_ns = round(settings.guard_timeout_ms * _MS)
        self._stale_ok = settings.stale_ok
        self._entries: dict[str, _Entry] = {}
        self._latency = Ranked()
        self.hits = self.misses = self.stale_uses = self.deadline_misses = 0

    # what is known

    def put(self, symbol: str, book: Book, now_ns: int, *, number: int | None = None) -> bool:
        """A book as of now, of the venue's ``number``. False, and nothing is kept, where that goes back."""
        entry = self._entry(symbol)
        rewound = number is not None and entry.number is not None and number < entry.number
        if rewound or (entry.book is not None and now_ns < entry.ts_ns):
            self.forget(symbol)
            return False
        entry.book, entry.ts_ns, entry.lost_ns = book, now_ns, None
        if number is not None:
            entry.number = number
        return True

    def forget(self, symbol: str) -> None:
        """The sequence has a gap: the book is no longer the venue's."""
        entry = self._entry(symbol)
        entry.book = entry.number = entry.lost_ns = None

    def lost(self, symbol: str, now_ns: int) -> None:
        """The stream of a symbol is gone; its book is forgotten when that lasts."""
        entry = self._entry(symbol)
        if entry.lost_ns is None:
            entry.lost_ns = now_ns

    # refreshes

    def refreshed(self, symbol: str, book: Book, now_ns: int, *, number: int | None = None) -> bool:
        """A refresh was answered; see `put`."""
        self._answered(symbol, now_ns)
        return self.put(symbol, book, now_ns, number=number)

    def failed(self, symbol: str, now_ns: int) -> None:
        """A refresh came to nothing; the next one who needs the book asks again."""
        self._answered(symbol, now_ns)

    def timed_out(self) -> None:
        """A guard has waited in vain: it has no data."""
        self.deadline_misses += 1

    def inflight_of(self, symbol: str) -> bool:
        """Whether a refresh of a symbol is under way."""
        return self._entry(symbol).asked_ns is not None

    @property
    def inflight(self) -> int:
        """Refreshes that are under way."""
        return sum(entry.asked_ns is not None for entry in self._entries.values())

    # asking

    def get(self, symbol: str, now_ns: int, mode: Mode = Mode.GENERAL, depth: int = 1) -> Answer:
        """The book of a symbol for someone who needs ``depth`` levels a side."""
        entry = self._entry(symbol)
        if entry.lost_ns is not None and now_ns - entry.lost_ns > self._gap_ns:
            self.forget(symbol)
        book = entry.book
        limit_ns = self._pricing_ns if mode is Mode.PRICING else self._ttl_ns
        if book is not None and (book.depth is None or depth <= book.depth) and depth <= MAX_LEVELS:
            age_ns = now_ns - entry.ts_ns
            if age_ns <= limit_ns:
                self.hits += 1
                return Answer(book, Context(True, age_ns))
            self.misses += 1
            return self._old(symbol, entry, mode, depth, now_ns, age_ns)
        self.misses += 1
        return self._none(symbol, entry, mode, depth, now_ns, None)

    def _old(self, symbol: str, entry: _Entry, mode: Mode, depth: int, now_ns: int, age_ns: int) -> Answer:
        if mode is Mode.FRESH_ONLY or (mode is Mode.GENERAL and not self._stale_ok):
            return self._none(symbol, entry, mode, depth, now_ns, age_ns)
        self.stale_uses += 1
        context = Context(False, age_ns, stale=True, used_stale=True)
        return Answer(entry.book, context, self._ask(symbol, entry, depth, now_ns))

    def _none(
        self, symbol: str, entry: _Entry, mode: Mode, depth: int, now_ns: int, age_ns: int | None
    ) -> Answer:
        wait_ns = now_ns + self._timeout_ns if mode is Mode.FRESH_ONLY else None
        context = Context(False, age_ns, stale=age_ns is not None)
        return Answer(None, context, self._ask(symbol, entry, depth, now_ns), wait_ns)

    def _ask(self, symbol: str, entry: _Entry, depth: int, now_ns: int) -> Refresh | None:
        """One at a time; one that nobody can answer, because it is too deep, is not made."""
        under_way = entry.asked_ns is not None and now_ns - entry.asked_ns < _FORGOTTEN_NS
        if under_way or depth > MAX_LEVELS:
            return None
        entry.asked_ns = now_ns
        return Refresh(symbol, depth)

    def _answered(self, symbol: str, now_ns: int) -> None:
        entry = self._entry(symbol)
        if entry.asked_ns is not None:
            self._latency.add((now_ns - entry.asked_ns) / _MS)
            entry.asked_ns = None

    def _entry(self, symbol: str) -> _Entry:
        entry = self._entries.get(symbol)
        if entry is None:
            entry = self._entries[symbol] = _Entry()
        return entry

    # telling

    @property
    def hit_ratio(self) -> float | None:
        """Hits of all requests; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    def families(self) -> Iterator[Family]:
        """A `prometheus.Source`."""
        size = sum(entry.book is not None for entry in list(self._entries.values()))
        inflight = sum(entry.asked_ns is not None for entry in list(self._entries.values()))
        yield Family("mm_md_cache_hit_ratio", "fresh answers of all", [Row(self.hit_ratio)])
        yield Family("mm_md_cache_size", "symbols with a book", [Row(size)])
        yield Family("mm_md_cache_inflight_refreshes", "refreshes under way", [Row(inflight)])
        yield Family("mm_md_cache_total_hits", "fresh answers", [Row(self.hits)], "counter")
        yield Family("mm_md_cache_total_misses", "answers that were not fresh", [Row(self.misses)], "counter")
        latency = Row(self._latency.p95())
        yield Family("mm_md_cache_refresh_latency_p95_ms", "time of a refresh, ms", [latency])
