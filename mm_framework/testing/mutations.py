"""Damage to frames, from a seed: bytes, numbers and tokens changed, doubled, moved between frames.

for frame in damaged(frames, 2000, seed=1): ...
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

__all__ = ["blank", "damaged"]

_WORDS: Final = (
    b"null", b"true", b"0", b"-1", b"1e5", b"0.0", b"01", b"[", b"]", b"{", b"}", b",", b":", b'"', b'""',
    b"\\", b"\\u0041", b"{}", b"[]", b",{}", b"\x00", b"\n", b" ", b"\xff", b"\xc3\xa9", b"-", b".",
    b"18446744073709551616", b"9223372036854775807", b"4294967296", b"0.00000000000000000001",
)  # fmt: skip
_TOKEN: Final = re.compile(rb'"[^"]*"|[0-9][0-9.]*|[\[\]{}:,]')
_NUMBER: Final = re.compile(rb"[0-9][0-9.]*")
_PART: Final = re.compile(rb'"[^"]*"|[\[\]{}:,]|[^\[\]{}:,"]+')


def damaged(frames: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """``count`` frames, each one of ``frames`` that was damaged up to three times; some stay whole."""
    draw = random.Random(f"{seed}/damage")
    for _ in range(count):
        frame, other = bytearray(draw.choice(frames)), draw.choice(frames)
        if draw.random() < 0.1:
            frame = bytearray(blank(bytes(frame), draw))
        for _ in range(draw.choice((0, 1, 1, 1, 1, 2, 3))):
            if frame and other:
                draw.choice(_DAMAGES)(frame, draw, other)
        yield bytes(frame)


def blank(frame: bytes, draw: random.Random) -> bytes:
    """The frame with blanks between its tokens."""
    return b"".join(part + draw.choice((b"", b"", b" ", b"\t\n")) for part in _PART.findall(frame))


def _flip(frame: bytearray, draw: random.Random, other: bytes) -> None:
    frame[draw.randrange(len(frame))] ^= 1 << draw.randrange(8)


def _set(frame: bytearray, draw: random.Random, other: bytes) -> None:
    frame[draw.randrange(len(frame))] = draw.choice(b'0123456789.-+eE"{}[],: \\nulltrue\x00\xff')


def _delete(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame))
    del frame[at : at + draw.choice((1, 1, 1, 2, 5, 30))]


def _double(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame))
    frame[at:at] = frame[at : at + draw.randrange(1, 60)]


def _transplant(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at, there = draw.randrange(len(frame)), draw.randrange(len(other))
    frame[at : at + draw.randrange(40)] = other[there : there + draw.randrange(40)]


def _digit(frame: bytearray, draw: random.Random, other: bytes) -> None:
    places = [place for place, byte in enumerate(frame) if 48 <= byte <= 57]
    if places:
        frame[draw.choice(places)] = draw.randrange(48, 58)


def _number(frame: bytearray, draw: random.Random, other: bytes) -> None:
    found = list(_NUMBER.finditer(frame))
    if found:
        start, end = draw.choice(found).span()
        digits = "".join(draw.choices("0123456789", k=draw.choice((0, 1, 2, 7, 8, 9, 16, 17, 18, 19, 40))))
        point = draw.randrange(len(digits) + 1)
        frame[start:end] = (digits[:point] + draw.choice(("", ".", ".")) + digits[point:]).encode()


def _token(frame: bytearray, draw: random.Random, other: bytes) -> None:
    found, strange = list(_TOKEN.finditer(frame)), _TOKEN.findall(other)
    if found:
        start, end = draw.choice(found).span()
        words = (b"", draw.choice(_WORDS), bytes(frame[start:end]) * 2, *strange[:1])
        frame[start:end] = draw.choice((*words, draw.choice(strange) if strange else b""))


def _insert(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame) + 1)
    frame[at : at + draw.choice((0, 0, 1, 4))] = draw.choice(_WORDS)


def _cut(frame: bytearray, draw: random.Random, other: bytes) -> None:
    del frame[draw.randrange(len(frame)) :]


_DAMAGES: Final[tuple[Callable[[bytearray, random.Random, bytes], None], ...]] = (
    _flip, _set, _delete, _double, _transplant, _digit, _digit, _number, _token, _insert, _cut,
)  # fmt: skip
