"""One connection of the Bitfinex emulator: its flags, channels, sequence numbers, and what is due.

Info codes: after 20051 the venue ends the connection; between 20060 and 20061 it is silent, and what the
books missed then is not told.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, Final

import attrs
import msgspec

from mm_bitfinex import table
from mm_bitfinex.emulator_frames import PairData
from mm_framework.contracts.emulator import FrameKind, MarketEvent, Outgoing, VenueClock, closing
from mm_framework.emulator.flow import NEVER

__all__ = ["DEPTHS", "MAINTENANCE", "SHUTDOWN", "BitfinexSession"]

SHUTDOWN: Final = "shutdown"
MAINTENANCE: Final = "maintenance"

DEPTHS: Final = (1, 25, 100, 250)
CHANNELS_MOST: Final = 25

_SECOND: Final = 1_000_000_000
_HEARTBEAT_NS: Final = 15 * _SECOND
_BEAT_NS: Final = _SECOND  # between two checksums, or tickers, of a channel
_TICK_NS: Final = _SECOND // 5
_MS: Final = 1_000_000
_CONFIRM_MS: Final = (200, 1_800)  # least time from te to tu, and how much more it may be
_STOP_NS: Final = 5 * _SECOND  # from 20051 to the end of the connection
_MAINTENANCE_NS: Final = 20 * _SECOND
_RESTART: Final = 1012


class _Request(msgspec.Struct):
    event: str
    channel: str | None = None
    symbol: str | None = None
    prec: str = "P0"
    freq: str = "F0"
    len: str | int = "25"
    subId: str | int | None = None
    chanId: int | None = None
    flags: int = 0
    cid: int | None = None


@attrs.define
class _Channel:
    """A subscription. ``news``: something came since the last checksum or ticker."""

    number: int
    name: str
    symbol: str
    depth: int | None
    heartbeat_ns: int
    beat_ns: int
    news: bool = False


class BitfinexSession:
    """Implements `contracts.emulator.Session`.

    ``number``: the first channel number; ``numbers``: those that must be used for a channel and symbol.
    """

    def __init__(
        self,
        pairs: Mapping[str, PairData],
        clock: VenueClock,
        server: str,
        number: int,
        numbers: Mapping[tuple[str, str], int],
    ) -> None:
        self._pairs, self._clock, self._server = pairs, clock, server
        self._number, self._numbers = number, numbers
        self._channels: dict[int, _Channel] = {}
        self._confirm: list[tuple[int, int, int, str]] = []
        self._flags = self._sequence = self._tick_ns = 0
        self._stop_ns = self._resume_ns = NEVER

    def opened(self, now_ns: int) -> list[Outgoing]:
        """Hello."""
        hello = {"event": "info", "version": 2, "serverId": self._server, "platform": {"status": 1}}
        return [_event(hello)]

    # --- requests

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        """Answer a request."""
        try:
            request = _requests.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [_event({"event": "error", "msg": "json: invalid", "code": 10000})]
        match request.event:
            case "conf":
                self._flags, self._sequence = request.flags, 0
                return [_event({"event": "conf", "status": "OK", "flags": request.flags})]
            case "ping":
                time_ms = self._clock(now_ns) // _MS
                return [_event({"event": "pong", "ts": time_ms, "cid": request.cid})]
            case "subscribe":
                return self._subscribe(request, now_ns)
            case "unsubscribe":
                return self._unsubscribe(request)
            case _:
                return [_error(request, "event: unknown", 10000)]

    def _subscribe(self, request: _Request, now_ns: int) -> list[Outgoing]:
        refused = self._refused(request)
        if refused is not None:
            return [_error(request, *refused)]
        name, symbol = str(request.channel), str(request.symbol)
        depth = int(request.len) if name == "book" else None
        number = self._numbers.get((name, symbol), 0) or self._next_number()
        channel = _Channel(number, name, symbol, depth, now_ns + _HEARTBEAT_NS, now_ns + _BEAT_NS)
        if not self._channels:
            self._tick_ns = now_ns + _TICK_NS
        self._channels[number] = channel
        told: dict[str, Any] = {"event": "subscribed", "channel": name, "chanId": number, "symbol": symbol}
        if depth is not None:
            told |= {"prec": request.prec, "freq": request.freq, "len": str(depth)}
        if request.subId is not None:
            told["subId"] = request.subId
        told["pair"] = symbol[1:]
        answer = Outgoing(_json(told), FrameKind.SUBSCRIBED, name, symbol, depth)
        return [answer, self._data(channel, self._snapshot(channel), FrameKind.SNAPSHOT, now_ns, whole=True)]

    def _refused(self, request: _Request) -> tuple[str, int] | None:
        """Why the venue refuses a subscription, None if it does not."""
        if request.channel not in ("book", "trades", "ticker"):
            return "channel: unknown", 10302
        if request.symbol not in self._pairs:
            return "symbol: invalid", 10300
        if request.channel == "book" and (request.prec != "P0" or request.freq != "F0"):
            return "prec: invalid", 10011
        if request.channel == "book" and str(request.len) not in map(str, DEPTHS):
            return "len: invalid", 10012
        if any(
            (one.name, one.symbol) == (request.channel, request.symbol) for one in self._channels.values()
        ):
            return "subscribe: dup", 10301
        return None if len(self._channels) < CHANNELS_MOST else ("subscribe: limit", 10305)

    def _unsubscribe(self, request: _Request) -> list[Outgoing]:
        channel = self._channels.pop(request.chanId or 0, None)
        if channel is None:
            return [_error(request, "unsubscribe: invalid", 10400)]
        told = {"event": "unsubscribed", "status": "OK", "chanId": channel.number}
        return [Outgoing(_json(told), FrameKind.UNSUBSCRIBED, channel.name, channel.symbol, channel.depth)]

    def _snapshot(self, channel: _Channel) -> str:
        pair = self._pairs[channel.symbol]
        if channel.depth is not None:
            return pair.book_snapshot(channel.depth)
        return pair.trade_snapshot() if channel.name == "trades" else pair.ticker()

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    # --- the market

    def event(self, event: MarketEvent) -> list[Outgoing]:
        """Books and trades of an event, as subscribed; a change of a book or a trade is a frame."""
        if event.notice is not None:
            return self._notice(event.notice, event.time_ns)
        frames: list[Outgoing] = []
        if self._resume_ns < NEVER:
            return frames
        pair = self._pairs[event.symbol]
        for channel in self._channels.values():
            if channel.symbol != event.symbol:
                continue
            if channel.name == "trades":
                frames += self._trades(channel, pair, event)
            elif channel.depth is not None:
                frames += self._changes(channel, pair.book_changes(channel.depth), event.time_ns)
            else:
                channel.news = channel.news or bool(event.changes)
        return frames

    def _notice(self, name: str, now_ns: int) -> list[Outgoing]:
        if name == SHUTDOWN:
            self._stop_ns = now_ns + _STOP_NS
            return [_info(20051, "Stopping. Please try to reconnect")]
        self._resume_ns = now_ns + _MAINTENANCE_NS
        return [
            _info(20060, "Entering in Maintenance mode. Please pause any activity and resume after 20061")
        ]

    def _changes(self, channel: _Channel, rows: list[str], now_ns: int) -> list[Outgoing]:
        """A frame each, or one for several with the bulk flag; the book is whole again after the last."""
        channel.news = channel.news or bool(rows)
        if self._flags & table.BULK and len(rows) > 1:
            rows = [f"[{','.join(rows)}]"]
        last = len(rows) - 1
        return [
            self._data(channel, row, FrameKind.BOOK, now_ns, whole=place == last)
            for place, row in enumerate(rows)
        ]

    def _trades(self, channel: _Channel, pair: PairData, event: MarketEvent) -> list[Outgoing]:
        frames = []
        for one in event.prints:
            row, number = pair.trade(one), pair.trade_id(one)
            frames.append(self._trade(channel, "te", row, number, event.time_ns))
            least, more = _CONFIRM_MS
            due_ns = event.time_ns + (least + number * 7919 % more) * _MS
            heapq.heappush(self._confirm, (due_ns, number, channel.number, row))
        return frames

    # --- what is due

    def next_timer_ns(self) -> int | None:
        """The next heartbeat, look at what else may be due, or code; None while nothing is to come."""
        due = [self._stop_ns, self._resume_ns]
        if self._channels and self._resume_ns == NEVER:
            due += [self._tick_ns, *(channel.heartbeat_ns for channel in self._channels.values())]
        first = min(due)
        return None if first == NEVER else first

    def timer(self, now_ns: int) -> list[Outgoing]:
        """Codes, confirmations of trades, checksums, tickers, heartbeats."""
        frames: list[Outgoing] = []
        if now_ns >= self._stop_ns:
            self._stop_ns = NEVER
            return [closing(_RESTART)]
        if now_ns >= self._resume_ns:
            self._resume_ns = NEVER
            frames.append(_info(20061, "Maintenance mode is over. You can resume your activity"))
        if self._resume_ns < NEVER:
            return frames
        self._tick_ns = now_ns + _TICK_NS
        while self._confirm and self._confirm[0][0] <= now_ns:
            _, number, channel_number, row = heapq.heappop(self._confirm)
            channel = self._channels.get(channel_number)
            if channel is not None:
                frames.append(self._trade(channel, "tu", row, number, now_ns))
        for channel in self._channels.values():
            if channel.news and channel.beat_ns <= now_ns:
                frames += self._beat(channel, now_ns)
            if channel.heartbeat_ns <= now_ns:
                frames.append(self._frame(channel, '"hb"', FrameKind.HEARTBEAT, now_ns))
        return frames

    def _beat(self, channel: _Channel, now_ns: int) -> list[Outgoing]:
        """The ticker, or the checksum of a book if it was asked for."""
        channel.news, channel.beat_ns = False, now_ns + _BEAT_NS
        pair = self._pairs[channel.symbol]
        if channel.depth is None:
            return [self._data(channel, pair.ticker(), FrameKind.TICKER, now_ns)]
        if not self._flags & table.CHECKSUM:
            return []
        digits = str(pair.checksum(channel.depth))
        frame = self._data(channel, f'"cs",{digits}', FrameKind.CHECKSUM, now_ns, whole=True)
        start = frame.payload.index(b'"cs",') + len('"cs",')
        return [frame._replace(checksum=(start, start + len(digits)))]

    # --- frames

    def _trade(self, channel: _Channel, word: str, row: str, number: int, now_ns: int) -> Outgoing:
        frame = self._data(channel, f'"{word}",{row}', FrameKind.TRADE, now_ns)
        return frame._replace(trade_ids=(number,))

    def _data(
        self, channel: _Channel, body: str, kind: FrameKind, now_ns: int, *, whole: bool = False
    ) -> Outgoing:
        """``whole``: the book that was told is the venue's after this frame, not in the midst of an event."""
        frame = self._frame(channel, body, kind, now_ns)
        return frame._replace(depth=channel.depth) if whole else frame

    def _frame(self, channel: _Channel, body: str, kind: FrameKind, now_ns: int) -> Outgoing:
        """An array, with what the flags ask for at its end; it puts the channel's heartbeat off."""
        channel.heartbeat_ns = now_ns + _HEARTBEAT_NS
        tail = ""
        if self._flags & table.SEQUENCE:
            self._sequence += 1
            tail = f",{self._sequence}"
        if self._flags & table.TIMESTAMP:
            tail += f",{self._clock(now_ns) // _MS}"
        payload = f"[{channel.number},{body}{tail}]".encode()
        return Outgoing(payload, kind, channel.name, channel.symbol)


def _event(body: dict[str, Any]) -> Outgoing:
    return Outgoing(_json(body), FrameKind.CONTROL)


def _info(code: int, text: str) -> Outgoing:
    return _event({"event": "info", "code": code, "msg": text})


def _error(request: _Request, text: str, code: int) -> Outgoing:
    """An error repeats what was asked for."""
    asked = {
        name: value
        for name in ("channel", "symbol", "subId", "chanId")
        if (value := getattr(request, name)) is not None
    }
    return _event({**asked, "event": "error", "msg": text, "code": code})


def _json(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)


_requests: Final = msgspec.json.Decoder(_Request)
