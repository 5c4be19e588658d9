"""Kraken book frames of both wire versions, read with the standard library: the oracle of tests.

Plain dicts, `json` and regular expressions, nothing of the code under test: the true book after each
message, and where in a frame's bytes the numbers of its levels stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

TOP = 10

_V2_LEVEL = re.compile(rb'\{\s*"price":\s*([0-9.]+),\s*"qty":\s*([0-9.]+)\s*\}')
_V1_LEVEL = re.compile(rb'\["([0-9.]+)","([0-9.]+)","[0-9.]+"(?:,"r")?\]')


class Level(NamedTuple):
    """A level of a frame: side (1 bid, -1 ask), number texts, and the places of their first bytes."""

    side: int
    price: str
    size: str
    price_at: int
    size_at: int


class Told(NamedTuple):
    """A book message of a frame."""

    symbol: str
    snapshot: bool
    depth: int | None
    levels: list[Level]


class Digit(NamedTuple):
    """A digit of a level: its frame (number in the tape), its byte, the level's pair and side, and whether
    the level is among the best ten of its side after the message."""

    frame: int
    at: int
    symbol: str
    level: Level
    covered: bool


def told(frame: bytes) -> Told | None:
    """The book message of a frame, None for any other frame."""
    body: Any = json.loads(frame)
    if isinstance(body, list):
        return _told_v1(frame, body) if str(body[-2]).startswith("book-") else None
    if body.get("channel") != "book":
        return None
    (entry,) = body["data"]
    names = [(frame.find(b'"bids"'), 1), (frame.find(b'"asks"'), -1)]
    levels = [
        _level(next(side for at, side in sorted(names, reverse=True) if at < match.start()), match)
        for match in _V2_LEVEL.finditer(frame)
    ]
    return Told(entry["symbol"], body["type"] == "snapshot", None, levels)


def _told_v1(frame: bytes, body: list[Any]) -> Told:
    sides = {key: value for part in body[1:-2] for key, value in part.items() if key != "c"}
    order = sorted((frame.find(b'"%s":' % key.encode()), key) for key in sides)
    levels = []
    for match in _V1_LEVEL.finditer(frame):
        key = [key for at, key in order if at < match.start()][-1]
        levels.append(_level(1 if key.startswith("b") else -1, match))
    return Told(body[-1], "as" in sides, int(body[-2].partition("-")[2]), levels)


def _level(side: int, match: re.Match[bytes]) -> Level:
    return Level(side, match[1].decode(), match[2].decode(), match.start(1), match.start(2))


class TapeBook:
    """The true book of a pair, kept as the venue says to: prices and sizes as Decimal."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[Decimal, Decimal]] = {1: {}, -1: {}}

    def apply(self, message: Told, depth: int) -> None:
        """Apply a whole message, then cut each side to ``depth``."""
        if message.snapshot:
            self.sides = {1: {}, -1: {}}
        for level in message.levels:
            book = self.sides[level.side]
            book.pop(Decimal(level.price), None)
            if Decimal(level.size):
                book[Decimal(level.price)] = Decimal(level.size)
        for side in (1, -1):
            self.sides[side] = dict(self.best(side, depth))

    def best(self, side: int, n: int = TOP) -> list[tuple[Decimal, Decimal]]:
        """The best levels of a side, best first."""
        return sorted(self.sides[side].items(), reverse=side > 0)[:n]


def books(frames: Iterable[bytes], depth: int | None = None) -> Iterator[tuple[int, Told, TapeBook]]:
    """``(number of the frame, its message, the pair's book after it)`` for every book message."""
    known: dict[str, TapeBook] = {}
    for number, frame in enumerate(frames):
        message = told(frame)
        if message is not None:
            book = known.setdefault(message.symbol, TapeBook())
            book.apply(message, depth or message.depth or TOP)
            yield number, message, book


def digits(frames: Iterable[bytes], depth: int | None = None) -> list[Digit]:
    """Every digit of every level that has a size, in order."""
    found = []
    for number, message, book in books(frames, depth):
        last = {(level.side, Decimal(level.price)): level for level in message.levels}
        top = {side: {price for price, _ in book.best(side)} for side in (1, -1)}
        for level in message.levels:
            price = Decimal(level.price)
            covered = last[level.side, price] is level and price in top[level.side]
            if Decimal(level.size):
                for text, at in ((level.price, level.price_at), (level.size, level.size_at)):
                    found += [
                        Digit(number, at + place, message.symbol, level, covered)
                        for place, character in enumerate(text)
                        if character != "."
                    ]
    return found


def changed(frame: bytes, at: int) -> bytes:
    """The frame with the digit at this byte one higher, 9 as 8."""
    digit = frame[at : at + 1]
    other = b"8" if digit == b"9" else b"%d" % (int(digit) + 1)
    return frame[:at] + other + frame[at + 1 :]


def as_v1(frame: bytes, depth: int) -> bytes:
    """A version 2 book frame in the form of version 1, with the same texts and checksum."""
    message = told(frame)
    assert message is not None
    stamp = "1618678123.481570"
    sides: dict[int, list[list[str]]] = {1: [], -1: []}
    for level in message.levels:
        sides[level.side].append([level.price, level.size, stamp])
    if message.snapshot:
        parts: list[dict[str, Any]] = [{"as": sides[-1], "bs": sides[1]}]
    else:
        parts = [{name: sides[side]} for name, side in (("a", -1), ("b", 1)) if sides[side]] or [{"a": []}]
        parts[-1]["c"] = str(json.loads(frame)["data"][0]["checksum"])
    body = [1, *parts, f"book-{depth}", message.symbol.replace("BTC", "XBT")]
    return json.dumps(body, separators=(",", ":")).encode()
