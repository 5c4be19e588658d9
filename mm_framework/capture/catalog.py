"""The list of a venue's instruments, fetched page by page; which of them a pattern means.

    fetch_catalogue(adapter, ask) -> Catalogue        select(catalogue.listed, ["binance:*/USDT"])

A page that fails is asked for again; a list is whole or it is an error, never a part.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Final, Protocol, TypeVar

import attrs

from mm_framework.capture.transport import HttpAnswer
from mm_framework.contracts.adapter import Adapter, HttpRequest
from mm_framework.contracts.catalog import Catalog, CatalogPage, ListedInstrument
from mm_framework.errors import ConnectionLost, MalformedFrame

__all__ = ["Ask", "Catalogue", "Offload", "fetch_catalogue", "gathered", "inline", "is_pattern", "select"]

Ask = Callable[[HttpRequest], Awaitable[HttpAnswer]]
"""Makes a request, in its turn; whatever goes wrong is an answer."""

T = TypeVar("T")


class Offload(Protocol):
    """Does work that would hold up the loop, such as reading a list of megabytes."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """The result of ``work()``; what it raises is raised."""
        ...


async def inline(work: Callable[[], T], /) -> T:
    """An `Offload` that does the work at once, as simulations want it."""
    return work()


ATTEMPTS: Final = 3
PAUSE_S: Final = 1.0
MOST_PAGES: Final = 2000

logger = logging.getLogger("mm_framework.capture")


@attrs.frozen
class Catalogue:
    """The instruments of a venue, in order of their ids.

    ``skipped``: entries that are no instruments, or whose id another one has. ``patterns``: what it was
    narrowed down to; none: it has all.
    """

    venue: str
    listed: tuple[ListedInstrument, ...]
    skipped: int = 0
    patterns: tuple[str, ...] = ()


async def fetch_catalogue(adapter: Adapter, ask: Ask, offload: Offload = inline) -> Catalogue:
    """The whole list of a venue whose adapter is a `Catalog`; ``offload`` reads the pages.

    Raises ConnectionLost when a page cannot be had, MalformedFrame or VenueRefused for what it says: a list
    of nothing is an answer of a broken venue, too.
    """
    assert isinstance(adapter, Catalog)
    requests, found, skipped, pages = list(adapter.catalog_requests()), list[ListedInstrument](), 0, 0
    while requests:
        request, pages = requests.pop(0), pages + 1
        if pages > MOST_PAGES:
            raise MalformedFrame(
                f"the list of {adapter.venue} has no end after {MOST_PAGES} pages", venue=adapter.venue
            )
        body = await _body(adapter.venue, request, ask)
        page = await offload(partial(_page, adapter, request, body))
        found += page.listed
        requests += page.following
        skipped += page.skipped
    if not found:
        raise MalformedFrame(
            f"the list of {adapter.venue} holds no instrument at all: the venue is being repaired, or"
            " --endpoint is wrong",
            venue=adapter.venue,
        )
    return await offload(lambda: gathered(adapter.venue, found, skipped))


def _page(adapter: Catalog, request: HttpRequest, body: bytes) -> CatalogPage:
    """What a page says; JSON that is nested without end is no list."""
    try:
        return adapter.read_catalog(request, body)
    except RecursionError as error:
        raise MalformedFrame(f"{request.url} answered with brackets within brackets, no list") from error


def gathered(venue: str, found: Iterable[ListedInstrument], skipped: int = 0) -> Catalogue:
    """A list in order. Told again, the later answer counts; of two groups with one id the first in order."""
    latest = {(one.unit, one.instrument): one for one in found}
    unique: dict[str, ListedInstrument] = {}
    for key in sorted(latest):
        unique.setdefault(latest[key].instrument, latest[key])
    listed = tuple(unique[name] for name in sorted(unique))
    return Catalogue(venue, listed, skipped + len(latest) - len(listed))


async def _body(venue: str, request: HttpRequest, ask: Ask) -> bytes:
    for attempt in range(1, ATTEMPTS + 1):
        answer = await ask(request)
        if answer.error is None and answer.status is not None and 200 <= answer.status < 300:
            return answer.body
        what = answer.error or f"HTTP {answer.status}"
        if attempt < ATTEMPTS:
            await asyncio.sleep(PAUSE_S * attempt)
    raise ConnectionLost(
        f"the list of instruments of {venue} cannot be had from {request.url} after {ATTEMPTS} attempts:"
        f" {what}; check --endpoint and the network",
        venue=venue,
    )


def is_pattern(name: str) -> bool:
    """Whether a name stands for all instruments that fit it (``*``, ``?``, ``[...]``)."""
    return any(mark in name for mark in "*?[")


def select(listed: Iterable[ListedInstrument], patterns: Sequence[str]) -> tuple[ListedInstrument, ...]:
    """The active ones whose id, or name at the venue, fits a pattern in any case; all without a pattern."""
    wanted = [pattern.casefold() for pattern in patterns]

    def fits(one: ListedInstrument) -> bool:
        venue = one.instrument.partition(":")[0]
        names = (one.instrument.casefold(), f"{venue}:{one.info.venue_symbol}".casefold())
        return not wanted or any(fnmatchcase(name, pattern) for name in names for pattern in wanted)

    return tuple(one for one in listed if one.active and fits(one))
