"""What is not market data: status, acknowledgements, refusals, pongs, instruments; events of version 1.

    {"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"ALGO/USD"},
     "success":true,"time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z","req_id":7}

Source: docs.kraken.com, WebSocket v2 ``status``, ``instrument``, ``ping`` and the acknowledgements of
``book``, ``trade``, ``ticker``; WebSocket v1 ``systemStatus``, ``subscriptionStatus``; read 2026-11-21.
Wording of refusals varies: it is handed on, never matched. Warnings of an acknowledgement
(``result.warnings``) are not errors and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

from mm_framework.contracts.normalizer import (
    FrameClass,
    InstrumentInfo,
    MessageWriter,
    MetadataDone,
    Pong,
    Refused,
    Subscribed,
    VenueStatus,
)
from mm_framework.errors import MalformedFrame, MMError
from mm_framework.model.fixed import MAX_SCALE, decimals_of, parse, text
from mm_kraken.names import VENUE
from mm_kraken.normalizer_v2 import DATA_CHANNELS, Symbol, number
from mm_kraken.times import rfc3339_ns

__all__ = ["decode"]

_Decimals = Annotated[int, Meta(ge=0, le=MAX_SCALE)]
_T = TypeVar("_T")


class _Head(msgspec.Struct):
    """The keys that tell what an object is; futures say ``feed`` and are of another product."""

    channel: Any = None
    method: Any = None
    event: Any = None
    feed: Any = None
    error: Any = None
    bare_error: Any = msgspec.field(default=None, name="Error")


class _Channels(msgspec.Struct):
    channel: str | None = None
    symbol: Symbol | None = None
    depth: int | None = None


class _Answer(msgspec.Struct):
    """The answer to a request of version 2."""

    success: bool = True
    error: str | None = None
    result: _Channels | None = None
    symbol: Symbol | None = None
    req_id: int | None = None
    time_in: str | None = None
    time_out: str | None = None

    def times(self) -> tuple[int | None, int | None]:
        return _time_ns(self.time_in), _time_ns(self.time_out)


class _System(msgspec.Struct):
    system: str


class _Status(msgspec.Struct):
    data: list[_System]


class _Pair(msgspec.Struct):
    symbol: Symbol
    base: str | None = None
    quote: str | None = None
    status: str | None = None
    price_precision: _Decimals | None = None
    qty_precision: _Decimals | None = None
    price_increment: Raw = Raw(b"null")
    qty_increment: Raw = Raw(b"null")

    def info(self) -> InstrumentInfo:
        return InstrumentInfo(
            self.symbol,
            self.base,
            self.quote,
            tick_size=_increment(self.price_increment),
            lot_size=_increment(self.qty_increment),
            price_decimals=self.price_precision,
            size_decimals=self.qty_precision,
            status=self.status,
        )


class _Pairs(msgspec.Struct):
    pairs: list[_Pair] = []


class _Instruments(msgspec.Struct):
    type: Literal["snapshot", "update"]
    data: _Pairs


class _Subscription(msgspec.Struct):
    name: str | None = None
    depth: int | None = None


class _EventV1(msgspec.Struct):
    status: str | None = None
    pair: Symbol | None = None
    subscription: _Subscription = msgspec.field(default_factory=_Subscription)
    reqid: int | None = None
    message: str = msgspec.field(default="no reason given", name="errorMessage")


_head: Final = msgspec.json.Decoder(_Head)


def decode(frame: bytes, not_data: msgspec.ValidationError, out: MessageWriter) -> FrameClass:
    """Read a JSON document that is no market data; ``not_data`` says why.

    Raises ``not_data`` again for a frame of a data channel; MalformedFrame, msgspec.DecodeError.
    """
    head = _head.decode(frame)
    if isinstance(head.channel, str) and head.channel in DATA_CHANNELS:
        raise not_data
    if head.channel is not None:
        read = _CHANNELS.get(str(head.channel))
    elif head.method is not None:
        read = _METHODS.get(str(head.method), _refusal if head.error else None)
    elif head.event is not None:
        read = None if head.feed is not None else _EVENTS_V1.get(str(head.event))
    else:
        read = _refusal if isinstance(head.bare_error or head.error, str) else None
    return read(frame, head, out) if read else FrameClass.UNKNOWN


def _as(frame: bytes, form: type[_T]) -> _T:
    return msgspec.json.decode(frame, type=form)


def _status(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    """Only ``online`` trades normally: in other states the book may stand still or look crossed."""
    for entry in _as(frame, _Status).data:
        out.control(VenueStatus(entry.system, online=entry.system == "online"))
    return FrameClass.CONTROL


def _instruments(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    message = _as(frame, _Instruments)
    for pair in message.data.pairs:
        out.control(pair.info())
    if message.type == "snapshot":
        out.control(MetadataDone())
    return FrameClass.CONTROL


def _acknowledgement(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    answer = _as(frame, _Answer)
    active = head.method == "subscribe"
    told = answer.result or _Channels()
    symbol = told.symbol or answer.symbol
    if not answer.success:
        why = answer.error or "no reason given"
        out.control(Refused(why, told.channel, symbol, active=active, req_id=answer.req_id))
    elif told.channel is None:
        raise MalformedFrame("an acknowledgement that names no channel", venue=VENUE)
    else:
        times = answer.times()
        out.control(Subscribed(told.channel, symbol, active, told.depth, answer.req_id, *times))
    return FrameClass.CONTROL


def _pong(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    answer = _as(frame, _Answer)
    out.control(Pong(answer.req_id, *answer.times()))
    return FrameClass.CONTROL


def _refusal(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    """``{"Error":"Exceeded msg rate"}``, or an error that names no request that we make."""
    req_id = _as(frame, _Answer).req_id if head.bare_error is None else None
    out.control(Refused(str(head.bare_error or head.error), req_id=req_id))
    return FrameClass.CONTROL


def _heartbeat_v1(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    return FrameClass.HEARTBEAT


def _system_v1(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    status = _as(frame, _EventV1).status or "unknown"
    out.control(VenueStatus(status, online=status == "online"))
    return FrameClass.CONTROL


def _subscription_v1(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    event = _as(frame, _EventV1)
    name, depth = event.subscription.name, event.subscription.depth
    if event.status == "error" or name is None:
        out.control(Refused(event.message, name, event.pair, req_id=event.reqid))
    else:
        active = event.status == "subscribed"
        out.control(Subscribed(name, event.pair, active, depth, event.reqid))
    return FrameClass.CONTROL


def _pong_v1(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    out.control(Pong(_as(frame, _EventV1).reqid))
    return FrameClass.CONTROL


def _error_v1(frame: bytes, head: _Head, out: MessageWriter) -> FrameClass:
    event = _as(frame, _EventV1)
    out.control(Refused(event.message, req_id=event.reqid))
    return FrameClass.CONTROL


_Reader = Callable[[bytes, _Head, MessageWriter], FrameClass]

_CHANNELS: Final[dict[str, _Reader]] = {"status": _status, "instrument": _instruments}
_METHODS: Final[dict[str, _Reader]] = {
    "subscribe": _acknowledgement,
    "unsubscribe": _acknowledgement,
    "pong": _pong,
}
_EVENTS_V1: Final[dict[str, _Reader]] = {
    "heartbeat": _heartbeat_v1,
    "systemStatus": _system_v1,
    "subscriptionStatus": _subscription_v1,
    "pong": _pong_v1,
    "error": _error_v1,
}


def _time_ns(written: str | None) -> int | None:
    return None if written is None else rfc3339_ns(written)


def _increment(token: Raw) -> str | None:
    """A tick or lot as plain decimal text (``1e-08`` is ``0.00000001``), None where it is not told."""
    if bytes(token) == b"null":
        return None
    written = number(token)
    try:
        scale = min(decimals_of(written), MAX_SCALE)
        return text(parse(written, scale), scale)
    except MMError as error:
        raise MalformedFrame(f"an increment of {written[:40]}: {error}", venue=VENUE) from error
