"""Messages that we send: subscriptions of tokens and pings; and reading them back.

    {"assets_ids":["6519…"],"custom_feature_enabled":true,"initial_dump":true,"operation":"subscribe","type":"market"}
    {"assets_ids":["6519…"],"operation":"unsubscribe"}
    PING

The first message of a connection is told by ``type``, later ones by ``operation``; ours has both, so
that it can be either. Source: docs.polymarket.com, WebSocket market channel, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mm_framework.contracts.normalizer import Requested
from mm_framework.model.frame import encode_json

__all__ = ["PING", "read", "subscribe", "unsubscribe"]

PING: Final = b"PING"


def subscribe(tokens: Sequence[str], *, custom_features: bool) -> bytes:
    """Ask for the books and trades of these tokens, first with a whole book of each."""
    return encode_json(
        {
            "assets_ids": list(tokens),
            "custom_feature_enabled": custom_features,
            "initial_dump": True,
            "operation": "subscribe",
            "type": "market",
        }
    )


def unsubscribe(tokens: Sequence[str]) -> bytes:
    """Ask for no more of these tokens."""
    return encode_json({"assets_ids": list(tokens), "operation": "unsubscribe"})


class _Message(msgspec.Struct):
    assets_ids: list[str]
    type: str | None = None
    operation: str | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read(message: bytes) -> Requested | None:
    """What a message asked for, None when it is neither a subscription of tokens nor a ping."""
    if message.strip() == PING:
        return Requested(None)
    try:
        body = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = body.operation in ("subscribe", "unsubscribe") or (body.type or "").lower() == "market"
    active = body.operation != "unsubscribe"
    return Requested("book", tuple(body.assets_ids), active=active) if known else None
