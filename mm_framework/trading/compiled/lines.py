"""The lines of the intent hash as bytes: `trading.intents.intent_line` in a kernel.

Texts stand in a table of (address, length): `TEXT_KINDS` and so on say where; then the names of the
strategies, the ids of the instruments and the tags, each strategy's behind those of the one before it.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.memory import load_i8, load_u2, store_1, store_2, store_8
from mm_framework.model.fixed import NULL
from mm_framework.model.orders import IntentKind
from mm_framework.trading.compiled.layout import (
    INTENT_BYTES,
    INTENT_KIND,
    INTENT_ORDER,
    INTENT_PRICE,
    INTENT_SEQ,
    INTENT_SIDE,
    INTENT_SIZE,
    INTENT_SLOT,
    INTENT_STRATEGY,
    INTENT_TAG,
    INTENT_TIF,
    INTENT_URGENCY,
)

__all__ = [
    "LINES_COUNT",
    "LINES_FIRST",
    "LINES_OUT",
    "LINES_PAIRS",
    "LINES_STRATEGIES",
    "LINES_TABLES",
    "LINES_TAGS",
    "LINES_TEXTS",
    "NUMBERS_ROOM",
    "TEXT_BYTES",
    "TEXT_FIXED",
    "TEXT_KINDS",
    "TEXT_LEAST",
    "TEXT_SIDES",
    "TEXT_TIFS",
    "TEXT_URGENCIES",
    "intent_lines",
]

# What the kernel is given.
LINES_FIRST: Final = 0  # address of the first INTENT, and how many there are
LINES_COUNT: Final = 8
LINES_OUT: Final = 16  # where the bytes go, for which there is room
LINES_TEXTS: Final = 24  # address of the table
LINES_STRATEGIES: Final = 32  # how many
LINES_TAGS: Final = 40  # address of the place of each strategy's first tag in the table
LINES_PAIRS: Final = 48  # address of 00 to 99, two bytes each
LINES_TABLES: Final = 80  # behind room for the digits of one number

TEXT_BYTES: Final = 16
TEXT_KINDS: Final = 0  # by value
TEXT_SIDES: Final = 4  # the middle one is no side
TEXT_TIFS: Final = 8
TEXT_URGENCIES: Final = 13
TEXT_LEAST: Final = 16  # the least int64
TEXT_FIXED: Final = 17
NUMBERS_ROOM: Final = 5 * 20 + 16
"""Bytes of a line beside its texts; a word more may be written behind the last one."""

_PLACE: Final = int(IntentKind.PLACE)
_CANCEL: Final = int(IntentKind.CANCEL)
_BAR: Final = ord("|")
_LINE_FEED: Final = ord("\n")
_NUMBER: Final = ord("#")
_MINUS: Final = ord("-")


@inline
def _moved(out: int, text: int, length: int) -> int:
    """Copy a short text in words, the last of which may reach beyond it; where the next byte goes."""
    for k in range(0, length, 8):
        store_8(out + k, load_i8(text + k))
    return out + length


@helper
def _text(out: int, texts: int, place: int) -> int:
    """A text; where the next byte goes."""
    entry = texts + place * TEXT_BYTES
    return _moved(out, load_i8(entry), load_i8(entry + 8))


@helper
def _digits(out: int, block: int, number: int) -> int:
    """A number in decimal; where the next byte goes. Written from behind, two digits at a time."""
    if number == NULL:
        return _text(out, load_i8(block + LINES_TEXTS), TEXT_LEAST)
    if number < 0:
        store_1(out, _MINUS)
        out, number = out + 1, -number
    pairs, end = load_i8(block + LINES_PAIRS), block + LINES_TABLES
    k = end
    while number >= 100:
        rest = number // 100
        k -= 2
        store_2(k, load_u2(pairs + 2 * (number - 100 * rest)))
        number = rest
    k -= 2
    store_2(k, load_u2(pairs + 2 * number))
    if number < 10:
        k += 1
    return _moved(out, k, end - k)


@inline
def _bar(out: int) -> int:
    store_1(out, _BAR)
    return out + 1


@helper
def _asked(out: int, block: int, intent: int, kind: int) -> int:
    """Side, price, size, time in force, urgency, as far as the kind has them, each with its bar."""
    texts, place = load_i8(block + LINES_TEXTS), kind == _PLACE
    if place:
        out = _text(out, texts, TEXT_SIDES + 1 + load_i8(intent + INTENT_SIDE))
    out = _bar(out)
    if kind != _CANCEL:
        out = _digits(out, block, load_i8(intent + INTENT_PRICE))
    out = _bar(out)
    if kind != _CANCEL:
        out = _digits(out, block, load_i8(intent + INTENT_SIZE))
    out = _bar(out)
    if place:
        out = _text(out, texts, TEXT_TIFS + load_i8(intent + INTENT_TIF))
    out = _bar(out)
    if place:
        out = _text(out, texts, TEXT_URGENCIES + load_i8(intent + INTENT_URGENCY))
    return _bar(out)


@helper
def _line(out: int, block: int, intent: int) -> int:
    """One intent; where the next byte goes."""
    texts, strategy = load_i8(block + LINES_TEXTS), load_i8(intent + INTENT_STRATEGY)
    kind, slot = load_i8(intent + INTENT_KIND), load_i8(intent + INTENT_SLOT)
    out = _bar(_digits(out, block, load_i8(intent + INTENT_SEQ)))
    out = _bar(_text(out, texts, TEXT_FIXED + strategy))
    out = _bar(_text(out, texts, TEXT_KINDS + kind))
    if slot >= 0:
        out = _text(out, texts, TEXT_FIXED + load_i8(block + LINES_STRATEGIES) + slot)
    out = _asked(_bar(out), block, intent, kind)
    tagged, tag = out, load_i8(intent + INTENT_TAG)
    if tag >= 0:
        out = _text(out, texts, load_i8(load_i8(block + LINES_TAGS) + 8 * strategy) + tag)
    if out == tagged and kind != _PLACE:
        store_1(out, _NUMBER)
        out = _digits(out + 1, block, load_i8(intent + INTENT_ORDER))
    store_1(out, _LINE_FEED)
    return out + 1


@kernel
def intent_lines(block: int) -> int:
    """The lines of all intents of a LINES block; how many bytes they are."""
    first, out = load_i8(block + LINES_FIRST), load_i8(block + LINES_OUT)
    start = out
    for intent in range(first, first + load_i8(block + LINES_COUNT) * INTENT_BYTES, INTENT_BYTES):
        out = _line(out, block, intent)
    return out - start
