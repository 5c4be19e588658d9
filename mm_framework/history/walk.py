"""From a query to all its rows: page after page, asked for again where one fails, resumed where it stopped.

    rows = await walk(source, query, ask, log)

What a page gave is kept in a `PageLog` before the next one is asked for; the same query goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import attrs

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import Candle, HistoryPage, HistoryQuery, HistorySource, PastTrade
from mm_framework.errors import ConnectionLost, MalformedFrame, VenueRefused

__all__ = ["Answer", "Ask", "Kept", "PageLog", "Rows", "walk"]

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5
MOST_PAGES: Final = 1_000_000


class Answer(Protocol):
    """What came back: a body, or an ``error``."""

    @property
    def status(self) -> int | None:
        """HTTP status, None without an answer."""
        ...

    @property
    def body(self) -> bytes:
        """What came."""
        ...

    @property
    def error(self) -> str | None:
        """What stood in the way, None for nothing."""
        ...


Ask = Callable[[HttpRequest], Awaitable[Answer]]
"""Makes a request, in its turn and within its host's budget; whatever goes wrong is an answer."""


@attrs.frozen
class Rows:
    """The rows of a query, in order of time (trades of one moment: of their numbers), each once."""

    candles: tuple[Candle, ...] = ()
    trades: tuple[PastTrade, ...] = ()


@attrs.frozen
class Kept:
    """What a log has of a query. ``cursor``: where to go on; ``begun``: whether there is anything."""

    candles: list[Candle] = attrs.field(factory=list)
    trades: list[PastTrade] = attrs.field(factory=list)
    cursor: str | None = None
    begun: bool = False


class PageLog(Protocol):
    """Keeps the pages of one query until all are there."""

    def read(self) -> Kept:
        """All that was added."""
        ...

    def add(self, page: HistoryPage) -> None:
        """Keep a page; it is on disk when this returns."""
        ...


async def walk(
    source: HistorySource,
    venue: str,
    query: HistoryQuery,
    ask: Ask,
    log: PageLog,
    progress: Callable[[int], None] = lambda rows: None,
    pause_s: float = PAUSE_S,
) -> Rows:
    """Fetch what a query asks for. ``progress`` is called with the rows of each page.

    Raises ConnectionLost when a page cannot be had, MalformedFrame and VenueRefused for what it says.
    """
    kept = log.read()
    cursor = kept.cursor if kept.begun else source.history_begin(query)
    progress(len(kept.candles) + len(kept.trades))
    for _ in range(MOST_PAGES):
        if cursor is None:
            return _in_order(query, kept.candles, kept.trades)
        page = await _page(source, venue, query, cursor, ask, pause_s)
        log.add(page)
        kept.candles.extend(page.candles)
        kept.trades.extend(page.trades)
        progress(len(page.candles) + len(page.trades))
        cursor = page.cursor
    raise MalformedFrame(f"the history of {venue} has no end after {MOST_PAGES} pages", venue=venue)


async def _page(
    source: HistorySource, venue: str, query: HistoryQuery, cursor: str, ask: Ask, pause_s: float
) -> HistoryPage:
    """One page. A refusal that passes (too many requests) and a connection that fails are tried again."""
    request = source.history_request(query, cursor)
    what = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(pause_s * 2 ** (attempt - 1))
        answer = await ask(request)
        status = answer.status or 0
        what = answer.error or f"HTTP {status}"
        if answer.error is None and (status < 300 or (400 <= status < 500 and status not in (408, 418, 429))):
            try:
                return source.read_history(query, cursor, answer.body)
            except VenueRefused as error:
                if status >= 300 or not _passes(str(error)):
                    raise
                what = str(error)
            except MalformedFrame:
                if status < 300:
                    raise
                break
            except RecursionError as error:
                raise MalformedFrame(
                    f"{request.url} answered with brackets within brackets, no history", venue=venue
                ) from error
    raise ConnectionLost(
        f"{query.kind} of {query.instrument} cannot be had from {request.url} after {ATTEMPTS} attempts:"
        f" {what}; what came before is kept: run the command again to go on",
        venue=venue,
    )


def _passes(refusal: str) -> bool:
    """Whether a refusal in a good answer is one of the rate: Kraken says so with HTTP 200."""
    return any(word in refusal.lower() for word in ("rate limit", "throttled", "too many"))


def _in_order(query: HistoryQuery, candles: list[Candle], trades: list[PastTrade]) -> Rows:
    from_ns, to_ns = query.from_ms * 1_000_000, query.to_ms * 1_000_000
    bars = {one.ts_ms: one for one in candles if query.from_ms <= one.ts_ms < query.to_ms}
    made = {one.id: one for one in trades if from_ns <= one.ts_ns < to_ns}
    return Rows(
        tuple(bars[at] for at in sorted(bars)),
        tuple(sorted(made.values(), key=lambda one: (one.ts_ns, len(one.id), one.id))),
    )
