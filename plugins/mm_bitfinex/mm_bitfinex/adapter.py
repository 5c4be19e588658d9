"""Bitfinex over WebSocket v2: channels, limits, names, messages to send.

Source: docs.bitfinex.com, "Requirements and limitations", "General", "Public Channels", read 2026-11-21;
README.md lists the pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mm_bitfinex import history, requests, rest
from mm_bitfinex.names import VENUE, canonical, split_pair, wire_symbol
from mm_bitfinex.settings import BitfinexSettings
from mm_bitfinex.sync import CHECKSUM_LEVELS
from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import CatalogPage, described, listed
from mm_framework.contracts.history import HistoryPage, HistoryQuery
from mm_framework.errors import ConfigError, MMError
from mm_framework.model.fixed import MAX_SCALE, parse
from mm_framework.model.instrument import parse_id

__all__ = ["DEPTHS", "BitfinexAdapter"]

DEPTHS: Final = (1, 25, 100, 250)
"""Levels a side of a book subscription; others are refused."""

PRICE_SCALE: Final = 10
SMALL_PRICE_SCALE: Final = 14
SIZE_SCALE: Final = 8

_WIRE_SYMBOL: Final = re.compile(r"t[A-Z0-9]+:[A-Z0-9]+")


class BitfinexAdapter:
    """Implements `contracts.adapter.Adapter`, `contracts.catalog.Catalog` and `history.HistorySource`.

    A connection carries 25 channels: three of each of 8 pairs. Channels are beaten every 15 s, so one
    without any message for 30 s is dead. 20 connects a minute and address; the rate of our messages
    is not published: 5 a second, as acknowledgements then keep up. REST allows 10 to 90 requests a
    minute for each endpoint: here 10 for all.
    """

    venue: str = VENUE
    channels: tuple[Channel, ...] = (
        Channel("book", "book", Proof("sequence"), DEPTHS),
        Channel("trades", "trade", Proof("sequence")),
        Channel("ticker", "ticker", Proof("sequence")),
    )
    limits = VenueLimits(
        subscriptions=8,
        messages_per_s=5.0,
        connects=20,
        connects_window_s=60.0,
        reconnect_min_s=1.0,
        rest_weight=10,
        rest_window_s=60.0,
        first_data_s=30.0,
    )
    metadata_first = True
    catalog_first = False
    catalog_every_s = 60.0
    history_intervals = tuple(history.INTERVALS)
    history_unbroken = False
    history_page = history.PAGE

    def __init__(self, settings: BitfinexSettings | None = None) -> None:
        settings = settings or BitfinexSettings()
        self.url = settings.url
        self.idle_timeout_s = settings.idle_timeout_s
        self.ping_interval_s: float | None = settings.ping_interval_s or None
        self._bulk = settings.bulk_updates
        self._rest_url = settings.rest_url.rstrip("/")

    def instrument_id(self, venue_symbol: str) -> str:
        """``bitfinex:BTC/USD`` of ``tBTCUSD``, ``BTCUSD`` or ``btc/usd``."""
        return f"{VENUE}:{canonical(venue_symbol)}"

    def venue_symbol(self, instrument_id: str) -> str:
        """``tBTCUSD`` of ``bitfinex:BTC/USD``; a name of the wire that has a colon stays as it is.

        Raises ConfigError for another venue's id.
        """
        if _WIRE_SYMBOL.fullmatch(instrument_id):
            return instrument_id
        venue, symbol = parse_id(instrument_id)
        if venue != VENUE:
            raise ConfigError(
                f"instrument {instrument_id!r} is not of venue {VENUE}", key="instrument", value=instrument_id
            )
        return wire_symbol(symbol)

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """``("BTC", "USD")``, None where the name does not tell."""
        return split_pair(venue_symbol)

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """``(10, 8)``, ``(14, 8)`` when the first price is below 1: prices have five significant digits."""
        if first_price is not None and _below_one(first_price):
            return SMALL_PRICE_SCALE, SIZE_SCALE
        return PRICE_SCALE, SIZE_SCALE

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """The least legal length that holds the snapshot; 25, what the checksum covers, without one."""
        if channel != "book":
            return None
        return next((depth for depth in DEPTHS if depth >= (levels or CHECKSUM_LEVELS)), DEPTHS[-1])

    def metadata_request(self, req_id: int) -> list[bytes]:
        """The conf flags: first of all, since they hold for the whole connection from then on."""
        return [requests.conf(bulk=self._bulk)]

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """One message for each subscription; their ``subId`` begin with ``req_id``."""
        return requests.subscriptions(subscriptions, CHECKSUM_LEVELS, req_id)

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """One message for each subscription that has a channel number in the connection's ``memo``."""
        return requests.unsubscriptions(subscriptions, dict(memo or {}))

    def ping(self, req_id: int) -> bytes | None:
        """The application ping; its pong tells the venue's clock."""
        return requests.ping(req_id)

    def catalog_requests(self) -> Sequence[HttpRequest]:
        """The lists of pairs and of perpetuals, in one answer."""
        lists = "pub:list:pair:exchange,pub:list:pair:futures"
        return [HttpRequest(f"{self._rest_url}/conf/{lists}", "metadata")]

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        """Every pair that is listed trades; no list tells a tick."""
        infos = described(VENUE, lambda out: rest.decode(body, out))
        return CatalogPage(listed(self, infos, lambda info: True))

    def history_begin(self, query: HistoryQuery) -> str:
        """The first stamp."""
        return history.begin(query)

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        """``candles`` or ``trades``, oldest first."""
        symbol = self.venue_symbol(query.instrument)
        return history.request(self._rest_url, symbol, query, cursor, self.history_page)

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        """A page of candles or trades."""
        return history.read(query, cursor, body, self.history_page)


def _below_one(price: str) -> bool:
    try:
        return parse(price, MAX_SCALE) < parse("1", MAX_SCALE)
    except MMError:
        return False
