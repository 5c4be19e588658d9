"""Bitfinex's frames behind one normalizer.

    decode(frame) -> "[" ...          -> frames (book, trades, ticker, checksums, heartbeats)
                     anything else    -> controls (info, conf, acknowledgements, errors, pongs)

What a channel number stands for and which fields an array has is agreed on each connection anew: see
`table`. Channels that are not followed here (raw books R0, funding, candles, status) and account
messages are `FrameClass.UNKNOWN`; unknown fields are tolerated everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mm_bitfinex import controls, frames, requests, rest
from mm_bitfinex.names import VENUE
from mm_bitfinex.shapes import SHAPES
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame

__all__ = ["BitfinexNormalizer"]

_NOT_WIRE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class BitfinexNormalizer:
    """Implements `contracts.normalizer.Normalizer`; all its state is the connection's ``memo``."""

    version = "1"
    shapes = SHAPES

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read one frame. Raises MalformedFrame for what the wire format does not allow."""
        read = frames.decode if frame[:1] == b"[" else controls.decode
        try:
            return read(frame, connection.memo, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a frame of Bitfinex: {error}", venue=VENUE) from error

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """Read back a request; anything else is ignored."""
        requested = requests.read(message, connection.memo)
        if requested is not None:
            out.control(requested)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """Read a REST body: lists of pairs, status, errors. Raises MalformedFrame if it is not JSON."""
        try:
            return rest.decode(body, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a REST answer of Bitfinex: {error}", venue=VENUE) from error
