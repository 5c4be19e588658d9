"""Requests: the messages that subscribe, unsubscribe, ping and ask for metadata; and reading them back.

    {"method":"subscribe","params":{"channel":"book","depth":10,"snapshot":true,"symbol":["BTC/USD"]},"req_id":1}
    {"event":"subscribe","pair":["ADA/XBT"],"subscription":{"name":"book","depth":1000}}          (version 1)

Source: docs.kraken.com, WebSocket v2 ``book``, ``trade``, ``ticker``, ``instrument``, ``ping``, read
2026-11-21. ``snapshot`` is always explicit: its default for trades changed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import Requested
from mm_framework.model.frame import encode_json

__all__ = ["metadata", "ping", "read", "subscriptions"]


def subscriptions(
    method: str, wanted: Sequence[Subscription], default_depth: int, req_id: int
) -> list[bytes]:
    """One message for each channel and depth with all its pairs; all carry ``req_id``."""
    groups: dict[tuple[str, int | None], list[str]] = {}
    for one in wanted:
        depth = (one.depth or default_depth) if one.channel == "book" else None
        groups.setdefault((one.channel, depth), []).append(one.venue_symbol)
    return [
        encode_json({"method": method, "params": _params(method, *group, symbols), "req_id": req_id})
        for group, symbols in groups.items()
    ]


def _params(method: str, channel: str, depth: int | None, symbols: list[str]) -> dict[str, Any]:
    params: dict[str, Any] = {"channel": channel, "symbol": symbols}
    if depth is not None:
        params["depth"] = depth
    if channel == "ticker":
        params["event_trigger"] = "bbo"
    if method == "subscribe":
        params["snapshot"] = True
    return params


def ping(req_id: int) -> bytes:
    """The application ping."""
    return encode_json({"method": "ping", "req_id": req_id})


def metadata(req_id: int, *, tokenized: bool) -> bytes:
    """The request for all instruments; updates to them follow on the same connection."""
    params = {"channel": "instrument", "snapshot": True, "include_tokenized_assets": tokenized}
    return encode_json({"method": "subscribe", "params": params, "req_id": req_id})


class _Params(msgspec.Struct):
    channel: str | None = None
    symbol: list[str] = []
    depth: int | None = None


class _Subscription(msgspec.Struct):
    name: str | None = None
    depth: int | None = None


class _Message(msgspec.Struct):
    """A request of version 2 (``method``) or 1 (``event``)."""

    method: str | None = None
    params: _Params = msgspec.field(default_factory=_Params)
    req_id: int | None = None
    event: str | None = None
    pair: list[str] = []
    subscription: _Subscription = msgspec.field(default_factory=_Subscription)
    reqid: int | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read(message: bytes) -> Requested | None:
    """What a message asked for, None when it is neither a subscription nor a ping."""
    try:
        body = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    req_id = body.req_id if body.req_id is not None else body.reqid
    match body.method or body.event:
        case "ping":
            return Requested(None, req_id=req_id)
        case "subscribe" | "unsubscribe" as word:
            params, old = body.params, body.subscription
            symbols = tuple(params.symbol or body.pair)
            depth, active = params.depth or old.depth, word == "subscribe"
            return Requested(params.channel or old.name, symbols, depth, req_id, active)
        case _:
            return None
