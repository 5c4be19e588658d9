"""REST bodies: ``depth`` gives snapshots, ``exchangeInfo`` definitions, ``time`` the time; errors refuse.

    {"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}
    {"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[...]}]}
    {"serverTime":1499827319559}
    {"code":-1121,"msg":"Invalid symbol."}

Source: ``rest-api.md``, ``filters.md``, ``errors.md``, read 2026-11-21. A depth body does not name its
instrument: the request does. Increments are padded with zeros (``0.01000000``); 0 means no rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import UNSET

from mm_binance.events import Levels, Symbol
from mm_binance.markets import Market
from mm_binance.names import wire_name
from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, MessageWriter, MetadataDone, Refused
from mm_framework.errors import MMError
from mm_framework.model.fixed import decimals_of, parse, text

__all__ = ["decode", "server_time_ns"]

INVALID_SYMBOL: Final = -1121


class _Head(msgspec.Struct):
    lastUpdateId: Any = UNSET
    symbols: Any = UNSET
    code: int | None = None
    msg: str = "no reason given"


class _Time(msgspec.Struct):
    serverTime: int


class _Filter(msgspec.Struct):
    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None


class _Instrument(msgspec.Struct):
    symbol: Symbol
    baseAsset: str | None = None
    quoteAsset: str | None = None
    status: str | None = None
    contractStatus: str | None = None
    filters: list[_Filter] = []

    def info(self) -> InstrumentInfo:
        filters = {one.filterType: one for one in self.filters}
        price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
        tick, tick_decimals = _increment(price.tickSize if price else None)
        step, step_decimals = _increment(lot.stepSize if lot else None)
        return InstrumentInfo(
            self.symbol,
            self.baseAsset,
            self.quoteAsset,
            tick_size=tick,
            lot_size=step,
            price_decimals=tick_decimals,
            size_decimals=step_decimals,
            status=self.status or self.contractStatus,
        )


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Instrument]


_heads: Final = msgspec.json.Decoder(_Head)
_levels: Final = msgspec.json.Decoder(Levels)
_instruments: Final = msgspec.json.Decoder(_ExchangeInfo)


def decode(market: Market, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
    """Read a body by its shape. A snapshot whose instrument nobody tells is understood, and dropped.

    Raises msgspec.DecodeError when the body is no JSON document or a known one with wrong types.
    """
    try:
        head = _heads.decode(body)
    except msgspec.ValidationError:
        return FrameClass.UNKNOWN
    symbol = _symbol(market, meta)
    if head.lastUpdateId is not UNSET:
        levels = _levels.decode(body)
        if symbol is not None:
            levels.emit_book(symbol, out)
        return FrameClass.DATA
    if head.symbols is not UNSET:
        for instrument in _instruments.decode(body).symbols:
            out.control(instrument.info())
        out.control(MetadataDone())
        return FrameClass.CONTROL
    if head.code is None:
        return FrameClass.UNKNOWN
    if head.code == INVALID_SYMBOL and symbol is not None:
        out.control(Refused(head.msg, "depth", symbol))
    else:
        out.control(Refused(head.msg))
    return FrameClass.CONTROL


def _symbol(market: Market, meta: Mapping[str, Any]) -> str | None:
    """The instrument of a request: by its address, or as whoever keeps the record says."""
    asked = parse_qs(urlsplit(str(meta.get("url") or "")).query).get("symbol")
    if asked:
        return asked[0]
    instrument = meta.get("instrument")
    return wire_name(market, str(instrument).removeprefix(f"{market.venue}:")) if instrument else None


def _increment(written: str | None) -> tuple[str | None, int | None]:
    """``("0.01", 2)`` of ``0.01000000``; nothing of 0, which switches the rule off."""
    if written is None:
        return None, None
    try:
        decimals = decimals_of(written)
        shortest = text(parse(written, decimals), decimals)
        return (None, None) if shortest == "0" else (shortest, decimals_of(shortest))
    except MMError as error:
        raise msgspec.ValidationError(str(error)) from error


def server_time_ns(body: bytes) -> int | None:
    """The time of a ``time`` body; None for another one."""
    try:
        return msgspec.json.decode(body, type=_Time).serverTime * 1_000_000
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
