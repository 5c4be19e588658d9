"""The kits of file formats: they stand where the kit of a venue stands, and need no plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mm_framework.feed.config import VenueKit
from mm_framework.formats import binance_data, tardis

__all__ = ["FILE_KITS"]

FILE_KITS: Final[Mapping[str, VenueKit]] = {
    tardis.TARDIS: VenueKit(tardis.ADAPTER, tardis.TardisLines(), tardis.RULES),
    binance_data.ZIP: VenueKit(binance_data.ADAPTER, binance_data.BinanceLines(), binance_data.RULES),
    binance_data.RISING: VenueKit(
        binance_data.RISING_ADAPTER, binance_data.BinanceLines(), binance_data.RISING_RULES
    ),
}
"""Name of the format, which a log gives as its venue -> its kit."""
