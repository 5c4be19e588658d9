"""The normalizer contract: bytes of a venue in, messages, rows and control events out. Pure.

`Feed` calls ``decode`` once a frame with a writer. The normalizer opens a message for each
instrument (``begin``), writes its levels, trades or tops with the number text as the venue wrote it,
and closes it (``end``); what is not market data becomes a control event. When it raises, nothing of
the frame remains: there are no partial rows.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

from mm_framework.contracts.shapes import Shape
from mm_framework.model.events import NULL

__all__ = [
    "Alive",
    "ConnectionInfo",
    "Control",
    "Ended",
    "FrameClass",
    "GoingAway",
    "InstrumentInfo",
    "MessageWriter",
    "MetadataDone",
    "Normalizer",
    "Pong",
    "Refused",
    "Requested",
    "Subscribed",
    "VenueStatus",
    "shapes_of",
]


class FrameClass(enum.IntEnum):
    """What a frame was; the counts of a run use it."""

    DATA = 1
    CONTROL = 2
    HEARTBEAT = 3
    UNKNOWN = 4


@attrs.frozen
class Subscribed:
    """The venue acknowledged a subscription (or, with ``active`` False, its end).

    ``time_in_ns``, ``time_out_ns``: the venue's clock when it got and answered the request, or None.
    """

    channel: str
    venue_symbol: str | None
    active: bool = True
    depth: int | None = None
    req_id: int | None = None
    time_in_ns: int | None = None
    time_out_ns: int | None = None


@attrs.frozen
class Refused:
    """The venue refused a request; ``text`` is its own sentence, ``active`` as in Subscribed."""

    text: str
    channel: str | None = None
    venue_symbol: str | None = None
    active: bool = True
    req_id: int | None = None


@attrs.frozen
class Requested:
    """A message that we sent, read back: a subscription request (``channel``) or a ping (None).

    ``active`` False: it asked for the end of the subscription.
    """

    channel: str | None
    venue_symbols: tuple[str, ...] = ()
    depth: int | None = None
    req_id: int | None = None
    active: bool = True


@attrs.frozen
class Pong:
    """The answer to an application ping."""

    req_id: int | None = None
    time_in_ns: int | None = None
    time_out_ns: int | None = None


@attrs.frozen
class Alive:
    """A subscription goes on, and has nothing new to say (a heartbeat of its own)."""

    channel: str
    venue_symbol: str


@attrs.frozen
class VenueStatus:
    """The state of the venue (or, with ``venue_symbol``, of an instrument); ``online`` if it trades."""

    text: str
    online: bool
    venue_symbol: str | None = None


@attrs.frozen
class Ended:
    """The venue trades an instrument no more: its book ends. ``text``: its words."""

    text: str
    venue_symbol: str


@attrs.frozen
class GoingAway:
    """The venue will end this connection: connect again before that. ``text`` is its own word for it.

    ``anew``: it wants every subscription anew, what the connection still says is not to be built upon.
    """

    text: str
    anew: bool = False


@attrs.frozen
class InstrumentInfo:
    """Metadata of one instrument; texts are exact decimals, None where the venue does not say."""

    venue_symbol: str
    base: str | None = None
    quote: str | None = None
    tick_size: str | None = None
    lot_size: str | None = None
    price_decimals: int | None = None
    size_decimals: int | None = None
    status: str | None = None


@attrs.frozen
class MetadataDone:
    """All definitions that the metadata request asked for have arrived."""


Control = (
    Subscribed
    | Refused
    | Requested
    | Pong
    | Alive
    | VenueStatus
    | Ended
    | GoingAway
    | InstrumentInfo
    | MetadataDone
)


@attrs.define
class ConnectionInfo:
    """What a normalizer may know of the connection.

    ``url`` as opened (empty when an import does not tell), ``memo`` the normalizer's own table of
    this connection (channel numbers, negotiated flags): JSON values only, it goes into checkpoints.
    """

    index: int
    url: str
    memo: dict[str, Any] = attrs.field(factory=dict)


class MessageWriter(Protocol):
    """What `Feed` gives a normalizer to write to."""

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """Open a message for an instrument on a channel (its base name, such as ``book``).

        ``wire``: the text that stands for it in frames of this connection, where that is not its name (a
        channel number); the scanner learns it from here. False when the run does not follow the
        instrument: write nothing and do not ``end``.
        """
        ...

    def level(self, side: int, price: str, size: str) -> None:
        """A level's new absolute size (0 removes it), numbers as the venue wrote them."""
        ...

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """A print; ``side`` is the aggressor's (1 buy, -1 sell, 0 unsaid), ``order_type`` the venue's word
        for the aggressor's order, for files that repeat it.
        """
        ...

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """Best prices of a ticker; None price: no such side, None size: not told."""
        ...

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
        digest: str | None = None,
        time_text: str | None = None,
    ) -> None:
        """Close the message. ``depth`` when the frame itself names the subscription's depth; ``digest``
        is the venue's hash of the book after it, for `sync_engine.HashCheck`; ``time_text`` the time of a
        ticker as the venue wrote it, for files that repeat it.
        """
        ...

    def sequence(self, number: int) -> None:
        """The number of this frame on its connection, where frames are numbered."""
        ...

    def control(self, event: Control) -> None:
        """Report what is not market data."""
        ...


class Normalizer(Protocol):
    """A venue's wire format. ``version`` changes whenever the same frame gives other rows.

    It may have an attribute ``shapes``, a sequence of `contracts.shapes.Shape`: its hot frames as data,
    for compiled kernels.
    """

    version: str

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read one frame. Raises MalformedFrame for what the venue's rules do not allow."""
        ...

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """Read back a message that we (or a recorder) sent; what it does not know it ignores."""
        ...

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """Read the body of an HTTP answer. Raises MalformedFrame."""
        ...


def shapes_of(normalizer: Normalizer) -> Sequence[Shape]:
    """The shapes that a normalizer declares; none when it has no such attribute."""
    shapes: Sequence[Shape] = getattr(normalizer, "shapes", ())
    return shapes
