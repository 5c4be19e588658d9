"""Instruments: ids, and definitions with their scales, ticks and display precision.

An id is ``venue:SYMBOL`` (``kraken:BTC/EUR``). A definition is one row of ``instruments.ndjson``: it
holds from its first message until the next definition of the same id. Scales never change under an
instrument number; tick, lot and display precision may, by a new definition of the same number.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from mm_framework.errors import ConfigError

__all__ = ["SHARD_SHIFT", "Definition", "parse_id", "shard_of"]

SHARD_SHIFT: Final = 16
"""Numbers and definition indexes carry their shard in the upper 16 bits: unique in a run without talk."""

_ID = re.compile(r"([a-z][a-z0-9-]*):(\S{1,128})")


def parse_id(instrument_id: str) -> tuple[str, str]:
    """``("kraken", "BTC/EUR")`` of ``kraken:BTC/EUR``. Raises ConfigError on anything else."""
    match = _ID.fullmatch(instrument_id)
    if match is None:
        raise ConfigError(
            f"instrument {instrument_id!r} is not of the form venue:SYMBOL, such as kraken:BTC/EUR",
            key="instrument",
            value=instrument_id,
        )
    return match[1], match[2]


def shard_of(number: int) -> int:
    """The shard that an instrument number or a definition index belongs to."""
    return number >> SHARD_SHIFT


@attrs.frozen
class Definition:
    """An instrument as it is known from one message on.

    ``price_scale``, ``size_scale``: decimals of the stored integers. ``tick_size``, ``lot_size``:
    exact decimal text, None if unknown. ``price_decimals``, ``size_decimals``: the display precision
    that checksums print, None if unknown; ``precision`` says where it comes from: ``metadata``,
    ``learned`` (the least pair under which a checksum held), ``assumed`` (the decimals seen) or
    ``unknown``. ``depth``: levels a side that the venue keeps on the subscription; consumers of rows
    cut the book to it after each whole message; None keeps all. ``valid_from_ns``: mono_ns.
    """

    index: int
    number: int
    id: str
    venue_symbol: str
    price_scale: int
    size_scale: int
    base: str | None = None
    quote: str | None = None
    tick_size: str | None = None
    lot_size: str | None = None
    price_decimals: int | None = None
    size_decimals: int | None = None
    precision: str = "unknown"
    depth: int | None = None
    status: str | None = None
    valid_from_ns: int = 0

    def as_json(self) -> dict[str, Any]:
        """The line of ``instruments.ndjson``."""
        return attrs.asdict(self)
