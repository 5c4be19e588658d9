"""REST bodies: ``/0/public/AssetPairs`` gives instruments; other answers are not read.

    {"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,...}}}

Errors come with HTTP 200 and a non-empty ``error``. Source: docs.kraken.com, REST ``AssetPairs``, read
2026-11-21. ``pair_decimals`` is the tick, not what checksums print: on 2021-04-17 XMR/USD had 2 and
WebSocket v1 wrote 8. So display precision stays untold here and is learned from the first checksum.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, MessageWriter, Refused
from mm_framework.model.fixed import MAX_SCALE, text
from mm_kraken.names import split_pair

__all__ = ["decode"]

_Decimals = Annotated[int, Meta(ge=0, le=MAX_SCALE)]


class _Pair(msgspec.Struct):
    altname: str
    pair_decimals: _Decimals
    lot_decimals: _Decimals
    wsname: str | None = None
    tick_size: str | None = None
    status: str | None = None

    def info(self, name: str) -> InstrumentInfo:
        base, quote = split_pair(name) or (None, None)
        return InstrumentInfo(
            name,
            base,
            quote,
            tick_size=self.tick_size or text(1, self.pair_decimals),
            lot_size=text(1, self.lot_decimals),
            status=self.status,
        )


class _Answer(msgspec.Struct):
    error: list[str] = []


class _AssetPairs(msgspec.Struct):
    result: dict[str, _Pair]


_answers: Final = msgspec.json.Decoder(_Answer)
_asset_pairs: Final = msgspec.json.Decoder(_AssetPairs)


def decode(body: bytes, out: MessageWriter) -> FrameClass:
    """Read a body by its shape. Pairs without a WebSocket name (dark pools) are left out.

    Raises msgspec.DecodeError when the body is not a JSON document.
    """
    try:
        errors = _answers.decode(body).error
        if errors:
            out.control(Refused("; ".join(errors)))
            return FrameClass.CONTROL
        pairs = _asset_pairs.decode(body).result
    except msgspec.ValidationError:
        return FrameClass.UNKNOWN
    for pair in pairs.values():
        if pair.wsname is not None:
            out.control(pair.info(pair.wsname))
    return FrameClass.CONTROL
