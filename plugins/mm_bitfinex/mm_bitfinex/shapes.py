"""The hot frames as data, for the core's compiled scanner: changes of a book, checksums.

They say what `frames` says of the same frames. What they leave out is read there: snapshots and bulk
updates, numbers with an exponent, trades (``te`` and ``tu`` are one trade, which takes a memory), tickers
(prices without sizes), heartbeats (they say which channel lives).
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.shapes import (
    UPDATE,
    Choice,
    Integer,
    Message,
    Node,
    Orders,
    Price,
    Row,
    Shape,
    Size,
    Symbol,
    Time,
    Tuple,
)

__all__ = ["SHAPES"]

_SEQUENCE_MAX: Final = 10**12 - 1


def _tails() -> list[tuple[Node, ...]]:
    """What stands behind the data, the layout of a capture first; a time has more digits than a number."""
    return [
        (Integer("sequence", high=_SEQUENCE_MAX), Time("epoch")),
        (Integer("sequence", high=_SEQUENCE_MAX),),
        (),
    ]


def _book(tail: tuple[Node, ...]) -> Shape:
    level = Tuple((Price(), Orders(), Size(signed=True)), more=True)
    return Shape("book", "book", Message(Tuple((Symbol(number=True), Row(level), *tail))), "[")


def _checksum(tail: tuple[Node, ...]) -> Shape:
    digest = Integer("checksum", low=-(2**31), high=2**31 - 1)
    word = Choice("kind", {"cs": UPDATE})
    return Shape("book", "book", Message(Tuple((Symbol(number=True), word, digest, *tail))), "[")


SHAPES: Final = (
    *(_book(tail) for tail in _tails()),
    *(_checksum(tail) for tail in _tails()),
)
