"""REST bodies: lists of pairs, the platform's status, errors; other answers are not read.

    [[["1INCH:USD",[null,null,null,"2.0","15000.0",null,...]],...]]      /v2/conf/pub:info:pair
    [["AAVE:USD","BTCUSD",...]]                                          /v2/conf/pub:list:pair:exchange
    [1]                                                                  /v2/platform/status
    ["error",11010,"ratelimit: error"]       {"error":"ERR_RATE_LIMIT"}

Source: docs.bitfinex.com, REST ``conf``, ``platform/status``, read 2026-11-21. Several maps asked for at
once come as one array each. No answer tells a tick: it follows from the price, five significant digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mm_bitfinex.names import split_pair
from mm_framework.contracts.normalizer import (
    FrameClass,
    InstrumentInfo,
    MessageWriter,
    Refused,
    VenueStatus,
)

__all__ = ["decode"]


def decode(body: bytes, out: MessageWriter) -> FrameClass:
    """Read a body by its shape. Raises msgspec.DecodeError when it is not a JSON document."""
    match msgspec.json.decode(body):
        case ["error", int(code), str(text), *_]:
            out.control(Refused(f"{text} ({code})"))
        case {"error": str(text)}:
            out.control(Refused(text))
        case [0 | 1 as status]:
            out.control(VenueStatus("operative" if status else "maintenance", online=bool(status)))
        case [list(), *_] as maps:
            pairs = [pair for one in maps for pair in _pairs(one)]
            for pair in pairs:
                base, quote = split_pair(pair) or (None, None)
                out.control(InstrumentInfo(f"t{pair}", base, quote))
            return FrameClass.CONTROL if pairs else FrameClass.UNKNOWN
        case _:
            return FrameClass.UNKNOWN
    return FrameClass.CONTROL


def _pairs(entries: Any) -> Iterator[str]:
    """The pairs of a map: its strings, or the first elements of its rows. Currencies are none."""
    for entry in entries if isinstance(entries, list) else ():
        name = (
            entry[0] if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[1], list) else entry
        )
        if isinstance(name, str) and name.upper() == name and split_pair(name) is not None:
            yield name
