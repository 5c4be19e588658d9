"""The history contract: what an adapter offers besides, when its venue tells the past over REST.

    cursor = source.history_begin(query)
    while cursor is not None:
        page = source.read_history(query, cursor, fetch(source.history_request(query, cursor)))
        cursor = page.cursor

Pure: the caller fetches, and may go on from a cursor that it kept. A source asks for what the query wants;
it may tell rows outside of it and rows twice, and need not keep an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol, runtime_checkable

import attrs

from mm_framework.contracts.adapter import HttpRequest

__all__ = [
    "INTERVALS_MS",
    "Candle",
    "HistoryKind",
    "HistoryPage",
    "HistoryQuery",
    "HistorySource",
    "PastTrade",
]

HistoryKind = Literal["candles", "trades"]

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

INTERVALS_MS: Final[Mapping[str, int]] = {
    "1s": 1000,
    **{f"{count}m": count * _MINUTE for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": count * _HOUR for count in (1, 2, 3, 4, 6, 8, 12)},
    **{f"{count}d": count * _DAY for count in (1, 3, 7)},
}
"""Lengths of candles, ms. They begin at multiples of their length, counted from 1970, UTC."""


@attrs.frozen
class Candle:
    """The trades of an interval that begins at ``ts_ms``; numbers are decimal texts."""

    ts_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


@attrs.frozen
class PastTrade:
    """A trade as the venue keeps it. ``id``: stable, the same whenever it is asked for.

    ``side``: of the aggressor, ``buy`` or ``sell``, empty where the venue does not tell.
    """

    ts_ns: int
    id: str
    price: str
    size: str
    side: str


@attrs.frozen
class HistoryQuery:
    """What is asked for: from ``from_ms`` until before ``to_ms``; ``interval`` of candles, a key of
    `INTERVALS_MS`.
    """

    kind: HistoryKind
    instrument: str
    from_ms: int
    to_ms: int
    interval: str = ""

    @property
    def interval_ms(self) -> int:
        """The length of a candle."""
        return INTERVALS_MS[self.interval]


@attrs.frozen
class HistoryPage:
    """An answer. ``cursor``: where to go on, None at the end."""

    candles: tuple[Candle, ...] = ()
    trades: tuple[PastTrade, ...] = ()
    cursor: str | None = None


@runtime_checkable
class HistorySource(Protocol):
    """An adapter whose venue tells its past.

    ``history_intervals``: the candles that it has; none: it has no candles. ``history_unbroken``: it tells
    candles without trades, too. ``history_page``: rows that a page of trades has at most.
    """

    history_intervals: tuple[str, ...]
    history_unbroken: bool
    history_page: int

    def history_begin(self, query: HistoryQuery) -> str:
        """The cursor of the first page."""
        ...

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        """The request for a page."""
        ...

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        """Read its answer. Raises MalformedFrame, or VenueRefused for the venue's own error."""
        ...
