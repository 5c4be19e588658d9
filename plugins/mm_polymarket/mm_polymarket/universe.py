"""The universe: which binary markets are there to capture, found page by page. Pure; the caller fetches.

    cursor = GammaCursor()
    while cursor is not None:
        page = read_page(fetch(cursor.request(gamma_url)))
        markets += page.markets
        cursor = cursor.following(page)
    present = universe(markets, cap=2000)
    change = difference(earlier, present)        # every 60 s: what to subscribe, what to end

gamma gives at most 100 markets a page, and refuses an offset over 10,000: then a window of nominal end
dates goes on where the offset must stop. CLOB pages are named by a cursor. New markets may take minutes
to get their tokens; until then they are skipped. Source: docs.polymarket.com, gamma and CLOB reference,
read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

import attrs

from mm_framework.contracts.adapter import HttpRequest
from mm_polymarket.markets import Market
from mm_polymarket.metadata import Page
from mm_polymarket.names import VENUE

__all__ = ["Change", "ClobCursor", "GammaCursor", "Universe", "difference", "universe"]

GAMMA_PAGE: Final = 100
GAMMA_MAX_OFFSET: Final = 10_000
CLOB_END: Final = "LTE="
"""The cursor after the last page."""

CAP: Final = 2000


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
        return HttpRequest(f"{base_url.rstrip('/')}/markets?{urlencode(query)}", "metadata")

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

    def following(self, page: Page) -> ClobCursor | None:
        """The next page, None after the last one."""
        told = page.next_cursor
        return None if told in (None, "", CLOB_END, self.cursor) else ClobCursor(told)


@attrs.frozen
class Universe:
    """Tradable binary markets in order of their conditions. ``cut``: how many the cap left out."""

    markets: tuple[Market, ...] = ()
    cut: int = 0

    @property
    def instruments(self) -> tuple[str, ...]:
        """The ids of all tokens, YES before NO, markets in order."""
        return tuple(f"{VENUE}:{symbol}" for market in self.markets for _, symbol in market.names())


def universe(markets: Iterable[Market], cap: int = CAP) -> Universe:
    """The tradable ones, each once (told again, the later answer counts), at most ``cap``.

    They are sorted by condition id before they are cut, so that the same ones remain at every refresh.
    """
    latest = {market.condition_id: market for market in markets}
    tradable = sorted(
        (market for market in latest.values() if market.tradable), key=lambda market: market.condition_id
    )
    return Universe(tuple(tradable[:cap]), max(0, len(tradable) - cap))


@attrs.frozen
class Change:
    """What a refresh brought. ``changed``: the same market with another definition; as it is now."""

    added: tuple[Market, ...] = ()
    removed: tuple[Market, ...] = ()
    changed: tuple[Market, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(before: Universe, after: Universe) -> Change:
    """What to subscribe, what to end, what to define anew; the others are left alone.

    A condition whose tokens are others now is removed and added.
    """
    old = {market.condition_id: market for market in before.markets}
    new = {market.condition_id: market for market in after.markets}
    moved = {key for key in old.keys() & new.keys() if old[key].tokens != new[key].tokens}
    return Change(
        added=tuple(one for key, one in new.items() if key not in old or key in moved),
        removed=tuple(one for key, one in old.items() if key not in new or key in moved),
        changed=tuple(one for key, one in new.items() if key not in moved and old.get(key, one) != one),
    )
