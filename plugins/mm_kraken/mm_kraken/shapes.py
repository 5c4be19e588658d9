"""The hot frames of both wire versions as data, for the core's compiled scanner.

They say what `normalizer_v2` and `normalizer_v1` say of the same frames; what they leave out
(snapshots, acknowledgements, status, instruments, a ticker with an empty side) is read there.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.shapes import (
    SNAPSHOT,
    UPDATE,
    Array,
    Choice,
    Integer,
    Literal,
    Maybe,
    Message,
    Object,
    Price,
    Rows,
    Shape,
    Size,
    Skip,
    Symbol,
    Time,
    Tuple,
    WholeBook,
)
from mm_framework.model.events import ASK, BID

__all__ = ["SHAPES"]

_CRC: Final = 2**32 - 1


def _channel(name: str) -> tuple[Literal, str]:
    return Literal((name,)), f'{{"channel":"{name}"'


def _v2_level() -> Object:
    return Object({"price": Price(), "qty": Size()})


def _book_v2() -> Shape:
    channel, begins = _channel("book")
    entry = Object(
        {
            "symbol": Symbol(),
            "bids": Maybe(Rows(_v2_level(), side=BID)),
            "asks": Maybe(Rows(_v2_level(), side=ASK)),
            "checksum": Integer("checksum", high=_CRC),
            "timestamp": Maybe(Time("rfc3339")),
        }
    )
    kind = Choice("kind", {"update": UPDATE, "snapshot": SNAPSHOT})
    return Shape(
        "book", "book", Object({"channel": channel, "type": kind, "data": Array(Message(entry))}), begins
    )


def _trade_v2() -> Shape:
    channel, begins = _channel("trade")
    trade = Object(
        {
            "symbol": Symbol(),
            "side": Choice("side", {"buy": BID, "sell": ASK}),
            "price": Price(),
            "qty": Size(),
            "ord_type": Maybe(Skip()),
            "trade_id": Integer("trade_id"),
            "timestamp": Maybe(Time("rfc3339", of="row")),
        }
    )
    kind = Choice("kind", {"update": UPDATE, "snapshot": SNAPSHOT})
    return Shape(
        "trade", "trade", Message(Object({"channel": channel, "type": kind, "data": Rows(trade)})), begins
    )


def _ticker_v2() -> Shape:
    channel, begins = _channel("ticker")
    entry = Object(
        {
            "symbol": Symbol(),
            "bid": Price(side=BID),
            "bid_qty": Size(side=BID),
            "ask": Price(side=ASK),
            "ask_qty": Size(side=ASK),
            "timestamp": Maybe(Time("rfc3339")),
        }
    )
    kind = Choice("kind", {"update": UPDATE, "snapshot": SNAPSHOT})
    return Shape(
        "ticker", "ticker", Object({"channel": channel, "type": kind, "data": Array(Message(entry))}), begins
    )


def _heartbeat_v2() -> Shape:
    channel, begins = _channel("heartbeat")
    return Shape("heartbeat", "heartbeat", Object({"channel": channel}), begins)


def _book_v1() -> list[Shape]:
    """One object with what changed, or two with a side each; the name of the channel holds the depth."""
    level = Tuple((Price(quoted=True), Size(quoted=True), Time("seconds", of="newest")), more=True)
    sides = Object(
        {
            "b": Maybe(Rows(level, side=BID)),
            "a": Maybe(Rows(level, side=ASK)),
            "c": Integer("checksum", high=_CRC, quoted=True),
            "bs": Maybe(WholeBook()),
            "as": Maybe(WholeBook()),
        },
        closed=True,
    )
    name = Literal(tuple(f"book-{depth}" for depth in (10, 25, 100, 500, 1000)))
    return [
        Shape("book", "book", Message(Tuple((Skip(), *parts, name, Symbol()))), "[")
        for parts in ((sides,), (sides, sides))
    ]


def _trade_v1() -> Shape:
    trade = Tuple(
        (
            Price(quoted=True),
            Size(quoted=True),
            Time("seconds", of="row"),
            Choice("side", {"b": BID, "s": ASK}),
        ),
        more=True,
    )
    return Shape("trade", "trade", Message(Tuple((Skip(), Rows(trade), Literal(("trade",)), Symbol()))), "[")


def _ticker_v1() -> Shape:
    bid = Tuple((Price(quoted=True, side=BID), Skip(), Size(quoted=True, side=BID)), more=True)
    ask = Tuple((Price(quoted=True, side=ASK), Skip(), Size(quoted=True, side=ASK)), more=True)
    return Shape(
        "ticker",
        "ticker",
        Message(Tuple((Skip(), Object({"b": bid, "a": ask}), Literal(("ticker",)), Symbol()))),
        "[",
    )


SHAPES: Final = (
    _book_v2(),
    _trade_v2(),
    _ticker_v2(),
    _heartbeat_v2(),
    *_book_v1(),
    _trade_v1(),
    _ticker_v1(),
)
