"""The hot frames as data, for the core's compiled scanner: they say what `events` says of the same frames.

Left out, and read there: updates of futures, since only the end of the stream's name tells them from
streams of the best levels; best prices with an empty side; answers, REST bodies, all else.
"""

from __future__ import annotations

from typing import Final

from mm_binance.markets import Market
from mm_framework.contracts.shapes import (
    Integer,
    Literal,
    Maybe,
    Message,
    Object,
    Price,
    Row,
    Rows,
    Shape,
    Size,
    Skip,
    Symbol,
    Time,
    Truth,
    Tuple,
)
from mm_framework.model.events import ASK, BID

__all__ = ["shapes_of_market"]

_COMBINED: Final = '{"stream":"'


def _depth() -> Message:
    level = Tuple((Price(quoted=True), Size(quoted=True)), more=True)
    return Message(
        Object(
            {
                "e": Literal(("depthUpdate",)),
                "E": Time("epoch"),
                "s": Symbol(),
                "U": Integer("first"),
                "u": Integer("last"),
                "pu": Maybe(Integer("prev")),
                "b": Rows(level, side=BID),
                "a": Rows(level, side=ASK),
            }
        )
    )


def _trade(name: str, number: str) -> Message:
    return Message(
        Row(
            Object(
                {
                    "e": Literal((name,)),
                    "s": Symbol(),
                    number: Integer("trade_id"),
                    "p": Price(quoted=True),
                    "q": Size(quoted=True),
                    "T": Time("epoch", of="row"),
                    "m": Truth(ASK),
                }
            )
        )
    )


def _book_ticker() -> Message:
    return Message(
        Object(
            {
                "e": Maybe(Literal(("bookTicker",))),
                "E": Maybe(Time("epoch")),
                "u": Integer("last"),
                "s": Symbol(),
                "b": Price(quoted=True, side=BID),
                "B": Size(quoted=True, side=BID),
                "a": Price(quoted=True, side=ASK),
                "A": Size(quoted=True, side=ASK),
            }
        )
    )


def _both(channel: str, carries: str, body: Message, begins: str) -> tuple[Shape, Shape]:
    """The event alone, and in the wrapper of a combined stream, which has no other keys."""
    wrapped = Object({"stream": Skip(), "data": body}, closed=True)
    return Shape(channel, carries, wrapped, _COMBINED), Shape(channel, carries, body, begins)


def shapes_of_market(market: Market) -> tuple[Shape, ...]:
    """Both forms, combined and raw, of each hot event."""
    trades = (("aggTrade", "a"),) if market.futures else (("trade", "t"), ("aggTrade", "a"))
    shapes = [_both("bookTicker", "ticker", _book_ticker(), '{"e":"b' if market.futures else '{"u":')]
    if not market.futures:
        shapes.append(_both("depth", "book", _depth(), '{"e":"depthUpdate"'))
    for name, number in trades:
        shapes.append(_both(name, "trade", _trade(name, number), f'{{"e":"{name}"'))
    return tuple(shape for pair in shapes for shape in pair)
