"""The past over REST: trades of the data host, asked for by market; gamma tells the market of a token.

    [{"conditionId":"0x84c0…","clobTokenIds":"[…]",…}]                              gamma, /markets
    [{"side":"BUY","asset":"7293…","conditionId":"0x84c0…","size":219.217767,"price":0.52,
      "timestamp":1778997825,"transactionHash":"0x9c…",…},…]                         data, /trades

Source: docs.polymarket.com, data ``/trades`` and gamma ``/markets``, read 2026-11-21. Times are whole
seconds; rows come newest first, with the taker's side of each match alone. Pages go back by time and not by
offset, which ends at 10,000. A page may be cut anywhere: its oldest second belongs to the page that follows.
Whether ``start`` and ``end`` are told, too, is not documented: one second more is asked for at either end.

``/prices-history`` is not read: it tells samples of a price without volume, and those are no candles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import msgspec

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import MalformedFrame, VenueRefused
from mm_polymarket.metadata import read_page
from mm_polymarket.names import VENUE
from mm_polymarket.universe import GAMMA_WEIGHT

__all__ = ["MOST", "PAGE", "TRADES_WEIGHT", "begin", "read", "request"]

PAGE: Final = 1000
MOST: Final = 10_000
"""Rows that one answer has at most."""

TRADES_WEIGHT: Final = 8
"""The data host bears 200 requests for trades in the time in which CLOB bears 1,500."""

_MS: Final = 1000
_SECOND: Final = 1_000_000_000
_SIDES: Final = {"BUY": "buy", "SELL": "sell"}


class _Trade(msgspec.Struct):
    side: str
    asset: str
    size: Decimal
    price: Decimal
    timestamp: int
    transactionHash: str


class _Error(msgspec.Struct):
    error: str


_trades: Final = msgspec.json.Decoder(list[_Trade])
_errors: Final = msgspec.json.Decoder(_Error)


@attrs.frozen
class _Page:
    """Trades of a market up to a second, at most ``limit`` of them."""

    condition: str
    last_s: int
    limit: int

    @classmethod
    def of(cls, cursor: str) -> _Page:
        _, condition, last_s, limit = cursor.split(":")
        return cls(condition, int(last_s), int(limit))

    def __str__(self) -> str:
        return f"trades:{self.condition}:{self.last_s}:{self.limit}"


def begin(query: HistoryQuery) -> str:
    """First the market of the token, among the open ones."""
    return "open"


def request(gamma_url: str, data_url: str, token: str, query: HistoryQuery, cursor: str) -> HttpRequest:
    """The request for the market, or for a page of its trades."""
    if not cursor.startswith("trades:"):
        asked: dict[str, Any] = {"clob_token_ids": token, "closed": str(cursor == "closed").lower()}
        url = f"{gamma_url.rstrip('/')}/markets?{urlencode(asked)}"
        return HttpRequest(url, query.kind, GAMMA_WEIGHT, query.instrument, mount="gamma")
    page = _Page.of(cursor)
    asked = {
        "market": page.condition,
        "start": query.from_ms // _MS - 1,
        "end": page.last_s + 1,
        "limit": page.limit,
        "takerOnly": "true",
    }
    url = f"{data_url.rstrip('/')}/trades?{urlencode(asked)}"
    return HttpRequest(url, query.kind, TRADES_WEIGHT, query.instrument)


def read(token: str, query: HistoryQuery, cursor: str, body: bytes, page: int) -> HistoryPage:
    """Read an answer. Raises MalformedFrame and VenueRefused."""
    _refused(query, body)
    try:
        if not cursor.startswith("trades:"):
            return _market(token, query, cursor, body, page)
        return _told(token, _Page.of(cursor), _trades.decode(body), page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"{VENUE} answered with no {query.kind}: {error}", venue=VENUE) from error


def _refused(query: HistoryQuery, body: bytes) -> None:
    try:
        error = _errors.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    raise VenueRefused(f"{VENUE} refused {query.kind}: {error}", venue=VENUE)


def _market(token: str, query: HistoryQuery, cursor: str, body: bytes, page: int) -> HistoryPage:
    """Where the trades are: with the market of the token, which may be closed."""
    found = read_page(body)
    if found.rest:
        raise MalformedFrame(f"{VENUE} answered with no list of markets", venue=VENUE)
    for market in found.markets:
        if token in market.tokens:
            return HistoryPage(cursor=str(_Page(market.condition_id, (query.to_ms - 1) // _MS, page)))
    if cursor == "open":
        return HistoryPage(cursor="closed")
    raise VenueRefused(f"{VENUE} knows no market with the token {token}", venue=VENUE)


def _told(token: str, asked: _Page, rows: list[_Trade], page: int) -> HistoryPage:
    """The trades of the seconds that are whole, and where those before them are."""
    if any(later.timestamp < earlier.timestamp for later, earlier in pairwise(rows)):
        raise MalformedFrame(f"{VENUE} tells trades that are not newest first", venue=VENUE)
    if not rows:
        return HistoryPage()
    oldest_s = rows[-1].timestamp
    if oldest_s < asked.last_s:
        whole = [one for one in rows if oldest_s < one.timestamp <= asked.last_s]
        return HistoryPage(trades=_past(token, whole), cursor=str(_Page(asked.condition, oldest_s, page)))
    if len(rows) < asked.limit:
        return HistoryPage(trades=_past(token, [one for one in rows if one.timestamp == asked.last_s]))
    if asked.limit >= MOST:
        raise VenueRefused(
            f"{VENUE} has more than {MOST} trades in the second {asked.last_s}: the others cannot be had",
            venue=VENUE,
        )
    return HistoryPage(cursor=str(attrs.evolve(asked, limit=min(asked.limit * 10, MOST))))


def _past(token: str, rows: Iterable[_Trade]) -> tuple[PastTrade, ...]:
    """The token's rows. A transaction may have several, even equal ones: those are counted."""
    seen: Counter[str] = Counter()
    found = []
    for one in rows:
        if one.asset != token:
            continue
        price, size, side = f"{one.price:f}", f"{one.size:f}", _SIDES.get(one.side, "")
        name = f"{one.transactionHash}/{price}/{size}/{side}"
        number, seen[name] = seen[name], seen[name] + 1
        found.append(PastTrade(one.timestamp * _SECOND, f"{name}/{number}", price, size, side))
    return tuple(found)
