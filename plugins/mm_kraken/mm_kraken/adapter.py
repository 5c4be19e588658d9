"""Kraken spot over WebSocket v2: channels, limits, names, messages to send.

Source: docs.kraken.com, WebSocket v2 and its guides, read 2026-11-21; README.md lists the pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import CatalogPage, described, listed
from mm_framework.contracts.history import HistoryPage, HistoryQuery
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id
from mm_kraken import history, requests, rest
from mm_kraken.names import VENUE, canonical, split_pair
from mm_kraken.settings import KrakenSettings
from mm_kraken.sync import CHECKSUM_LEVELS

__all__ = ["DEPTHS", "KrakenAdapter"]

DEPTHS: Final = (10, 25, 100, 500, 1000)
"""Levels a side of a book subscription; others are refused."""

PRICE_SCALE: Final = 10
SIZE_SCALE: Final = 8

WITHOUT_BOOK: Final = ("cancel_only", "delisted", "work_in_progress")
"""States of a pair in which nothing is to be captured."""


class KrakenAdapter:
    """Implements `contracts.adapter.Adapter`, `contracts.catalog.Catalog` and `history.HistorySource`.

    A connection counts as dead after 10 s without any message: heartbeats come each second once there
    is a subscription. Limits: about 150 connects in 10 minutes and address; after maintenance 5 s
    between attempts; the rate of our messages is not published (20/s is what others keep to), nor is
    the number of subscriptions.
    """

    venue: str = VENUE
    channels: tuple[Channel, ...] = (
        Channel("book", "book", Proof("checksum", CHECKSUM_LEVELS), DEPTHS),
        Channel("trade", "trade", Proof("ids")),
        Channel("ticker", "ticker", Proof("none")),
    )
    limits = VenueLimits(
        subscriptions=100, messages_per_s=20.0, connects=150, connects_window_s=600.0, reconnect_min_s=5.0
    )

    catalog_first = False
    catalog_every_s = 60.0
    history_intervals = tuple(history.INTERVALS)
    history_unbroken = True
    history_page = history.PAGE

    def __init__(self, settings: KrakenSettings | None = None) -> None:
        settings = settings or KrakenSettings()
        self.url = settings.url
        self.idle_timeout_s = settings.idle_timeout_s
        self.ping_interval_s: float | None = settings.ping_interval_s or None
        self.metadata_first = settings.metadata
        self._tokenized = settings.tokenized_assets
        self._rest_url = settings.rest_url.rstrip("/")

    def instrument_id(self, venue_symbol: str) -> str:
        """``kraken:BTC/EUR`` of ``BTC/EUR``, ``XBT/EUR``, ``XBTEUR`` or ``XXBTZEUR``, in any case."""
        return f"{VENUE}:{canonical(venue_symbol)}"

    def venue_symbol(self, instrument_id: str) -> str:
        """``BTC/EUR`` of ``kraken:BTC/EUR``. Raises ConfigError for another venue's id."""
        venue, symbol = parse_id(instrument_id)
        if venue != VENUE:
            raise ConfigError(
                f"instrument {instrument_id!r} is not of venue {VENUE}", key="instrument", value=instrument_id
            )
        return canonical(symbol)

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """``("BTC", "EUR")``, None where the name does not tell."""
        return split_pair(venue_symbol)

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """``(10, 8)``: holds every price precision and the quantity precision of today's pairs."""
        return PRICE_SCALE, SIZE_SCALE

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """The least legal depth that holds the snapshot; the venue's default, 10, without one."""
        if channel != "book":
            return None
        return next((depth for depth in DEPTHS if depth >= (levels or 0)), DEPTHS[-1])

    def metadata_request(self, req_id: int) -> list[bytes]:
        """A subscription to all instruments: precision may change while a run goes on."""
        return [requests.metadata(req_id, tokenized=self._tokenized)]

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """One message for each channel and depth; the answers carry ``req_id``, one a pair."""
        return requests.subscriptions("subscribe", subscriptions, DEPTHS[0], req_id)

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """The same messages to unsubscribe, the book's depth included."""
        return requests.subscriptions("unsubscribe", subscriptions, DEPTHS[0], req_id)

    def ping(self, req_id: int) -> bytes | None:
        """The application ping; its pong tells the venue's clock."""
        return requests.ping(req_id)

    def catalog_requests(self) -> Sequence[HttpRequest]:
        """One answer has all pairs."""
        return [HttpRequest(f"{self._rest_url}/0/public/AssetPairs", "metadata")]

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        """The pairs that have a WebSocket name."""
        infos = described(VENUE, lambda out: rest.decode(body, out))
        return CatalogPage(listed(self, infos, lambda info: info.status not in WITHOUT_BOOK))

    def history_begin(self, query: HistoryQuery) -> str:
        """The first ``since``."""
        return history.begin(query)

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        """``OHLC`` or ``Trades``."""
        symbol = self.venue_symbol(query.instrument)
        return history.request(self._rest_url, symbol, query, cursor, self.history_page)

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        """The candles, or a page of trades."""
        return history.read(query, cursor, body, self.history_page)
