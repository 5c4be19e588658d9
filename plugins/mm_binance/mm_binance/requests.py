"""Requests: the messages that subscribe, unsubscribe and list; reading them back, and their answers.

    {"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade"],"id":1} -> {"result":null,"id":1}
    {"method":"LIST_SUBSCRIPTIONS","id":3} -> {"result":["btcusdt@trade"],"id":3}

Source: ``web-socket-streams.md``, "Live Subscribing/Unsubscribing to streams", read 2026-11-21. An
acknowledgement names nothing but the request, so what was asked for is kept in the connection's memo
until it is answered. Errors often have no ``id``: they answer the oldest request. A name that the venue
does not know is acknowledged, too, and stays silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mm_binance.names import channel_of
from mm_framework.contracts.normalizer import (
    ConnectionInfo,
    FrameClass,
    MessageWriter,
    Pong,
    Refused,
    Requested,
    Subscribed,
)
from mm_framework.model.frame import encode_json

__all__ = ["Answer", "listing", "sent", "subscriptions"]

MAX_STREAMS: Final = 200
"""Streams in one message: longer ones are refused by some front ends."""

MAX_ASKED: Final = 256
"""Requests that are kept for their answers; then the oldest are forgotten."""

_ASKED: Final = "asked"


def subscriptions(method: str, streams: Sequence[str], req_id: int) -> list[bytes]:
    """SUBSCRIBE or UNSUBSCRIBE; all messages carry ``req_id``."""
    return [
        encode_json({"method": method, "params": list(streams[start : start + MAX_STREAMS]), "id": req_id})
        for start in range(0, len(streams), MAX_STREAMS)
    ]


def listing(req_id: int) -> bytes:
    """LIST_SUBSCRIPTIONS."""
    return encode_json({"method": "LIST_SUBSCRIPTIONS", "id": req_id})


class _Request(msgspec.Struct):
    method: str
    params: list[Any] = []
    id: int | str | None = None


_requests: Final = msgspec.json.Decoder(_Request)


def sent(message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
    """Read back a request and keep it for its answer; anything else is ignored."""
    try:
        request = _requests.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    req_id = _number(request.id)
    if request.method == "LIST_SUBSCRIPTIONS":
        out.control(Requested(None, req_id=req_id))
    if request.method not in ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS"):
        return
    streams = [name for name in request.params if isinstance(name, str)]
    asked = connection.memo.setdefault(_ASKED, [])
    asked.append([request.id, request.method, streams])
    del asked[:-MAX_ASKED]
    groups: dict[str, list[str]] = {}
    for channel, symbol in filter(None, map(channel_of, streams)):
        groups.setdefault(channel, []).append(symbol)
    for channel, symbols in groups.items():
        active = request.method == "SUBSCRIBE"
        out.control(Requested(channel, tuple(symbols), None, req_id, active))


class _Error(msgspec.Struct):
    msg: str = "no reason given"
    code: int | None = None


class Answer(msgspec.Struct):
    """The answer to a request: a result, or an error in either of its forms."""

    id: int | str | None = None
    result: Any = msgspec.UNSET
    error: _Error | None = None
    code: int | None = None
    msg: str = "no reason given"

    def emit(self, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Tell it as control events, one for each stream that was asked for."""
        req_id = _number(self.id)
        if isinstance(self.result, list):
            self._asked(connection)
            out.control(Pong(req_id))
        elif self.result is None:
            _, method, streams = self._asked(connection)
            for channel, symbol in filter(None, map(channel_of, streams)):
                out.control(Subscribed(channel, symbol, method == "SUBSCRIBE", req_id=req_id))
        elif self.error is not None or self.code is not None:
            self._refuse(connection, out)
        return FrameClass.CONTROL

    def _refuse(self, connection: ConnectionInfo, out: MessageWriter) -> None:
        text = self.error.msg if self.error is not None else self.msg
        number, method, streams = self._asked(connection)
        req_id = _number(number)
        active = method != "UNSUBSCRIBE"
        named = [one for one in map(channel_of, streams) if one is not None]
        for channel, symbol in named:
            out.control(Refused(text, channel, symbol, active, req_id))
        if not named:
            out.control(Refused(text, active=active, req_id=req_id))

    def _asked(self, connection: ConnectionInfo) -> tuple[int | str | None, str, list[str]]:
        """Take the request that this answers: the oldest of its number, the oldest of all without one.

        Its number, its method, its streams.
        """
        asked = connection.memo.get(_ASKED, [])
        for place, (number, method, streams) in enumerate(asked):
            if self.id is None or number == self.id:
                del asked[place]
                return number, method, streams
        return self.id, "", []


def _number(req_id: int | str | None) -> int | None:
    return req_id if isinstance(req_id, int) else None
