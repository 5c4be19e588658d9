"""Binance's frames, raw and combined, and REST bodies, behind one normalizer for all markets.

    {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate", ...}}    combined
    {"e":"depthUpdate", ...}                                            raw
    {"result":null,"id":1}                                              an answer

``e`` names the event; the best prices of spot have none and are known by their keys. Streams of the
best levels (``@depth5``, ``@depth10``, ``@depth20``) look like a snapshot on spot and like an update on
futures: only the name of the stream tells, and they never touch the book. Their best prices are told
as a ticker. Events that are not listed here are `FrameClass.UNKNOWN`; unknown keys are tolerated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import UNSET, Raw, UnsetType

from mm_binance import requests, rest
from mm_binance.events import AggTrade, BookTicker, Depth, Levels, PartialDepth, Trade, best
from mm_binance.markets import Market
from mm_binance.names import PARTIAL, channel_of
from mm_binance.requests import Answer
from mm_binance.shapes import shapes_of_market
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, GoingAway, MessageWriter
from mm_framework.errors import MalformedFrame

__all__ = ["BinanceNormalizer"]

_NOT_WIRE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_Event: TypeAlias = Depth | Trade | AggTrade | BookTicker


class _Head(msgspec.Struct):
    """The keys that tell what an object is."""

    stream: Any = UNSET
    data: Raw | UnsetType = UNSET
    e: Any = UNSET
    u: Any = UNSET
    lastUpdateId: Any = UNSET
    result: Any = UNSET
    error: Any = UNSET
    code: Any = UNSET


_heads: Final = msgspec.json.Decoder(_Head)
_answers: Final = msgspec.json.Decoder(Answer)
_levels: Final = msgspec.json.Decoder(Levels)
_partial: Final = msgspec.json.Decoder(PartialDepth)
_tickers: Final = msgspec.json.Decoder(BookTicker)


class BinanceNormalizer:
    """Implements `contracts.normalizer.Normalizer` for one market.

    Of a connection it keeps the requests that have no answer yet.
    """

    version = "1"

    def __init__(self, market: Market) -> None:
        self.market = market
        self.shapes = shapes_of_market(market)
        events: dict[str, type[_Event]] = {
            "depthUpdate": Depth,
            "aggTrade": AggTrade,
            "bookTicker": BookTicker,
        }
        if not market.futures:
            events["trade"] = Trade
        self._events = {name: msgspec.json.Decoder(form) for name, form in events.items()}

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read one frame. Raises MalformedFrame for what the venue's rules do not allow."""
        try:
            head = _head(frame)
            if head is None:
                return FrameClass.UNKNOWN
            if head.e is UNSET and head.u is UNSET:
                if isinstance(head.data, Raw):
                    inner = bytes(head.data)
                    return self._event(inner, _head(inner), str(head.stream), out)
                if not (head.result is head.error is head.code is UNSET):
                    return _answers.decode(frame).emit(connection, out)
            stream = _only_stream(connection.url) if _may_be_partial(head) else ""
            return self._event(frame, head, stream, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a frame of Binance: {error}", venue=self.market.venue) from error

    def _event(self, event: bytes, head: _Head | None, stream: str, out: MessageWriter) -> FrameClass:
        if head is None:
            return FrameClass.UNKNOWN
        partial = PARTIAL.fullmatch(stream)
        if head.e is UNSET:
            return _quiet(event, head, partial[2] if partial else None, stream, out)
        if partial and self.market.futures and head.e == "depthUpdate":
            shown = _partial.decode(event)
            best(shown, partial[2], shown.symbol, out)
            return FrameClass.DATA
        if head.e == "serverShutdown":
            out.control(GoingAway("serverShutdown"))
            return FrameClass.CONTROL
        decoder = self._events.get(head.e) if isinstance(head.e, str) else None
        if decoder is None:
            return FrameClass.UNKNOWN
        decoder.decode(event).emit(out)
        return FrameClass.DATA

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """Read back a request; anything else is ignored."""
        requests.sent(message, connection, out)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """Read a REST body: depth, exchangeInfo, errors. Raises MalformedFrame if it is not JSON."""
        try:
            return rest.decode(self.market, meta, body, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a REST answer of Binance: {error}", venue=self.market.venue) from error


def _head(frame: bytes) -> _Head | None:
    """The keys of an object, None for another JSON document. Raises msgspec.DecodeError for none at all."""
    try:
        return _heads.decode(frame)
    except msgspec.ValidationError:
        msgspec.json.decode(frame)
        return None


def _quiet(event: bytes, head: _Head, partial: str | None, stream: str, out: MessageWriter) -> FrameClass:
    """An event of spot without ``e``."""
    if head.u is not UNSET:
        _tickers.decode(event).emit(out)
        return FrameClass.DATA
    named = channel_of(stream)
    if head.lastUpdateId is UNSET or partial is None or named is None:
        return FrameClass.UNKNOWN
    best(_levels.decode(event), partial, named[1], out)
    return FrameClass.DATA


def _may_be_partial(head: _Head) -> bool:
    return head.lastUpdateId is not UNSET or head.e == "depthUpdate"


def _only_stream(url: str) -> str:
    """The stream of a raw connection that has only one: ``/ws/btcusdt@depth20``."""
    _, found, names = urlsplit(url).path.rpartition("/ws/")
    return unquote(names) if found and "/" not in names else ""
