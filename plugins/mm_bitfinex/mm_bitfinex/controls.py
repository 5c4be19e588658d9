"""What is not market data: hello and info codes, conf, acknowledgements, errors, pongs. All are objects.

    {"event":"info","version":2,"serverId":"083bd8d4-...","platform":{"status":1}}
    {"event":"info","code":20060,"msg":"Entering in Maintenance mode. ..."}
    {"event":"subscribed","channel":"book","chanId":232957,"symbol":"tBTCUSD","prec":"P0","freq":"F0",
     "len":"100","subId":"7-book-tBTCUSD","pair":"BTCUSD"}

Source: docs.bitfinex.com, "General", "Books", read 2026-11-21. The acknowledgement of ``conf`` stands for
the end of what is asked for before the subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from mm_bitfinex import table
from mm_bitfinex.requests import levels, request_number
from mm_framework.contracts.normalizer import (
    Control,
    FrameClass,
    GoingAway,
    MessageWriter,
    MetadataDone,
    Pong,
    Refused,
    Subscribed,
    VenueStatus,
)

__all__ = ["decode"]

WIRE_VERSION: Final = 2
_OPERATIVE: Final = 1
_UNSUBSCRIBE_FAILED: Final = frozenset([10400, 10401])
_CHANNELS: Final = frozenset(["book", "trades", "ticker"])
_GROUPED: Final = frozenset(["P1", "P2", "P3", "P4"])
_T = TypeVar("_T")

_ChannelNumber: TypeAlias = Annotated[int, Meta(ge=1, le=10**18 - 1)]
_Symbol: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]


class _Head(msgspec.Struct):
    event: Any = None


class _Platform(msgspec.Struct):
    status: int | None = None


class _Info(msgspec.Struct):
    version: int | None = None
    code: int | None = None
    msg: str | None = None
    platform: _Platform = msgspec.field(default_factory=_Platform)


class _Conf(msgspec.Struct):
    status: str
    flags: int = 0


class _Subscribed(msgspec.Struct):
    channel: str
    chanId: _ChannelNumber
    symbol: _Symbol | None = None
    prec: str = "P0"
    len: str | int | None = None
    subId: str | int | None = None

    def kind(self) -> str:
        """What its arrays are: a channel's name, ``grouped`` or ``other``."""
        if self.channel not in _CHANNELS or self.symbol is None or self.symbol[0] != "t":
            return "other"
        if self.channel != "book" or self.prec == "P0":
            return self.channel
        return "grouped" if self.prec in _GROUPED else "other"


class _Unsubscribed(msgspec.Struct):
    chanId: _ChannelNumber
    status: str = "OK"


class _Error(msgspec.Struct):
    msg: str = "no reason given"
    code: int | None = None
    channel: str | None = None
    symbol: str | None = None
    chanId: int | None = None
    subId: str | int | None = None


class _Pong(msgspec.Struct):
    cid: int | None = None
    ts: Annotated[int, Meta(ge=0, le=2**43)] | None = None


_head: Final = msgspec.json.Decoder(_Head)


def decode(frame: bytes, memo: table.Memo, out: MessageWriter) -> FrameClass:
    """Read an object; one without an event that is known here is UNKNOWN. Raises msgspec.DecodeError."""
    read = _EVENTS.get(str(_head.decode(frame).event))
    if read is None:
        return FrameClass.UNKNOWN
    read(frame, memo, out)
    return FrameClass.CONTROL


def _as(frame: bytes, form: type[_T]) -> _T:
    return msgspec.json.decode(frame, type=form)


def _info(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    """Hello, or a code; books stand still in maintenance, and may be wrong after it."""
    info = _as(frame, _Info)
    if info.code is not None:
        for event in _CODES.get(info.code, ()):
            out.control(event)
    elif info.version not in (None, WIRE_VERSION):
        out.control(VenueStatus(f"wire version {info.version}", online=False))
    else:
        online = info.platform.status in (None, _OPERATIVE)
        out.control(VenueStatus("operative" if online else "maintenance", online=online))


_CODES: Final[dict[int, tuple[Control, ...]]] = {
    20051: (GoingAway("restart"),),
    20060: (VenueStatus("maintenance", online=False),),
    20061: (VenueStatus("operative", online=True), GoingAway("maintenance is over", anew=True)),
}


def _conf(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    """From here on arrays have the layout of these flags; they replace those before."""
    conf = _as(frame, _Conf)
    if conf.status != "OK":
        out.control(Refused(f"conf {conf.status}"))
        return
    memo["flags"] = conf.flags
    out.control(MetadataDone())


def _subscribed(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    told = _as(frame, _Subscribed)
    kind = told.kind()
    table.add(memo, str(told.chanId), kind, told.symbol or "")
    if kind in _CHANNELS:
        depth = levels(told.len) if kind == "book" else None
        out.control(Subscribed(kind, told.symbol, True, depth, request_number(told.subId)))


def _unsubscribed(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    told = _as(frame, _Unsubscribed)
    known = table.remove(memo, str(told.chanId)) if told.status == "OK" else None
    if known is not None and known["kind"] in _CHANNELS:
        out.control(Subscribed(known["kind"], known["symbol"], active=False))


def _error(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    """The refusal of a request, or (10400, 10401) of the end of a subscription."""
    error = _as(frame, _Error)
    text = error.msg if error.code is None else f"{error.msg} ({error.code})"
    known = table.entry(memo, str(error.chanId)) or {"kind": error.channel, "symbol": error.symbol}
    out.control(
        Refused(
            text,
            known["kind"],
            known["symbol"],
            active=error.code not in _UNSUBSCRIBE_FAILED,
            req_id=request_number(error.subId),
        )
    )


def _pong(frame: bytes, memo: table.Memo, out: MessageWriter) -> None:
    pong = _as(frame, _Pong)
    time_ns = None if pong.ts is None else pong.ts * 1_000_000
    out.control(Pong(pong.cid, time_ns, time_ns))


_EVENTS: Final[dict[str, Callable[[bytes, table.Memo, MessageWriter], None]]] = {
    "info": _info,
    "conf": _conf,
    "subscribed": _subscribed,
    "unsubscribed": _unsubscribed,
    "error": _error,
    "pong": _pong,
}
