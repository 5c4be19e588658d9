"""What a normalizer says of a frame, kept: a writer for tests of normalizers.

    told = read(KrakenNormalizer(), frame)
    assert told.messages == (ToldMessage("book", "book", "BTC/USD", ((1, "50000.1", "0.5"),)),)

`KeepingWriter` also holds the normalizer to the contract: rows stand between ``begin`` and ``end``,
numbers are texts, sides and numbers of messages are integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass, Normalizer
from mm_framework.model.events import NULL

__all__ = ["KeepingWriter", "Told", "ToldMessage", "read"]

CARRIES = ("book", "trade", "ticker")


@attrs.frozen
class ToldMessage:
    """One message.

    ``rows``: levels ``(side, price, size)``, trades ``(side, price, size, trade_id, ts_venue_ns)`` or tops
    ``(bid, bid_size, ask, ask_size)``, numbers as texts. ``numbers``: what ``end`` was given, without
    what is NULL or None. ``time_text``, ``order_types`` (one a trade): the venue's own words; two messages
    are equal whatever these are.
    """

    channel: str
    carries: str
    symbol: str
    rows: tuple[tuple[Any, ...], ...] = ()
    snapshot: bool = False
    numbers: Mapping[str, Any] = attrs.field(factory=dict)
    time_text: str | None = attrs.field(default=None, eq=False)
    order_types: tuple[str, ...] = attrs.field(default=(), eq=False)


@attrs.frozen
class Told:
    """All that a frame said. ``kind`` is None for what was sent; ``sequence``: the frame's number."""

    kind: FrameClass | None
    messages: tuple[ToldMessage, ...] = ()
    controls: tuple[Control, ...] = ()
    sequence: int | None = None

    def texts(self) -> list[str]:
        """All prices and sizes as they were written."""
        return [text for message in self.messages for row in message.rows for text in _texts(message, row)]


def _texts(message: ToldMessage, row: tuple[Any, ...]) -> list[str]:
    values = row if message.carries == "ticker" else row[1:3]
    return [value for value in values if value is not None]


class KeepingWriter:
    """Implements `contracts.normalizer.MessageWriter`; ``followed`` says which symbols are.

    Raises AssertionError for what the contract does not allow.
    """

    def __init__(self, followed: Callable[[str], bool] = lambda symbol: True) -> None:
        self.followed = followed
        self.messages: list[ToldMessage] = []
        self.controls: list[Control] = []
        self.number: int | None = None
        self._open: ToldMessage | None = None
        self._rows: list[tuple[Any, ...]] = []
        self._order_types: list[str] = []

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """See the contract."""
        assert self._open is None, f"begin of {channel} while {self._open} is not ended"
        assert carries in CARRIES, f"carries is {carries!r}, expected one of {', '.join(CARRIES)}"
        assert isinstance(venue_symbol, str), f"symbol {venue_symbol!r} is not a text"
        assert venue_symbol, "a symbol is empty"
        if not self.followed(venue_symbol):
            return False
        self._open, self._rows = ToldMessage(channel, carries, venue_symbol, (), snapshot), []
        self._order_types = []
        return True

    def level(self, side: int, price: str, size: str) -> None:
        """See the contract."""
        self._row("book", (side, price, size), [price, size])
        assert side in (1, -1), f"side of a level is {side!r}, expected 1 or -1"

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """See the contract."""
        self._row("trade", (side, price, size, trade_id, ts_venue_ns), [price, size])
        assert side in (1, -1, 0), f"side of a trade is {side!r}, expected 1, -1 or 0"
        assert isinstance(order_type, str), f"order type {order_type!r} is not a text"
        _whole(trade_id=trade_id, ts_venue_ns=ts_venue_ns)
        self._order_types.append(order_type)

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """See the contract."""
        row = (bid, bid_size, ask, ask_size)
        self._row("ticker", row, [text for text in row if text is not None])

    def end(
        self,
        *,
        depth: int | None = None,
        digest: str | None = None,
        time_text: str | None = None,
        **numbers: int,
    ) -> None:
        """See the contract."""
        assert self._open is not None, "end without begin"
        _whole(**numbers)
        told = {**numbers, "depth": depth, "digest": digest}
        kept = {name: value for name, value in told.items() if value is not None and value != NULL}
        self.messages.append(
            attrs.evolve(
                self._open,
                rows=tuple(self._rows),
                numbers=kept,
                time_text=time_text,
                order_types=tuple(self._order_types),
            )
        )
        self._open = None

    def sequence(self, number: int) -> None:
        """See the contract."""
        _whole(sequence=number)
        self.number = number

    def control(self, event: Control) -> None:
        """See the contract."""
        self.controls.append(event)

    def told(self, kind: FrameClass | None) -> Told:
        """What was written; ``kind`` is what ``decode`` gave."""
        assert self._open is None, f"{self._open} was never ended"
        return Told(kind, tuple(self.messages), tuple(self.controls), self.number)

    def _row(self, carries: str, row: tuple[Any, ...], texts: list[str]) -> None:
        assert self._open is not None, f"{row} is not between begin and end"
        assert self._open.carries == carries, f"a row of {carries} in a message of {self._open.carries}"
        for text in texts:
            assert isinstance(text, str), f"{text!r} is {type(text).__name__}: a number must stay its text"
        self._rows.append(row)


def _whole(**numbers: Any) -> None:
    for name, value in numbers.items():
        assert type(value) is int, f"{name} is {value!r}, expected an integer"


def read(
    normalizer: Normalizer,
    frame: bytes,
    connection: ConnectionInfo | None = None,
    *,
    followed: Callable[[str], bool] = lambda symbol: True,
) -> Told:
    """Let a normalizer decode one frame. Raises what it raises."""
    writer = KeepingWriter(followed)
    kind = normalizer.decode(frame, connection or ConnectionInfo(0, ""), writer)
    assert isinstance(kind, FrameClass), f"decode gave {kind!r}, expected a FrameClass"
    return writer.told(kind)
