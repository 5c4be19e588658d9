"""The toy venue with numbered updates, and snapshots over REST or on the channel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from feed_desk import Reading
from toy_venue import ToyAdapter

from mm_framework.contracts.adapter import HttpRequest, Subscription
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter, Subscribed
from mm_framework.contracts.shapes import (
    Integer,
    Literal,
    Message,
    Object,
    Price,
    Rows,
    Shape,
    Size,
    Symbol,
    Tuple,
)
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.events import ASK, BID

__all__ = ["CONNECTION", "FUTURES", "SPOT", "encode", "kits", "outcome"]

_LEVEL = Tuple((Price(quoted=True), Size(quoted=True)))
_UPDATE = {
    "ch": Literal(("book",)),
    "s": Symbol(),
    "U": Integer("first"),
    "u": Integer("last"),
    "pu": Integer("prev"),
    "seq": Integer("sequence"),
    "b": Rows(_LEVEL, side=BID),
    "a": Rows(_LEVEL, side=ASK),
}


class NumberedAdapter(ToyAdapter):
    """The toy venue with snapshots over REST, or (``scope`` connection) on the channel."""

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        return None

    def snapshot_request(self, subscription: Subscription) -> HttpRequest:
        symbol = subscription.venue_symbol
        return HttpRequest(f"https://toy.invalid/depth?s={symbol}", "snapshot", 5, subscription.instrument)


class NumberedNormalizer:
    """``{"ch":"book","s","U","u","pu","seq","b":[["price","size"]],"a"}``, acks, and REST snapshots."""

    version = "1"
    shapes = (Shape("book", "book", Message(Object(_UPDATE)), '{"ch":"book"'),)

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        body = json.loads(frame)
        if "seq" in body:
            out.sequence(body["seq"])
        if "ack" in body:
            out.control(Subscribed("book", None, req_id=body["ack"]))
            return FrameClass.CONTROL
        self._book(body, out, snapshot=body.get("snap", False))
        return FrameClass.DATA

    def _book(self, body: dict[str, Any], out: MessageWriter, *, snapshot: bool) -> None:
        if out.begin("book", "book", body["s"], snapshot=snapshot):
            for side, key in ((BID, "b"), (ASK, "a")):
                for price, size in body[key]:
                    out.level(side, price, size)
            numbers = {name: body[key] for name, key in (("first", "U"), ("prev", "pu")) if key in body}
            out.end(last=body["u"], **numbers)

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        pass

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        self._book(json.loads(body), out, snapshot=True)
        return FrameClass.DATA


def kits(spec: SequenceSpec) -> dict[str, VenueKit]:
    """The venue with this rule."""
    return {"toy": VenueKit(NumberedAdapter(), NumberedNormalizer(), SyncRules(sequence=spec))}


SPOT = SequenceSpec(link="first", bridge="rest")
FUTURES = SequenceSpec(link="prev", bridge="rest")
CONNECTION = SequenceSpec(scope="connection")


def encode(body: dict[str, Any]) -> bytes:
    """JSON in the order of the venue, without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()


def outcome(feed: Feed, reading: Reading) -> tuple[Any, ...]:
    """All that must be the same on both paths."""
    counts = feed.counts
    counts.fallback_frames = 0
    proofs = [view.proofs for view in feed.instruments()]
    return bytes(reading.rows), reading.messages, reading.commands, feed.checkpoint(), counts, proofs
