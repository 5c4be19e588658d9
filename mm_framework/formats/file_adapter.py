"""What stands in the place of a venue's adapter when nothing is asked for: frames are lines of a file.

Names come with the log: its CONTROL records say which instrument a symbol of the file is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs

from mm_framework.contracts.adapter import Channel, Subscription, VenueLimits
from mm_framework.model.instrument import parse_id

__all__ = ["FileAdapter"]

_NEVER_S: Final = 1e9


@attrs.define(slots=False)
class FileAdapter:
    """Implements `contracts.adapter.Adapter` for a file format of the name ``venue``."""

    venue: str
    channels: tuple[Channel, ...]
    limits: VenueLimits = attrs.Factory(VenueLimits)
    url: str = ""
    idle_timeout_s: float = _NEVER_S
    ping_interval_s: float | None = None
    metadata_first: bool = False

    def instrument_id(self, venue_symbol: str) -> str:
        """The format and the symbol: the log names instruments before they appear, and this one not."""
        return f"{self.venue}:{venue_symbol}"

    def venue_symbol(self, instrument_id: str) -> str:
        """The symbol of an id."""
        return parse_id(instrument_id)[1]

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        """A symbol alone does not tell; the log may."""
        return None

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        """10 decimals of price, 14 below 1; of size fewer the cheaper it is, for sizes grow with it."""
        price = Decimal(first_price) if first_price is not None else Decimal(1)
        return 10 if price >= 1 else 14, 8 if price >= 1 else 5 if price >= Decimal("0.001") else 3

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        """No file says how many levels it keeps."""
        return None

    def metadata_request(self, req_id: int) -> list[bytes]:
        """Nothing."""
        return []

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """Nothing."""
        return []

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        """Nothing."""
        return []

    def ping(self, req_id: int) -> bytes | None:
        """None."""
        return None
