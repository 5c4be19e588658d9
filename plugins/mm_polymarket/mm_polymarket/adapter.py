"""Polymarket's market channel: channels, limits, names, messages to send, REST requests.

Source: docs.polymarket.com, WebSocket market channel, rate limits, read 2026-11-21; README.md lists
the pages, and what is not documented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import CatalogPage
from mm_framework.contracts.history import HistoryPage, HistoryQuery
from mm_framework.errors import ConfigError, MalformedFrame
from mm_framework.model.instrument import parse_id
from mm_polymarket import history, requests
from mm_polymarket.markets import Market
from mm_polymarket.metadata import read_page
from mm_polymarket.names import OUTCOME_ID, VENUE, is_token
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.universe import ClobCursor, GammaCursor, listings_of

__all__ = ["PolymarketAdapter"]

SCALE: Final = 6


class PolymarketAdapter:
    """Implements `contracts.adapter.Adapter`, its `WitnessSource`, `Catalog` and `HistorySource`.

    A token is subscribed once and brings book, trades and best prices: only ``book`` sends messages, the
    other channels come with it. There are no acknowledgements; the first ``book`` of a token is one. A
    PONG proves the connection, not the data. `learn` teaches it the names of markets.
    """

    venue: str = VENUE
    channels: tuple[Channel, ...] = (
        Channel("book", "book", Proof("hash")),
        Channel("last_trade_price", "trade", Proof("none")),
        Channel("best_bid_ask", "ticker", Proof("none")),
    )
    metadata_first: bool = False
    catalog_first: bool = False
    catalog_every_s: float = 0.0
    history_intervals: tuple[str, ...] = ()
    history_unbroken: bool = False
    history_page: int = history.PAGE

    def __init__(self, settings: PolymarketSettings | None = None) -> None:
        settings = settings or PolymarketSettings()
        self.url = settings.url
        self.idle_timeout_s = settings.idle_timeout_s
        self.ping_interval_s: float | None = settings.ping_interval_s
        self.limits = VenueLimits(
            subscriptions=settings.max_assets, messages_per_s=10.0, rest_weight=1500, rest_window_s=10.0
        )
        self._clob_url = settings.clob_url.rstrip("/")
        self._gamma_url, self._data_url = settings.gamma_url, settings.data_url
        self._gamma = settings.catalog == "gamma"
        self._list_url = settings.gamma_url if self._gamma else settings.clob_url
        self._custom_features = settings.custom_features
        self._symbols: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def learn(self, markets: Iterable[Market]) -> None:
        """Take in the names of these markets' tokens. Of two markets with one id the first keeps it."""
        for market in markets:
            for token, symbol in market.names():
                if self._tokens.setdefault(symbol, token) == token:
                    self._symbols[token] = symbol

    def instrument_id(self, venue_symbol: str) -> str:
        """``polymarket:dde06286a7b9-YES`` of a token whose market was learned, else with the token id."""
        return f"{VENUE}:{self._symbols.get(venue_symbol, venue_symbol)}"

    def venue_symbol(self, instrument_id: str) -> str:
        """The token of an id. Raises ConfigError for another venue's id, or one that is not known."""
        venue, symbol = parse_id(instrument_id)
        token = self._tokens.get(symbol, symbol)
        if venue == VENUE and is_token(token):
            return token
        if venue != VENUE:
            why = f"instrument {instrument_id!r} is not of venue {VENUE}"
        elif OUTCOME_ID.fullmatch(symbol):
            why = f"the market of {instrument_id!r} is not known: discover the universe, or name its token id"
        else:
            why = f"{instrument_id!r} names neither a token id nor an outcome, such as 0123456789ab-YES"
        raise ConfigError(why, key="instrument", value=instrument_id)

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """None: a token id tells nothing."""
        return None

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """``(6, 6)``: ticks have at most 4 decimals, sizes of trades at most 6."""
        return SCALE, SCALE

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """None: books are whole."""
        return None

    def metadata_request(self, req_id: int) -> list[bytes]:
        """Nothing: definitions come over REST."""
        return []

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """One message with the tokens of the ``book`` subscriptions, none without any."""
        tokens = _tokens(subscriptions)
        return [requests.subscribe(tokens, custom_features=self._custom_features)] if tokens else []

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """One message with the tokens of the ``book`` subscriptions, none without any."""
        tokens = _tokens(subscriptions)
        return [requests.unsubscribe(tokens)] if tokens else []

    def ping(self, req_id: int) -> bytes | None:
        """The text ``PING``; its answer ``PONG`` tells no time."""
        return requests.PING

    def witness_request(self, subscription: Subscription) -> HttpRequest:
        """REST ``/book`` of a token."""
        return HttpRequest(
            f"{self._clob_url}/book?token_id={subscription.venue_symbol}",
            "witness",
            instrument=subscription.instrument,
        )

    def catalog_requests(self) -> Sequence[HttpRequest]:
        """The first page of the list of markets."""
        return [(GammaCursor() if self._gamma else ClobCursor()).request(self._list_url)]

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        """Binary markets with their two tokens; what has not two is skipped."""
        try:
            page = read_page(body)
        except msgspec.DecodeError as error:
            raise MalformedFrame(f"{VENUE} answered with no list of markets: {error}", venue=VENUE) from error
        if page.rest and not page.entries:
            told = bytes(page.rest[0]).decode(errors="replace")[:200]
            raise MalformedFrame(f"{VENUE} answered with no list of markets: {told}", venue=VENUE)
        cursor = (GammaCursor if self._gamma else ClobCursor).of(request.url).following(page)
        following = () if cursor is None else (cursor.request(self._list_url),)
        return CatalogPage(listings_of(page.markets), following, page.skipped)

    def history_begin(self, query: HistoryQuery) -> str:
        """See `history.begin`."""
        return history.begin(query)

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        """gamma ``/markets``, then ``/trades`` of the data host."""
        token = self.venue_symbol(query.instrument)
        return history.request(self._gamma_url, self._data_url, token, query, cursor)

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        """See `history.read`."""
        return history.read(self.venue_symbol(query.instrument), query, cursor, body, self.history_page)


def _tokens(subscriptions: Sequence[Subscription]) -> list[str]:
    return list(dict.fromkeys(one.venue_symbol for one in subscriptions if one.channel == "book"))
