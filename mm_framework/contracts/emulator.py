"""The emulator contract: what a venue plugin says about its wire format, spoken over the core's market.

A `Dialect` describes a venue: which instruments it can list, which depths its books have. Its
`frontend` binds it to one market; the front end opens a `Session` for each connection. Sessions are
pure: they are given messages, market events and the time, and return frames. All times are
monotonic nanoseconds; a `VenueClock` turns them into what the venue stamps.

`emulator.venue.VenueEmulator` drives all of it, adds faults and keeps the truth log.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

import attrs

from mm_framework.errors import ConfigError

__all__ = [
    "DATA_KINDS",
    "Change",
    "Dialect",
    "FrameKind",
    "Frontend",
    "HttpReply",
    "Level",
    "Listing",
    "MarketEvent",
    "MarketView",
    "Outgoing",
    "Print",
    "Refusing",
    "Session",
    "Stream",
    "VenueClock",
    "closing",
    "notices_of",
]

Level = tuple[int, int]
"""``(price, size)`` at the listing's scales."""

Stream = tuple[str, str | None]
"""``(channel, symbol)``, the venue's names; a channel for all instruments has no symbol."""

VenueClock = Callable[[int], int]
"""The wall clock of the venue, ns since the epoch, at a monotonic time; faults may bend it."""


@attrs.frozen
class Listing:
    """An instrument as the venue lists it at a moment.

    ``price_scale`` and ``size_scale`` are the decimals of all integers of the emulator and never
    change; ``price_decimals`` and ``size_decimals`` are those that the wire shows, ``tick`` (price
    units) changes with ``price_decimals``. ``price`` is where the market starts, ``size`` a usual order;
    no price reaches ``ceiling`` (None: there is none).
    """

    symbol: str
    base: str
    quote: str
    price_scale: int
    size_scale: int
    price_decimals: int
    size_decimals: int
    tick: int
    price: int
    size: int
    ceiling: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.tick < 1 or self.size < 1 or self.price < 100 * self.tick:
            raise ConfigError(
                f"{self.symbol}: an emulated market needs a price of 100 ticks or more and a size of at "
                f"least 1 unit, found price {self.price}, tick {self.tick}, size {self.size}",
                key="symbol",
                value=self.symbol,
            )


class Change(NamedTuple):
    """A level's new absolute size (0: gone), in the order in which the book changed.

    ``rank`` counts from 0 at the best price: the place of the level after it was set, or before it
    went. ``revealed`` holds, for each declared depth that a removal opened, the level that moved in:
    ``(depth, price, size)``.
    """

    side: int
    price: int
    size: int
    rank: int
    revealed: tuple[tuple[int, int, int], ...] = ()


class Print(NamedTuple):
    """A trade. ``side`` is the taker's; numbers of an instrument are consecutive."""

    trade_id: int
    side: int
    price: int
    size: int
    time_ns: int
    limit_order: bool


class MarketEvent(NamedTuple):
    """What one action of one participant did: level changes, all on one side, and the trades of it.

    ``listing`` is set when the venue changed the listing (tick size), ``notice`` when it did one of the
    dialect's own `notices_of` (with the symbol of any instrument); then nothing else happened.
    """

    time_ns: int
    symbol: str
    changes: Sequence[Change]
    prints: Sequence[Print]
    listing: Listing | None = None
    notice: str | None = None


