"""A wire format small enough to read in one go: what tests of the emulator's core use for a venue.

One JSON object a frame. ``book`` frames carry a checksum over the best 3 of each side, ``trade`` frames
one list of numbered prints; a client sends ``{"op": "sub", "ch": ..., "sym": ..., "depth": ...}``.
`Follower` is a client that keeps a book the plain way.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mm_framework.contracts.emulator import (
    FrameKind,
    HttpReply,
    Level,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    VenueClock,
    closing,
)
from mm_framework.emulator.market import visible
from mm_framework.errors import ConfigError

SECOND = 1_000_000_000
DEPTHS = (3, 5, 10)


def subscribe(symbol: str = "A/B", channel: str = "book", depth: int = 5, op: str = "sub") -> bytes:
    return json.dumps({"op": op, "ch": channel, "sym": symbol, "depth": depth}).encode()


def checksum(bids: list[Level], asks: list[Level]) -> int:
    return zlib.crc32(json.dumps([bids[:3], asks[:3]]).encode())


class ToyDialect:
    venue = "toy"
    paths = ("/ws",)
    depths = DEPTHS
    symbols = ("A/B",)
    notices: Mapping[str, str] = MappingProxyType({"goodbye": "the venue says that it leaves, and does"})

    def listing(self, symbol: str) -> Listing:
        base, slash, quote = symbol.partition("/")
        if not slash:
            raise ConfigError(f"{symbol!r} is no pair", key="symbol", value=symbol)
        return Listing(symbol, base, quote, 2, 3, 2, 3, 1, 100_000, 5_000)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> ToyFrontend:
        return ToyFrontend(market, clock)

    def recorded(self, frame: bytes) -> Outgoing | None:
        body = json.loads(frame)
        if body.get("ch") not in ("book", "trade"):
            return None
        return Outgoing(frame, FrameKind(body["ch"]), body["ch"], body["sym"])


class ToyFrontend:
    def __init__(self, market: MarketView, clock: VenueClock) -> None:
        self.market, self.clock = market, clock

    def observe(self, event: MarketEvent) -> None:
        pass

    def session(self, connection: int) -> ToySession:
        return ToySession(self)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        if path != "/time":
            return HttpReply(404, b"{}")
        return HttpReply(200, json.dumps({"now": self.clock(now_ns), **query}).encode())


class ToySession:
    def __init__(self, front: ToyFrontend) -> None:
        self._front = front
        self._streams: dict[tuple[str, str], int] = {}
        self._heartbeat_ns: int | None = None

    def opened(self, now_ns: int) -> list[Outgoing]:
        return [Outgoing(b'{"ch":"hello"}', FrameKind.CONTROL)]

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        request = json.loads(message)
        channel, symbol, depth = request["ch"], request["sym"], request["depth"]
        if request["op"] == "unsub":
            del self._streams[channel, symbol]
            return [Outgoing(b'{"ch":"bye"}', FrameKind.UNSUBSCRIBED, channel, symbol)]
        self._streams[channel, symbol] = depth
        self._heartbeat_ns = self._heartbeat_ns or now_ns + SECOND
        frames = [Outgoing(b'{"ch":"ok"}', FrameKind.SUBSCRIBED, channel, symbol)]
        if channel == "book":
            market = self._front.market
            bids, asks = market.bids(symbol, depth), market.asks(symbol, depth)
            frames.append(self._book(symbol, depth, bids, asks, True, now_ns))
        return frames

    def event(self, event: MarketEvent) -> list[Outgoing]:
        if event.notice is not None:
            bye = json.dumps({"ch": event.notice, "sym": event.symbol}).encode()
            return [Outgoing(bye, FrameKind.CONTROL), closing(1012, "later"), bye_again()]
        if event.listing is not None:
            tick = json.dumps({"ch": "tick", "sym": event.symbol, "tick": event.listing.tick}).encode()
            return [Outgoing(tick, FrameKind.METADATA)]
        symbol, frames = event.symbol, []
        depth = self._streams.get(("book", symbol))
        if depth is not None:
            bids, asks = visible(event, depth)
            if bids or asks:
                frames.append(self._book(symbol, depth, bids, asks, False, event.time_ns))
        if event.prints and ("trade", symbol) in self._streams:
            ids = tuple(one.trade_id for one in event.prints)
            payload = json.dumps({"ch": "trade", "sym": symbol, "ids": ids}).encode()
            frames.append(Outgoing(payload, FrameKind.TRADE, "trade", symbol, trade_ids=ids))
        return frames

    def next_timer_ns(self) -> int | None:
        return self._heartbeat_ns

    def timer(self, now_ns: int) -> list[Outgoing]:
        self._heartbeat_ns = now_ns + SECOND
        return [Outgoing(b'{"ch":"hb"}', FrameKind.HEARTBEAT)]

    def _book(
        self, symbol: str, depth: int, bids: list[Level], asks: list[Level], snapshot: bool, now_ns: int
    ) -> Outgoing:
        market = self._front.market
        crc = str(checksum(market.bids(symbol, 3), market.asks(symbol, 3)))
        body: dict[str, Any] = {"ch": "book", "sym": symbol, "snap": snapshot, "b": bids, "a": asks}
        body["ts"] = self._front.clock(now_ns)
        head = json.dumps(body)[:-1] + ', "crc": '
        kind = FrameKind.SNAPSHOT if snapshot else FrameKind.BOOK
        span = (len(head), len(head) + len(crc))
        return Outgoing(f"{head}{crc}}}".encode(), kind, "book", symbol, depth, checksum=span)


def bye_again() -> Outgoing:
    """What comes after the end is not sent."""
    return Outgoing(b'{"ch":"never"}', FrameKind.CONTROL)


class Follower:
    """Keeps a book of ``depth`` levels from book frames; ``holds`` says whether the checksum fits."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, frame: dict[str, Any]) -> None:
        for place, (side, levels) in enumerate(zip(self.sides, (frame["b"], frame["a"]), strict=True)):
            if frame["snap"]:
                side.clear()
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
            for price in sorted(side, reverse=place == 0)[self.depth :]:
                del side[price]

    @property
    def bids(self) -> list[Level]:
        return [(price, self.sides[0][price]) for price in sorted(self.sides[0], reverse=True)]

    @property
    def asks(self) -> list[Level]:
        return [(price, self.sides[1][price]) for price in sorted(self.sides[1])]

    def holds(self, frame: dict[str, Any]) -> bool:
        return checksum(self.bids, self.asks) == frame["crc"]
