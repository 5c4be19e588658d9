"""Polymarket's frames behind one normalizer.

    decode(frame) -> "PONG", "NO NEW ASSETS"     -> control
                     one event, or a list        -> market_data, one typed decode
                     new_market, other events    -> one by one
    http(body)    -> books, market lists         -> rest

Unknown events and keys are tolerated everywhere: the venue adds some every month.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter, Pong, Refused
from mm_framework.errors import MalformedFrame
from mm_framework.model.fixed import BadNumber
from mm_polymarket import requests, rest
from mm_polymarket.market_data import EVENTS, decode_event, decode_frame
from mm_polymarket.markets import new_market
from mm_polymarket.names import VENUE
from mm_polymarket.shapes import SHAPES

__all__ = ["PolymarketNormalizer"]

_NOT_WIRE: Final = (msgspec.DecodeError, BadNumber, UnicodeDecodeError, RecursionError)
_WORDS: Final = re.compile(rb"[A-Z][A-Z ]{0,62}[A-Z]")
"""A frame that is a sentence of the venue's and no JSON."""

_PONG: Final = b"PONG"


class PolymarketNormalizer:
    """Implements `contracts.normalizer.Normalizer`; it holds no state, not even of a connection."""

    version = "1"
    shapes = SHAPES

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read one frame. Raises MalformedFrame for what the market channel does not allow."""
        if frame == _PONG:
            out.control(Pong())
            return FrameClass.CONTROL
        if _WORDS.fullmatch(frame) is not None:
            out.control(Refused(frame.decode()))
            return FrameClass.CONTROL
        try:
            try:
                events = decode_frame(frame)
            except msgspec.ValidationError:
                return _one_by_one(frame, out)
            return _classes([event.emit(out) for event in events])
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a frame of Polymarket: {error}", venue=VENUE) from error

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """Read back a subscription or a ping; anything else is ignored."""
        requested = requests.read(message)
        if requested is not None:
            out.control(requested)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """Read a REST body. Raises MalformedFrame if it is not JSON, or half a book."""
        try:
            return rest.decode(body, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a REST answer of Polymarket: {error}", venue=VENUE) from error


class _Head(msgspec.Struct):
    event_type: Any = None


_lists: Final = msgspec.json.Decoder(list[Raw])
_heads: Final = msgspec.json.Decoder(_Head)


def _one_by_one(frame: bytes, out: MessageWriter) -> FrameClass:
    """A frame with other events than those that are market data, or with a wrong one."""
    entries = _lists.decode(frame) if frame.lstrip()[:1] == b"[" else [Raw(frame)]
    return _classes([_event(entry, out) for entry in entries])


def _event(entry: Raw, out: MessageWriter) -> FrameClass:
    try:
        kind = _heads.decode(entry).event_type
    except msgspec.ValidationError:
        return FrameClass.UNKNOWN
    if kind == "new_market":
        market = new_market(entry)
        for info in market.infos() if market is not None else []:
            out.control(info)
        return FrameClass.CONTROL
    return decode_event(entry).emit(out) if kind in EVENTS else FrameClass.UNKNOWN


def _classes(found: list[FrameClass]) -> FrameClass:
    """Of a list: market data if there is any, else control; an empty list is an answer without books."""
    for kind in (FrameClass.DATA, FrameClass.CONTROL):
        if kind in found:
            return kind
    return FrameClass.UNKNOWN if found else FrameClass.CONTROL
