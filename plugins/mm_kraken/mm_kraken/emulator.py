"""Kraken's public WebSocket v2 and REST from the venue's side, for the core's emulated market.

Source: docs.kraken.com, WebSocket v2 ``status``, ``heartbeat``, ``ping``, ``book``, ``trade``, ``ticker``,
``instrument``, read 2026-11-21, and a recording of 2026-08-16. Where they differ the recording is
followed: heartbeats come each second from the first subscription on, whatever else goes out. The
texts of refusals are the venue's where a recording shows them (depth, pair); the others are likely.
"""

from __future__ import annotations

import random
import re
from collections.abc import Container, Mapping
from typing import Any, Final

import msgspec

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
from mm_framework.model.frame import encode_json
from mm_kraken import emulator_history, emulator_listings, emulator_rest
from mm_kraken.emulator_frames import PairFrames, instruments, timestamp
from mm_kraken.names import VENUE

__all__ = ["KrakenDialect", "emulator_spec"]

DEPTHS: Final = (10, 25, 100, 500, 1000)
TRIGGERS: Final = ("bbo", "trades")

_HEARTBEAT: Final = Outgoing(b'{"channel":"heartbeat"}', FrameKind.HEARTBEAT)
_SECOND: Final = 1_000_000_000
_HEARTBEAT_NS: Final = _SECOND
_WORK_NS: Final = 35_000  # between time_in and time_out, as recorded
_HALT: Final = "cancel-only"
_HALT_NS: Final = 10 * _SECOND


class _Params(msgspec.Struct):
    channel: str | None = None
    symbol: list[str] = []
    depth: int = DEPTHS[0]
    snapshot: bool | None = None
    event_trigger: str = "trades"
    include_tokenized_assets: bool = False


class _Request(msgspec.Struct):
    method: str
    params: _Params = msgspec.field(default_factory=_Params)
    req_id: int | None = None


class _DataEntry(msgspec.Struct):
    symbol: str
    trade_id: int | None = None


class _DataFrame(msgspec.Struct):
    channel: str
    type: str = "update"
    data: msgspec.Raw = msgspec.Raw(b"[]")


