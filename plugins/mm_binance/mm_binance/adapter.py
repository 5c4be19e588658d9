"""A market of Binance over its combined streams: channels, limits, names, messages, snapshots.

Sources: see `markets`. Limits of a connection: on spot 5 messages a second from us (pongs count), 1024
streams, 300 connects in 5 minutes, and its end after 24 hours; futures allow 10 messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from mm_binance import history, names, requests, rest
from mm_binance.markets import SNAPSHOT_LIMITS, Market
from mm_binance.settings import SETTINGS, BinanceSettings
from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import CatalogPage, described, listed
from mm_framework.contracts.history import HistoryPage, HistoryQuery

__all__ = ["BinanceAdapter"]

MAX_AGE_S: Final = 23 * 3600.0
"""Before the venue cuts the connection, at 24 hours."""

PRICE_SCALE: Final = 8

TRADED: Final = ("TRADING", "CANCEL_ONLY", None)
"""States of an instrument in which its book is there; None: the answer does not say."""

_DEPTH: Final = Channel("depth", "book", Proof("sequence"))
_TRADE: Final = Channel("trade", "trade", Proof("ids"))
_AGG_TRADE: Final = Channel("aggTrade", "trade", Proof("ids"))
_BOOK_TICKER: Final = Channel("bookTicker", "ticker", Proof("none"))


def _defaults(market: Market) -> BinanceSettings:
    settings: BinanceSettings = SETTINGS[market.venue]()
    return settings


class BinanceAdapter:
    """Implements `contracts.adapter.Adapter`, `SnapshotSource`, `contracts.catalog.Catalog` and
    `contracts.history.HistorySource`.

    Its ping asks for the list of streams: the venue's own pings are of the WebSocket and no message,
    and a quiet instrument says nothing. Definitions come over REST only, so none are awaited.
    """

    metadata_first = False
    catalog_first = True
    catalog_every_s = 300.0
    history_unbroken = True
    history_page = history.PAGE

    def __init__(self, market: Market, settings: BinanceSettings | None = None) -> None:
        settings = settings or _defaults(market)
        self.market, self.venue = market, market.venue
        trades = (_AGG_TRADE,) if market.futures else (_TRADE, _AGG_TRADE)
        self.channels: tuple[Channel, ...] = (_DEPTH, *trades, _BOOK_TICKER)
        self.limits = VenueLimits(
            subscriptions=market.streams // len(self.channels),
            messages_per_s=market.messages_per_s,
            connects=300,
            connects_window_s=300.0,
            rest_weight=market.rest_weight,
            rest_window_s=60.0,
            max_age_s=MAX_AGE_S,
            asks_twice=True,
        )
        self.url = settings.url
        if getattr(settings, "microseconds", False):
            self.url += ("&" if "?" in settings.url else "?") + "timeUnit=MICROSECOND"
        market_url = getattr(settings, "market_url", None)
        self.urls: Mapping[str, str] = {one.name: market_url for one in trades} if market_url else {}
        self.idle_timeout_s = settings.idle_timeout_s
        self.ping_interval_s: float | None = settings.ping_interval_s or None
        self.history_intervals = history.intervals(market)
        self._settings = settings

    def instrument_id(self, venue_symbol: str) -> str:
        """``binance:BTC/USDT`` of ``BTCUSDT``, ``btcusdt`` or ``BTC/USDT``."""
        return names.instrument_id(self.market, venue_symbol)

    def venue_symbol(self, instrument_id: str) -> str:
        """``BTCUSDT`` of ``binance:BTC/USDT``. Raises ConfigError for another venue's id."""
        return names.venue_symbol(self.market, instrument_id)

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """``("BTC", "USDT")``, None where the name does not tell."""
        return names.split(self.market, venue_symbol)

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """8 decimals of price; of size fewer the cheaper the instrument is, for sizes grow with it."""
        price = Decimal(first_price) if first_price is not None else Decimal(1)
        return PRICE_SCALE, 8 if price >= 1 else 5 if price >= Decimal("0.001") else 3

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """The levels of a snapshot whose request nobody kept, when so many can be asked for."""
        return levels if levels in SNAPSHOT_LIMITS else None

    def metadata_request(self, req_id: int) -> list[bytes]:
        """Nothing: definitions do not come over the streams."""
        return []

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """Messages of at most 200 streams; each is acknowledged once, and all carry ``req_id``."""
        return requests.subscriptions("SUBSCRIBE", self._streams(subscriptions), req_id)

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """The same messages to unsubscribe."""
        return requests.subscriptions("UNSUBSCRIBE", self._streams(subscriptions), req_id)

    def ping(self, req_id: int) -> bytes | None:
        """A request for the list of streams."""
        return requests.listing(req_id)

    def snapshot_request(self, subscription: Subscription) -> HttpRequest:
        """The REST snapshot that a book begins with."""
        limit = self._settings.snapshot_limit
        query = urlencode({"symbol": subscription.venue_symbol, "limit": limit})
        return HttpRequest(
            f"{self._settings.rest_url}/depth?{query}",
            "snapshot",
            weight=self.market.weight(limit),
            instrument=subscription.instrument,
        )

    def time_request(self) -> HttpRequest:
        """The server's time, as neither acknowledgements nor pings tell it."""
        return HttpRequest(f"{self._settings.rest_url}/time", "time")

    def server_time_ns(self, body: bytes) -> int | None:
        """``{"serverTime":1499827319559}``, in milliseconds."""
        return rest.server_time_ns(body)

    def catalog_requests(self) -> Sequence[HttpRequest]:
        """``exchangeInfo``: one answer has all instruments."""
        url = f"{self._settings.rest_url}/exchangeInfo{self.market.info_query}"
        return [HttpRequest(url, "metadata", weight=self.market.info_weight)]

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        """The instruments with their increments."""
        infos = described(self.venue, lambda out: rest.decode(self.market, {}, body, out))
        return CatalogPage(listed(self, infos, lambda info: info.status in TRADED))

    def history_begin(self, query: HistoryQuery) -> str:
        """A time, or the hour in which trades begin."""
        return history.begin(query)

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        """``klines``, ``aggTrades`` or ``historicalTrades``."""
        symbol = self.venue_symbol(query.instrument)
        return history.request(self.market, self._settings.rest_url, symbol, query, cursor, self.history_page)

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        """A page of candles or trades."""
        return history.read(self.market, query, cursor, body, self.history_page)

    def _streams(self, subscriptions: Sequence[Subscription]) -> list[str]:
        """``btcusdt@depth@100ms``; the market's usual cadence has the bare name."""
        depth_ms = self._settings.depth_ms
        cadence = None if depth_ms == self.market.depth_ms[0] else depth_ms
        return [
            names.stream_name(one.venue_symbol, one.channel, cadence if one.channel == "depth" else None)
            for one in subscriptions
        ]
