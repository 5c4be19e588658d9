"""Kraken's frames, both wire versions, behind one normalizer.

    decode(frame) -> "[" ...          -> normalizer_v1 (data of version 1)
                     market data      -> normalizer_v2 (book, trade, ticker), one typed decode
                     anything else    -> controls (status, acknowledgements, instruments, v1 events)

Version 2 is what is captured today; version 1 is frozen and read from old recordings (recorders moved
from one to the other on 2026-07-10). Frames of other products, such as futures, and channels that are
not listed here are `FrameClass.UNKNOWN`; unknown keys are tolerated everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_kraken import controls, normalizer_v1, normalizer_v2, requests, rest
from mm_kraken.names import VENUE
from mm_kraken.shapes import SHAPES

__all__ = ["KrakenNormalizer"]

_NOT_WIRE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class KrakenNormalizer:
    """Implements `contracts.normalizer.Normalizer`; it holds no state, not even of a connection."""

    version = "1"
    shapes = SHAPES

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read one frame. Raises MalformedFrame for what neither wire version allows."""
        try:
            if frame[:1] == b"[":
                return normalizer_v1.decode(frame, out)
            try:
                message = normalizer_v2.decode(frame)
            except msgspec.ValidationError as not_data:
                return controls.decode(frame, not_data, out)
            return message.emit(out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a frame of Kraken: {error}", venue=VENUE) from error

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """Read back a request of either wire version; anything else is ignored."""
        requested = requests.read(message)
        if requested is not None:
            out.control(requested)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """Read a REST body: AssetPairs gives definitions. Raises MalformedFrame if it is not JSON."""
        try:
            return rest.decode(body, out)
        except _NOT_WIRE as error:
            raise MalformedFrame(f"not a REST answer of Kraken: {error}", venue=VENUE) from error
