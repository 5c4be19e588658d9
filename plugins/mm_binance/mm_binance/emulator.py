"""Binance's combined streams and public REST from the venue's side, for the core's emulated market.

Source: ``web-socket-streams.md``, read 2026-11-21, and recordings of 2021 to 2024. Names of streams that
nobody knows are acknowledged and stay silent, as at the venue; texts of errors are likely ones. All
cadences end together, at whole multiples of themselves; at the venue each instrument has its own. A
connection is cut after a day, and earlier after ``serverShutdown``, for which the venue promises no time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import msgspec

from mm_binance import emulator_listings
from mm_binance.emulator_frames import PARTIAL_LEVELS, Numbers, SymbolFrames
from mm_binance.emulator_rest import Rest
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import MARKETS, Market
from mm_binance.names import channel_of
from mm_framework.contracts.emulator import (
    FrameKind,
    HttpReply,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    VenueClock,
    closing,
)
from mm_framework.contracts.spec import EmulatorSpec
from mm_framework.emulator.flow import NEVER
from mm_framework.model.frame import encode_json

__all__ = ["BinanceDialect", "emulator_specs"]

_MS: Final = 1_000_000
_AT_ONCE: Final = ("trade", "aggTrade", "bookTicker")
_PARTIAL: Final = {f"depth{levels}": levels for levels in PARTIAL_LEVELS}
_ID_CHARS: Final = 36
_SHUTDOWN: Final = "shutdown"
_CUT: Final = 1001


class _Request(msgspec.Struct):
    method: str
    params: list[Any] = []
    id: int | str | None = None


class _Wrapped(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Trade(msgspec.Struct):
    t: int | None = None
    a: Any = None


_requests: Final = msgspec.json.Decoder(_Request)
_wrapped: Final = msgspec.json.Decoder(_Wrapped)
_trades: Final = msgspec.json.Decoder(_Trade)


class BinanceDialect:
    """Implements `contracts.emulator.Dialect` for one market. Books are not cut, so it has no depths."""

    depths: tuple[int, ...] = ()
    notices: Mapping[str, str] = {_SHUTDOWN: "serverShutdown on every connection, which is cut soon after"}

    def __init__(self, market: Market, settings: BinanceEmulatorSettings | None = None) -> None:
        self.market, self.venue = market, market.venue
        urls = [market.stream_url, *([market.market_url] if market.market_url else [])]
        self.paths: tuple[str, ...] = tuple(urlsplit(url).path for url in urls)
        self.symbols: tuple[str, ...] = emulator_listings.DEFAULT_SYMBOLS[market.venue]
        self._settings = settings or BinanceEmulatorSettings()

    def listing(self, symbol: str) -> Listing:
        """The instrument of any of the venue's names. Raises ConfigError."""
        return emulator_listings.listing(self.market, symbol)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> BinanceFrontend:
        """The venue's sessions and REST over a market."""
        return BinanceFrontend(self.market, self._settings, market, clock, seed)

    def recorded(self, frame: bytes) -> Outgoing | None:
        """A recorded frame of a combined stream with market data, None for any other."""
        try:
            wrapped = _wrapped.decode(frame)
            named = channel_of(wrapped.stream)
            if named is None or named[0] not in ("depth", *_AT_ONCE, *_PARTIAL):
                return None
            channel, symbol = named
            if channel not in ("trade", "aggTrade"):
                kind = FrameKind.BOOK if channel == "depth" else FrameKind.TICKER
                return Outgoing(frame, kind, channel, symbol)
            trade = _trades.decode(wrapped.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        number = trade.t if channel == "trade" else trade.a
        ids = (number,) if isinstance(number, int) else ()
        return Outgoing(frame, FrameKind.TRADE, channel, symbol, trade_ids=ids)


class BinanceFrontend:
    """All instruments, and what sessions share."""

    def __init__(
        self,
        market: Market,
        settings: BinanceEmulatorSettings,
        view: MarketView,
        clock: VenueClock,
        seed: str,
    ) -> None:
        self.market, self.settings, self.clock = market, settings, clock
        numbers = Numbers(random.Random(f"{seed}/numbers"), shared=True) if market.futures else None
        self.frames = {
            symbol: SymbolFrames(
                market,
                listing,
                view,
                clock,
                numbers or Numbers(random.Random(f"{seed}/numbers/{symbol}"), shared=False),
            )
            for symbol, listing in view.listings.items()
        }
        self.rest = Rest(market, settings, view, clock, self.frames)

    def observe(self, event: MarketEvent) -> None:
        """Let the instrument number and encode the event."""
        self.frames[event.symbol].observe(event)

    def session(self, connection: int) -> BinanceSession:
        """A new connection."""
        return BinanceSession(self)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request."""
        return self.rest.answer(method, path, query, now_ns)

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """A request is refused though its weight would have fitted."""
        return self.rest.refusal(status, wait_s, now_ns)


@attrs.frozen
class _Stream:
    """A subscribed stream; ``cadence_ms`` None: it speaks at once."""

    name: str
    channel: str
    symbol: str
    cadence_ms: int | None

    def wrap(self, event: Outgoing, *, combined: bool) -> Outgoing:
        """The event as this stream sends it."""
        if not combined:
            return event
        return event._replace(payload=b'{"stream":"%b","data":%b}' % (self.name.encode(), event.payload))


class BinanceSession:
    """One connection: its streams, in the order of their subscription."""

    def __init__(self, frontend: BinanceFrontend) -> None:
        self._front = frontend
        self._streams: dict[str, _Stream | None] = {}
        self._at_once: dict[str, list[_Stream]] = {}
        self._due_ns: dict[int, int] = {}
        self._cut_ns = 0
        self._combined = True

    def opened(self, now_ns: int) -> list[Outgoing]:
        """Nothing: the venue says nothing unasked."""
        self._cut_ns = now_ns + round(self._front.settings.session_s * 1e9)
        return []

    def event(self, event: MarketEvent) -> list[Outgoing]:
        """What trades and best prices tell at once; that the venue shuts down."""
        if event.notice is not None:
            return [self._shutdown(event.time_ns)]
        return [
            stream.wrap(frame, combined=self._combined)
            for stream in self._at_once.get(event.symbol, ())
            for frame in self._front.frames[event.symbol].at_once(stream.channel)
        ]

    def _shutdown(self, now_ns: int) -> Outgoing:
        self._cut_ns = min(self._cut_ns, now_ns + round(self._front.settings.shutdown_s * 1e9))
        told = b'{"e":"serverShutdown","E":%d}' % (self._front.clock(now_ns) // _MS)
        wrapped = b'{"stream":"!serverShutdown","data":%b}' % told
        return Outgoing(wrapped if self._combined else told, FrameKind.CONTROL)

    def next_timer_ns(self) -> int | None:
        """The end of the next cadence, or of the connection."""
        return min(self._cut_ns, *self._due_ns.values()) if self._due_ns else self._cut_ns

    def timer(self, now_ns: int) -> list[Outgoing]:
        """The books of the cadences that end now."""
        if now_ns >= self._cut_ns:
            self._cut_ns = NEVER
            return [closing(_CUT)]
        ended = [cadence_ms for cadence_ms, due_ns in self._due_ns.items() if due_ns <= now_ns]
        for cadence_ms in ended:
            self._due_ns[cadence_ms] = now_ns + cadence_ms * _MS
        told = [
            (stream, self._book(stream, now_ns))
            for stream in self._streams.values()
            if stream is not None and stream.cadence_ms in ended
        ]
        return [stream.wrap(frame, combined=self._combined) for stream, frame in told if frame is not None]

    def _book(self, stream: _Stream, now_ns: int) -> Outgoing | None:
        """What a book's stream says; streams of the best levels speak whenever the book has changed."""
        frames, cadence_ms = self._front.frames[stream.symbol], stream.cadence_ms or 0
        update = frames.update(cadence_ms, now_ns)
        if stream.channel == "depth" or update is None:
            return update
        return frames.partial(_PARTIAL[stream.channel], now_ns)

    # --- requests

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        """Answer a request."""
        try:
            request = _requests.decode(message)
        except msgspec.ValidationError as error:
            return [_error(2, f"Invalid request: {error}")]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return [_error(3, f"Invalid JSON: {error}")]
        if isinstance(request.id, str) and not (request.id.isalnum() and len(request.id) <= _ID_CHARS):
            return [_error(2, "Invalid request: id is not a number, an alphanumeric text or null")]
        match request.method:
            case "SUBSCRIBE" | "UNSUBSCRIBE":
                return self._change(request, now_ns)
            case "LIST_SUBSCRIPTIONS":
                return [_answer(list(self._streams), request)]
            case "GET_PROPERTY" | "SET_PROPERTY":
                return [self._property(request)]
            case _:
                return [_error(2, f"Invalid request: unknown variant `{request.method}`")]

    def _change(self, request: _Request, now_ns: int) -> list[Outgoing]:
        names = [name for name in request.params if isinstance(name, str)]
        if not names or len(names) < len(request.params):
            return [_error(2, "Invalid request: params are names of streams")]
        begins = request.method == "SUBSCRIBE"
        if begins and len(self._streams.keys() | set(names)) > self._front.market.streams:
            return [_error(2, f"Invalid request: more than {self._front.market.streams} streams")]
        for name in names:
            if not begins:
                self._streams.pop(name, None)
            elif name not in self._streams:
                self._streams[name] = self._stream(name)
        self._sort(now_ns)
        kind = FrameKind.SUBSCRIBED if begins else FrameKind.UNSUBSCRIBED
        channel, symbol = channel_of(names[0]) or (None, None)
        return [_answer(None, request)._replace(kind=kind, channel=channel, symbol=symbol)]

    def _stream(self, name: str) -> _Stream | None:
        """The stream of a name, None for one that stays silent."""
        channel, symbol = channel_of(name) or ("", "")
        market, cadence = self._front.market, name.partition("@")[2].partition("@")[2]
        if symbol not in self._front.frames or name.partition("@")[0] != symbol.lower():
            return None
        if channel in _AT_ONCE:
            known = not cadence and not (channel == "trade" and market.futures)
            return _Stream(name, channel, symbol, None) if known else None
        cadence_ms = int(cadence.removesuffix("ms")) if cadence else market.depth_ms[0]
        known = (channel == "depth" or channel in _PARTIAL) and cadence_ms in market.depth_ms
        return _Stream(name, channel, symbol, cadence_ms) if known else None

    def _sort(self, now_ns: int) -> None:
        """Who speaks at once, and when the cadences end."""
        self._at_once = {}
        known = [stream for stream in self._streams.values() if stream is not None]
        for stream in known:
            if stream.cadence_ms is None:
                self._at_once.setdefault(stream.symbol, []).append(stream)
        wanted = {stream.cadence_ms for stream in known if stream.cadence_ms is not None}
        self._due_ns = {
            ms: self._due_ns.get(ms, (now_ns // (ms * _MS) + 1) * ms * _MS) for ms in sorted(wanted)
        }

    def _property(self, request: _Request) -> Outgoing:
        if request.params[:1] != ["combined"]:
            return _error(0, "Unknown property")
        if request.method == "GET_PROPERTY":
            return _answer(self._combined, request)
        if len(request.params) != 2 or not isinstance(request.params[1], bool):
            return _error(1, "Invalid value type: expected Boolean")
        self._combined = request.params[1]
        return _answer(None, request)


def _answer(result: object, request: _Request) -> Outgoing:
    return Outgoing(encode_json({"result": result, "id": request.id}), FrameKind.CONTROL)


def _error(code: int, text: str) -> Outgoing:
    return Outgoing(encode_json({"code": code, "msg": text}), FrameKind.CONTROL)


def _dialect(market: Market) -> Callable[..., BinanceDialect]:
    return partial(BinanceDialect, market)


def emulator_specs() -> list[EmulatorSpec]:
    """Every market."""
    return [
        EmulatorSpec(
            name=market.venue,
            factory=_dialect(market),
            settings=BinanceEmulatorSettings,
            description=f"{market.title}: combined streams and public REST with weights",
        )
        for market in MARKETS
    ]
