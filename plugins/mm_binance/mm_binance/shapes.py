"""The hot frames as data, for the core's compiled scanner: they say what `events` says of the same frames.

Only the end of the stream's name tells updates of futures from streams of their best levels. Left out, and
read there: updates of futures on a raw connection, whose address alone names the stream; best prices with
an empty side; answers, REST bodies, all else.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from mm_binance.markets import Market
from mm_framework.contracts.shapes import (
    Ending,
    Integer,
    Literal,
    Maybe,
    Message,
    Node,
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


def _combined(channel: str, carries: str, body: Message, stream: Node) -> Shape:
    """The event in the wrapper of a combined stream, which has no other keys."""
    return Shape(channel, carries, Object({"stream": stream, "data": body}, closed=True), _COMBINED)


def _both(channel: str, carries: str, body: Message, begins: str) -> list[Shape]:
    """The event in its wrapper, and alone."""
    return [_combined(channel, carries, body, Skip()), Shape(channel, carries, body, begins)]


def _depths(market: Market) -> list[Shape]:
    """Updates of the book. The streams of the best levels end in no such way: ``@depth5@100ms``."""
    if not market.futures:
        return _both("depth", "book", _depth(), '{"e":"depthUpdate"')
    endings = Ending(("@depth", *(f"@depth@{ms}ms" for ms in market.depth_ms)))
    return [_combined("depth", "book", _depth(), endings)]


@cache
def shapes_of_market(market: Market) -> tuple[Shape, ...]:
    """The forms, combined and raw, of each hot event."""
    trades = (("aggTrade", "a"),) if market.futures else (("trade", "t"), ("aggTrade", "a"))
    shapes = _both("bookTicker", "ticker", _book_ticker(), '{"e":"b' if market.futures else '{"u":')
    shapes += _depths(market)
    for name, number in trades:
        shapes += _both(name, "trade", _trade(name, number), f'{{"e":"{name}"')
    return tuple(shapes)