class MarketView(Protocol):
    """The market as a front end may read it: the state after the event that is being told."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """The instruments by symbol, in the order in which they were asked for."""
        ...

    def bids(self, symbol: str, n: int | None = None) -> list[Level]:
        """The best ``n`` buy levels (all when None), best first."""
        ...

    def asks(self, symbol: str, n: int | None = None) -> list[Level]:
        """The best ``n`` sell levels (all when None), best first."""
        ...

    def prints(self, symbol: str, n: int) -> list[Print]:
        """The last ``n`` trades, oldest first; the market starts with some that came before it."""
        ...


class FrameKind(enum.StrEnum):
    """What a frame is, for the truth log and for faults, which strike market data only.

    ``checksum`` is one in a frame of its own; a book's message may have one inside.
    """

    CONTROL = "control"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    HEARTBEAT = "heartbeat"
    METADATA = "metadata"
    SNAPSHOT = "snapshot"
    BOOK = "book"
    CHECKSUM = "checksum"
    TRADE = "trade"
    TICKER = "ticker"
    CLOSE = "close"


DATA_KINDS: Final = frozenset(
    {FrameKind.SNAPSHOT, FrameKind.BOOK, FrameKind.CHECKSUM, FrameKind.TRADE, FrameKind.TICKER}
)
"""Frames with market data."""


class Outgoing(NamedTuple):
    """A frame to send, with what the truth log and the faults need to know of it.

    ``channel`` and ``symbol`` name the stream of a data frame and of an acknowledgement; ``depth`` is
    a book subscription's; ``checksum`` is where the digits of the checksum, or of the SHA-1 of the book,
    stand in the payload, as ``(start, end)``. An empty acknowledgement is not sent: it tells of a
    subscription to a venue that does not answer.
    """

    payload: bytes
    kind: FrameKind
    channel: str | None = None
    symbol: str | None = None
    depth: int | None = None
    trade_ids: tuple[int, ...] = ()
    checksum: tuple[int, int] | None = None


def closing(code: int, reason: str = "") -> Outgoing:
    """What a session says last: the venue closes the connection, after all that was sent before."""
    return Outgoing(f"{code} {reason}".encode(), FrameKind.CLOSE)


@attrs.frozen
class HttpReply:
    """The answer to a REST request."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class Session(Protocol):
    """One connection, from the venue's side."""

    def opened(self, now_ns: int) -> list[Outgoing]:
        """What the venue sends unasked on a new connection."""
        ...

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        """The answer to a message: acknowledgements, refusals, snapshots, pongs."""
        ...

    def event(self, event: MarketEvent) -> list[Outgoing]:
        """What this connection is told of a market event. Called after `Frontend.observe`."""
        ...

    def next_timer_ns(self) -> int | None:
        """When `timer` wants to be called, None for never."""
        ...

    def timer(self, now_ns: int) -> list[Outgoing]:
        """What is due at ``now_ns``: heartbeats, batches."""
        ...


class Frontend(Protocol):
    """A dialect bound to one market; what all connections share stands here."""

    def observe(self, event: MarketEvent) -> None:
        """See an event before the sessions do, once: the place to encode what they share."""
        ...

    def session(self, connection: int) -> Session:
        """A new connection."""
        ...

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request; whatever the venue does with a bad one is an answer, too."""
        ...


@runtime_checkable
class Refusing(Protocol):
    """A front end that knows how its venue refuses REST requests; beside `Frontend`, and optional."""

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """The answer to a request that is refused for ``wait_s``: as 429, 418 (a ban) or 503 mean it."""
        ...


class Dialect(Protocol):
    """A venue's wire format, from the venue's side.

    A dialect whose venue does more by itself than trade may have ``notices``, a mapping of names to
    meanings: each is a fault that can be asked for, and comes to its sessions as `MarketEvent.notice`.
    """

    @property
    def venue(self) -> str:
        """The venue's name, as in instrument ids."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """The WebSocket paths, the usual one first."""
        ...

    @property
    def depths(self) -> tuple[int, ...]:
        """Levels a side that book subscriptions may ask for; empty when books are not cut.

        The market tells for these what a removal reveals.
        """
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is listed unless other instruments are asked for."""
        ...

    def listing(self, symbol: str) -> Listing:
        """An instrument to emulate, by any of the venue's names for it. Raises ConfigError."""
        ...

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> Frontend:
        """Bind the dialect to a market. ``seed`` starts whatever it draws itself."""
        ...

    def recorded(self, frame: bytes) -> Outgoing | None:
        """What a recorded frame with market data or metadata is, None for all others (playback)."""
        ...


def notices_of(dialect: Dialect) -> Mapping[str, str]:
    """What a dialect's venue may do by itself: names and meanings, none unless it says so."""
    notices: Mapping[str, str] = getattr(dialect, "notices", {})
    return notices
