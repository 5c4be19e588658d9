"""A writer that keeps what a normalizer writes, and Bitfinex's normalizer on one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass
from mm_framework.model.events import NULL


class KeepingWriter:
    """Implements `MessageWriter`: ``messages`` are dicts in order, ``controls`` the events."""

    def __init__(self, followed: Callable[[str], bool] = lambda symbol: True) -> None:
        self.followed = followed
        self.messages: list[dict[str, Any]] = []
        self.controls: list[Control] = []
        self.numbers: list[int] = []

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        if not self.followed(venue_symbol):
            return False
        self.messages.append(
            {"channel": channel, "symbol": venue_symbol, "snapshot": snapshot, "wire": wire, "rows": []}
        )
        return True

    def level(self, side: int, price: str, size: str) -> None:
        self.messages[-1]["rows"].append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        self.messages[-1]["rows"].append((side, price, size, trade_id, ts_venue_ns))

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        self.messages[-1]["rows"].append((bid, bid_size, ask, ask_size))

    def end(self, *, time_text: str | None = None, **numbers: Any) -> None:
        self.messages[-1].update({key: value for key, value in numbers.items() if value not in (NULL, None)})

    def sequence(self, number: int) -> None:
        self.numbers.append(number)

    def control(self, event: Control) -> None:
        self.controls.append(event)


class Line:
    """One connection: ``take`` decodes a frame into ``out``."""

    CONF = '{"event":"conf","status":"OK","flags":%d}'
    BOOK = (
        '{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","prec":"P0","freq":"F0",'
        '"len":"100","pair":"BTCUSD"}'
    )
    TRADES = '{"event":"subscribed","channel":"trades","chanId":8,"symbol":"tBTCUSD","pair":"BTCUSD"}'
    TICKER = '{"event":"subscribed","channel":"ticker","chanId":9,"symbol":"tBTCUSD","pair":"BTCUSD"}'

    def __init__(self, *frames: str, followed: Callable[[str], bool] = lambda symbol: True) -> None:
        self.normalizer = BitfinexNormalizer()
        self.info = ConnectionInfo(0, "")
        self.out = KeepingWriter(followed)
        for frame in frames:
            self.take(frame)
        self.out.controls.clear()

    def take(self, frame: str | bytes) -> FrameClass:
        raw = frame.encode() if isinstance(frame, str) else frame
        return self.normalizer.decode(raw, self.info, self.out)

    def sent(self, message: bytes) -> None:
        self.normalizer.sent(message, self.info, self.out)

    @property
    def rows(self) -> list[list[Any]]:
        """The rows of each message."""
        return [message["rows"] for message in self.out.messages]

    @property
    def controls(self) -> list[Control]:
        return self.out.controls


@pytest.fixture(scope="session")
def new_line() -> type[Line]:
    """The class, for tests that need several connections."""
    return Line


@pytest.fixture
def line() -> Line:
    """A connection without flags and with three channels: 7 the book, 8 trades, 9 the ticker."""
    return Line(Line.BOOK, Line.TRADES, Line.TICKER)


@pytest.fixture
def numbered() -> Line:
    """The same with sequence numbers, times and checksums."""
    return Line(Line.CONF % 229376, Line.BOOK, Line.TRADES, Line.TICKER)


@pytest.fixture
def writer() -> KeepingWriter:
    return KeepingWriter()
