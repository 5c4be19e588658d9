"""Bitfinex's public WebSocket v2 and REST from the venue's side, for the core's emulated market.

Source: docs.bitfinex.com, "General", "Books", "Trades", "Ticker", "WebSocket checksum", "Requirements and
limitations", read 2026-11-21, and recordings of 2018-11-12 and 2021-04-17. A trade is confirmed (``tu``)
up to two seconds after its ``te``; checksums and tickers go out once a second if there is news, which
is likely and not documented. Books are of precision P0 in real time; other ones are refused.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from mm_bitfinex.emulator_frames import PairData
from mm_bitfinex.emulator_listings import listing
from mm_bitfinex.emulator_rest import LIMITED, MAINTAINED, Rest
from mm_bitfinex.emulator_session import DEPTHS, MAINTENANCE, SHUTDOWN, BitfinexSession
from mm_bitfinex.names import VENUE
from mm_framework.contracts.emulator import (
    Dialect,
    FrameKind,
    HttpReply,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    VenueClock,
)
from mm_framework.contracts.spec import EmulatorSpec

__all__ = ["BitfinexDialect", "BitfinexFrontend", "emulator_spec"]

_KINDS: Final = {"book": FrameKind.BOOK, "trades": FrameKind.TRADE, "ticker": FrameKind.TICKER}


class _Subscribed(msgspec.Struct, tag_field="event", tag="subscribed"):
    channel: str
    chanId: int
    symbol: str = ""


class BitfinexDialect:
    """Implements `contracts.emulator.Dialect`.

    A recording is played with its own channel numbers, which it tells itself: the sessions then
    acknowledge with them, too. Its sequence numbers are those of another connection and left out.
    """

    venue = VENUE
    paths = ("/ws/2",)
    depths = DEPTHS
    symbols = ("tBTCUSD",)
    notices: Mapping[str, str] = {
        SHUTDOWN: "info code 20051 on every connection, which is closed soon after",
        MAINTENANCE: "info code 20060, silence for 20 s, then 20061; what the books missed is not told",
    }

    def __init__(self) -> None:
        self._recorded: dict[int, tuple[str, str]] = {}

    def listing(self, symbol: str) -> Listing:
        """The pair of any of its names. Raises ConfigError."""
        return listing(symbol)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> BitfinexFrontend:
        """The venue's sessions and REST over a market."""
        numbers = {stream: number for number, stream in self._recorded.items()}
        return BitfinexFrontend(market, clock, seed, numbers)

    def recorded(self, frame: bytes) -> Outgoing | None:
        """A recorded frame of a channel whose ``subscribed`` came before, None for any other."""
        try:
            if frame[:1] != b"[":
                told = _acks.decode(frame)
                self._recorded[told.chanId] = told.channel, told.symbol
                return None
            number, *parts = _arrays.decode(frame)
            channel, symbol = self._recorded.get(int(bytes(number)), ("", ""))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return None
        if channel not in _KINDS or not parts or bytes(parts[0]) == b'"hb"':
            return None
        body = parts[:2] if bytes(parts[0])[:1] == b'"' else parts[:1]
        snapshot = bytes(body[-1])[:2] in (b"[[", b"[]")
        payload = b"[" + b",".join([bytes(number), *map(bytes, body)]) + b"]"
        kind = FrameKind.SNAPSHOT if snapshot else _KINDS[channel]
        return Outgoing(payload, kind, channel, symbol)


class BitfinexFrontend:
    """All pairs, and what sessions share. ``numbers``: channel numbers that must be used."""

    def __init__(
        self, market: MarketView, clock: VenueClock, seed: str, numbers: Mapping[tuple[str, str], int]
    ) -> None:
        self.clock = clock
        self.pairs = {
            symbol: PairData(listing, place, market, clock)
            for place, (symbol, listing) in enumerate(market.listings.items())
        }
        self.numbers = numbers
        self._seed = seed
        self._rest = Rest(market, self.pairs)

    def observe(self, event: MarketEvent) -> None:
        """Let the pair encode the event."""
        if event.notice is None:
            self.pairs[event.symbol].observe(event)

    def session(self, connection: int) -> BitfinexSession:
        """A new connection; the server's id and the channel numbers are drawn for it."""
        draw = random.Random(f"{self._seed}/connection/{connection}")
        server = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        return BitfinexSession(self.pairs, self.clock, server, draw.randrange(1000, 900_000), self.numbers)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request."""
        return self._rest.answer(method, path, query, now_ns)

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """A request is refused: too many, with no word of a time, or maintenance."""
        return MAINTAINED if status == HTTPStatus.SERVICE_UNAVAILABLE else LIMITED


_acks: Final = msgspec.json.Decoder(_Subscribed)
_arrays: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _build(settings: None = None) -> Dialect:
    return BitfinexDialect()


emulator_spec: Final = EmulatorSpec(
    name=VENUE,
    factory=_build,
    description="Bitfinex: WebSocket v2 (book P0, trades, ticker, conf flags) and public REST",
)
