"""The universe: which binary markets are there to capture, found page by page. Pure; the caller fetches.

    cursor = GammaCursor()
    while cursor is not None:
        page = read_page(fetch(request := cursor.request(gamma_url)))
        listings += listings_of(page.markets)
        cursor = GammaCursor.of(request.url).following(page)

gamma gives at most 100 markets a page, and refuses an offset over 10,000: then a window of nominal end
dates goes on where the offset must stop. CLOB pages are named by a cursor. New markets may take minutes
to get their tokens; until then they are skipped. Source: docs.polymarket.com, gamma and CLOB reference,
read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.catalog import ListedInstrument
from mm_polymarket.markets import Market
from mm_polymarket.metadata import Page
from mm_polymarket.names import VENUE

__all__ = ["ClobCursor", "GammaCursor", "listings_of"]

GAMMA_PAGE: Final = 100
GAMMA_MAX_OFFSET: Final = 10_000
CLOB_END: Final = "LTE="
"""The cursor after the last page."""

GAMMA_WEIGHT: Final = 5
"""gamma bears 300 requests for its list in the time in which CLOB bears 1,500."""


@attrs.frozen
class GammaCursor:
    """A page of gamma's open markets in order of their nominal end; ``end_min`` begins the window."""

    offset: int = 0
    end_min: str | None = None

    def request(self, base_url: str) -> HttpRequest:
        """The request for the page."""
        query: dict[str, str | int] = {
            "active": "true",
            "archived": "false",
            "closed": "false",
            "order": "endDate",
            "ascending": "true",
            "limit": GAMMA_PAGE,
            "offset": self.offset,
        }
        if self.end_min is not None:
            query["end_date_min"] = self.end_min
        url = f"{base_url.rstrip('/')}/markets?{urlencode(query)}"
        return HttpRequest(url, "metadata", weight=GAMMA_WEIGHT, mount="gamma")

    @classmethod
    def of(cls, url: str) -> GammaCursor:
        """The page that a request asked for."""
        query = dict(parse_qsl(urlsplit(url).query))
        return cls(int(query.get("offset", "0")), query.get("end_date_min"))

    def following(self, page: Page) -> GammaCursor | None:
        """The next page, None after the last one, or where a window cannot be moved on."""
        if page.entries < GAMMA_PAGE:
            return None
        if self.offset + GAMMA_PAGE <= GAMMA_MAX_OFFSET:
            return attrs.evolve(self, offset=self.offset + GAMMA_PAGE)
        moved = page.last_end is not None and page.last_end != self.end_min
        return GammaCursor(0, page.last_end) if moved else None


@attrs.frozen
class ClobCursor:
    """A page of CLOB's markets: all since the venue began, closed ones too."""

    cursor: str = ""

    def request(self, base_url: str) -> HttpRequest:
        """The request for the page."""
        query = f"?{urlencode({'next_cursor': self.cursor})}" if self.cursor else ""
        return HttpRequest(f"{base_url.rstrip('/')}/markets{query}", "metadata")

    @classmethod
    def of(cls, url: str) -> ClobCursor:
        """The page that a request asked for."""
        return cls(dict(parse_qsl(urlsplit(url).query)).get("next_cursor", ""))

    def following(self, page: Page) -> ClobCursor | None:
        """The next page, None after the last one."""
        told = page.next_cursor
        return None if told in (None, "", CLOB_END, self.cursor) else ClobCursor(told)


def listings_of(markets: Iterable[Market]) -> tuple[ListedInstrument, ...]:
    """Both tokens of each market, YES before NO, as one group: its condition."""
    return tuple(
        ListedInstrument(
            f"{VENUE}:{info.base}", info, market.tradable, group=market.condition_id, ends=market.end
        )
        for market in markets
        for info in market.infos()
    )