class KrakenDialect:
    """Implements `contracts.emulator.Dialect`."""

    venue = VENUE
    paths = ("/v2",)
    depths = DEPTHS
    symbols = ("BTC/EUR",)
    notices: Mapping[str, str] = {
        _HALT: "status cancel_only on every connection, online again 10 s later; data go on"
    }

    def listing(self, symbol: str) -> Listing:
        """The pair of any of the venue's names. Raises ConfigError."""
        return emulator_listings.listing(symbol)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> KrakenFrontend:
        """The venue's sessions and REST over a market."""
        return KrakenFrontend(market, clock, seed)

    def recorded(self, frame: bytes) -> Outgoing | None:
        """A recorded v2 frame of ``book``, ``trade``, ``ticker`` or ``instrument``, None for any other."""
        try:
            head = _frames.decode(frame)
            if head.channel == "instrument":
                return Outgoing(frame, FrameKind.METADATA, head.channel)
            if head.channel not in _DATA_CHANNELS:
                return None
            entries = _entries.decode(head.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not entries:
            return None
        kind = FrameKind.SNAPSHOT if head.type == "snapshot" else FrameKind(head.channel)
        checksum = _CHECKSUM.search(frame)
        return Outgoing(
            frame,
            kind,
            head.channel,
            entries[0].symbol,
            trade_ids=tuple(entry.trade_id for entry in entries if entry.trade_id is not None),
            checksum=checksum.span(1) if checksum else None,
        )


class KrakenFrontend:
    """All pairs, and what sessions share."""

    def __init__(self, market: MarketView, clock: VenueClock, seed: str) -> None:
        self.market = market
        self.clock = clock
        self.pairs = {
            symbol: PairFrames(listing, market, clock) for symbol, listing in market.listings.items()
        }
        self._seed = seed

    def observe(self, event: MarketEvent) -> None:
        """Let the pair encode the event."""
        self.pairs[event.symbol].observe(event)

    def session(self, connection: int) -> KrakenSession:
        """A new connection; its id at the venue is a random 64-bit number without a sign."""
        connection_id = random.Random(f"{self._seed}/connection/{connection}").getrandbits(64)
        return KrakenSession(self, connection_id)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request."""
        if method == "GET" and path.startswith(emulator_history.PREFIXES):
            return emulator_history.answer(self.pairs, self.clock(now_ns), path, query)
        return emulator_rest.answer(self.market, self.clock, method, path, query, now_ns)

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """A request is refused: too many, banned (both in the body), or a failure."""
        return emulator_rest.refusal(status, self.clock(now_ns) // _SECOND + wait_s)


class KrakenSession:
    """One connection: its subscriptions and its heartbeat."""

    def __init__(self, frontend: KrakenFrontend, connection_id: int) -> None:
        self._front = frontend
        self._connection_id = connection_id
        self._books: dict[str, int] = {}
        self._trades: set[str] = set()
        self._tickers: dict[str, str] = {}
        self._instruments = False
        self._heartbeat_ns: int | None = None
        self._online_ns: int | None = None

    def opened(self, now_ns: int) -> list[Outgoing]:
        """The status frame."""
        return [self._status("online")]

    def _status(self, system: str) -> Outgoing:
        payload = (
            f'{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{system}",'
            f'"api_version":"v2","connection_id":{self._connection_id}}}]}}'
        )
        return Outgoing(payload.encode(), FrameKind.CONTROL)

    def next_timer_ns(self) -> int | None:
        """When the next heartbeat is due, or the end of a halt."""
        due = [at_ns for at_ns in (self._heartbeat_ns, self._online_ns) if at_ns is not None]
        return min(due, default=None)

    def timer(self, now_ns: int) -> list[Outgoing]:
        """The heartbeat; that the venue is online again."""
        frames = []
        if self._online_ns is not None and now_ns >= self._online_ns:
            self._online_ns = None
            frames.append(self._status("online"))
        if self._heartbeat_ns is not None and now_ns >= self._heartbeat_ns:
            self._heartbeat_ns = now_ns + _HEARTBEAT_NS
            frames.append(_HEARTBEAT)
        return frames

    def event(self, event: MarketEvent) -> list[Outgoing]:
        """Book, trade and ticker frames of an event, as subscribed; one frame each."""
        if event.notice is not None:
            self._online_ns = event.time_ns + _HALT_NS
            return [self._status("cancel_only")]
        symbol = event.symbol
        if event.listing is not None:
            return [instruments("update", [event.listing])] if self._instruments else []
        pair = self._front.pairs[symbol]
        frames: list[Outgoing | None] = []
        if symbol in self._books:
            frames.append(pair.book_update(self._books[symbol]))
        if symbol in self._trades:
            frames.append(pair.trade_update())
        if symbol in self._tickers:
            frames.append(pair.ticker_update(self._tickers[symbol]))
        return [frame for frame in frames if frame is not None]

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        """Answer a request."""
        try:
            request = _requests.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._refusal("Malformed request", None, now_ns)]
        match request.method:
            case "ping":
                return [self._pong(request, now_ns)]
            case "subscribe":
                return self._subscribe(request, now_ns)
            case "unsubscribe":
                return self._unsubscribe(request, now_ns)
            case _:
                return [self._refusal("Unsupported method", request, now_ns)]

    # --- subscriptions

    def _subscribe(self, request: _Request, now_ns: int) -> list[Outgoing]:
        params = request.params
        if params.channel == "instrument":
            return self._subscribe_instruments(request, now_ns)
        error = self._bad_params(params)
        if error is not None:
            return [self._refusal(error, request, now_ns)]
        frames = []
        for symbol in params.symbol:
            if symbol not in self._front.pairs:
                text = f"Currency pair not supported {symbol}"
                frames.append(self._refusal(text, request, now_ns, symbol))
            elif symbol in self._subscribed(params.channel):
                frames.append(self._refusal("Already subscribed", request, now_ns, symbol))
            else:
                frames += self._follow(request, symbol, now_ns)
        return frames

    def _follow(self, request: _Request, symbol: str, now_ns: int) -> list[Outgoing]:
        """The acknowledgement and, if asked for, the snapshot right after it."""
        params, pair = request.params, self._front.pairs[symbol]
        wants = params.snapshot if params.snapshot is not None else params.channel != "trade"
        result: dict[str, Any] = {"channel": params.channel, "snapshot": wants, "symbol": symbol}
        if params.channel == "book":
            self._books[symbol] = result["depth"] = params.depth
            snapshot = pair.book_snapshot(params.depth, now_ns)
        elif params.channel == "trade":
            self._trades.add(symbol)
            snapshot = pair.trade_snapshot()
        else:
            self._tickers[symbol] = result["event_trigger"] = params.event_trigger
            snapshot = pair.ticker_snapshot(now_ns)
        acknowledgement = self._acknowledgement(request, result, now_ns, FrameKind.SUBSCRIBED)
        return [acknowledgement, snapshot] if wants else [acknowledgement]

    def _subscribe_instruments(self, request: _Request, now_ns: int) -> list[Outgoing]:
        if self._instruments:
            return [self._refusal("Already subscribed", request, now_ns)]
        self._instruments = True
        wants = request.params.snapshot is not False
        result = {
            "channel": "instrument",
            "include_tokenized_assets": request.params.include_tokenized_assets,
            "snapshot": wants,
            "warnings": ["tick_size is deprecated, use price_increment"],
        }
        frames = [self._acknowledgement(request, result, now_ns, FrameKind.SUBSCRIBED)]
        if wants:
            frames.append(instruments("snapshot", list(self._front.market.listings.values())))
        return frames

    def _unsubscribe(self, request: _Request, now_ns: int) -> list[Outgoing]:
        params = request.params
        if params.channel == "instrument" and self._instruments:
            self._instruments = False
            return [self._acknowledgement(request, {"channel": "instrument"}, now_ns, FrameKind.UNSUBSCRIBED)]
        error = self._bad_params(params)
        if error is not None:
            return [self._refusal(error, request, now_ns)]
        frames = []
        for symbol in params.symbol:
            subscribed = self._subscribed(params.channel)
            matches = symbol in subscribed and (
                params.channel != "book" or self._books[symbol] == params.depth
            )
            if not matches:
                frames.append(self._refusal("Subscription Not Found", request, now_ns, symbol))
                continue
            self._drop(params.channel, symbol)
            result: dict[str, Any] = {"channel": params.channel, "symbol": symbol}
            if params.channel == "book":
                result["depth"] = params.depth
            frames.append(self._acknowledgement(request, result, now_ns, FrameKind.UNSUBSCRIBED))
        return frames

    def _bad_params(self, params: _Params) -> str | None:
        """Why the venue refuses the request as a whole, None if it does not."""
        if params.channel not in _DATA_CHANNELS:
            return "Channel not supported" if params.channel else "Channel field missing"
        if params.channel == "book" and params.depth not in DEPTHS:
            return "Subscription depth not supported"
        if params.channel == "ticker" and params.event_trigger not in TRIGGERS:
            return "Event trigger not supported"
        return None if params.symbol else "Symbol(s) not found"

    def _subscribed(self, channel: str | None) -> Container[str]:
        match channel:
            case "book":
                return self._books
            case "trade":
                return self._trades
            case _:
                return self._tickers

    def _drop(self, channel: str | None, symbol: str) -> None:
        if channel == "trade":
            self._trades.discard(symbol)
        else:
            (self._books if channel == "book" else self._tickers).pop(symbol)

    # --- replies, keys in alphabetical order as the venue sends them

    def _acknowledgement(
        self, request: _Request, result: dict[str, Any], now_ns: int, kind: FrameKind
    ) -> Outgoing:
        if kind is FrameKind.SUBSCRIBED and self._heartbeat_ns is None:
            self._heartbeat_ns = now_ns + _HEARTBEAT_NS
        body = {"method": request.method, "result": result, "success": True, **self._times(now_ns)}
        return Outgoing(
            _reply(body, request), kind, result["channel"], result.get("symbol"), result.get("depth")
        )

    def _refusal(
        self, text: str, request: _Request | None, now_ns: int, symbol: str | None = None
    ) -> Outgoing:
        body: dict[str, Any] = {"error": text, "success": False, **self._times(now_ns)}
        if request is not None:
            body["method"] = request.method
        if symbol is not None:
            body["symbol"] = symbol
        return Outgoing(_reply(body, request), FrameKind.CONTROL)

    def _pong(self, request: _Request, now_ns: int) -> Outgoing:
        return Outgoing(_reply({"method": "pong", **self._times(now_ns)}, request), FrameKind.CONTROL)

    def _times(self, now_ns: int) -> dict[str, str]:
        wall_ns = self._front.clock(now_ns)
        return {"time_in": timestamp(wall_ns), "time_out": timestamp(wall_ns + _WORK_NS)}


def _reply(body: dict[str, Any], request: _Request | None) -> bytes:
    if request is not None and request.req_id is not None:
        body["req_id"] = request.req_id
    return encode_json(body)


_DATA_CHANNELS: Final = ("book", "trade", "ticker")
_requests: Final = msgspec.json.Decoder(_Request)
_CHECKSUM: Final = re.compile(rb'"checksum":([0-9]+)')
_entries: Final = msgspec.json.Decoder(list[_DataEntry])
_frames: Final = msgspec.json.Decoder(_DataFrame)


def _build(settings: None = None) -> Dialect:
    return KrakenDialect()


emulator_spec: Final = EmulatorSpec(
    name=VENUE,
    factory=_build,
    description="Kraken spot: WebSocket v2 (book, trade, ticker, instrument) and public REST",
)
