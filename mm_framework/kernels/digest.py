"""The hash of a whole book: the text of a `HashText` and its SHA-1, compared with what a message tells.

A message mostly changes one side, so the text of each side is kept with the instrument until the side's
version changes. The beginning of the text differs from message to message (it holds the time), so all of it
is digested each time; for the endings that are tried only what comes after the asks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm_framework.contracts.sync_engine import HashText
from mm_framework.kernels.book import book_count, book_top, book_version
from mm_framework.kernels.checksum import eight_digits, put_digits
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import (
    CTX_HASH,
    CTX_HASH_STATES,
    INSTRUMENT_ASKS,
    INSTRUMENT_BIDS,
    INSTRUMENT_BOOK,
    INSTRUMENT_ENDING,
    INSTRUMENT_NAME,
    INSTRUMENT_PRICE_SCALE,
    INSTRUMENT_SIZE_SCALE,
    SIDE_LENGTH,
    SIDE_ROOM,
    SIDE_TEXT,
    SIDE_VERSION,
    TOLD_DIGEST,
    TOLD_MARKET,
    TOLD_TIME_TEXT,
)
from mm_framework.kernels.memory import Buffer, copy, leading_zeros, load_i8, load_u1, store_1, store_8
from mm_framework.kernels.numbers import POWERS
from mm_framework.kernels.sha1 import SHA1_BYTES, sha1_add, sha1_end, sha1_start

__all__ = ["LEVEL_BYTES", "MAX_HASH_SCALE", "TEXT_SLACK", "compile_hash", "digest_holds"]

MAX_HASH_SCALE: Final = 8
"""Decimals that a level is printed with at once; books of finer scales are for the reference path."""

_LITERAL: Final = 16
_NUMBER: Final = 28  # 19 digits, a point, 8 digits that may be scribbled
LEVEL_BYTES: Final = 3 * _LITERAL + 2 * _NUMBER + 16
"""Of a side's text buffer for each level: its text, and its price and size."""

TEXT_SLACK: Final = 128

_FIELDS: Final = {"market": 1, "symbol": 2, "time": 3}

# The words of a compiled `HashText`, as byte offsets; texts are (offset, length).
_HEAD: Final = 0  # offset of the parts: (field, offset, length) each
_PARTS: Final = 8
_BETWEEN: Final = 16
_ENDINGS: Final = 32  # offset of the texts
_N_ENDINGS: Final = 40
_LEVEL: Final = 48  # three literals: length, 16 bytes
_LITERAL_BYTES: Final = 8 + _LITERAL
_TEXTS: Final = _LEVEL + 3 * _LITERAL_BYTES

_ZEROS: Final = int.from_bytes(b"00000000", "little")
_COMMA: Final = 1
_DIGEST_CHARS: Final = 40


def compile_hash(spec: HashText) -> Buffer:
    """The spec as the kernels read it; pass on its ``address``. Raises ValueError for too long a level."""
    level = (spec.level[0], spec.level[1], f"{spec.level[2]},")
    if max(map(len, level)) > _LITERAL:
        raise ValueError(f"a literal of {spec.level} is longer than {_LITERAL} characters")
    texts = [*spec.head[::2], spec.between, *spec.endings]
    fields = [0, *(_FIELDS[name] for name in spec.head[1::2])]
    n_parts = len(spec.head)
    parts, endings = _TEXTS, _TEXTS + 24 * n_parts
    place = endings + 16 * len(spec.endings)
    block = Buffer(place + sum(map(len, texts)))
    words, spans = block.words(), []
    for text in texts:
        block.view[place : place + len(text)] = text.encode("ascii")
        spans.append((place, len(text)))
        place += len(text)
    literals = iter(spans)
    for part in range(n_parts):
        field = fields[(part + 1) // 2] if part % 2 else 0
        offset, length = (0, 0) if field else next(literals)
        for number, word in enumerate((field, offset, length)):
            words[(parts + 24 * part) // 8 + number] = word
    words[_HEAD // 8], words[_PARTS // 8] = parts, n_parts
    words[_BETWEEN // 8], words[_BETWEEN // 8 + 1] = next(literals)
    words[_ENDINGS // 8], words[_N_ENDINGS // 8] = endings, len(spec.endings)
    for number, (offset, length) in enumerate(literals):
        words[endings // 8 + 2 * number], words[endings // 8 + 2 * number + 1] = offset, length
    for number, literal in enumerate(level):
        base = _LEVEL + number * _LITERAL_BYTES
        words[base // 8] = len(literal)
        block.view[base + 8 : base + 8 + len(literal)] = literal.encode("ascii")
    return block


@inline
def _put_literal(out: int, literal: int) -> int:
    store_8(out, load_i8(literal + 8))
    store_8(out + 8, load_i8(literal + 16))
    return out + load_i8(literal)


@inline
def _quotient(value: int, power: int) -> int:
    return np.int64(np.uint64(value) // np.uint64(power))  # type: ignore[return-value]


@inline
def _put_shortest(out: int, value: int, scale: int) -> int:
    """Write a value (>= 0) at a scale of at most 8 in its shortest form."""
    power = POWERS[np.uint64(scale)]
    whole = _quotient(value, power)
    fraction = value - whole * power
    if whole == 0:
        store_1(out, 48)
        out += 1
    else:
        out = put_digits(out, whole)
    if fraction == 0:
        return out
    digits = eight_digits(fraction * POWERS[np.uint64(MAX_HASH_SCALE - scale)])
    store_1(out, 46)
    store_8(out + 1, digits | _ZEROS)
    return out + 9 - (leading_zeros(digits) >> 3)


@helper
def _side_text(spec: int, book: int, side: int, scales: tuple[int, int], text: int, room: int) -> int:
    """Write all levels of a side, the worst first, each with a comma behind; the end, 0 without room."""
    count = book_count(book, side)
    if count * LEVEL_BYTES + TEXT_SLACK > room:
        return 0
    levels = text + room - 16 * count
    level, out = levels + 16 * book_top(book, side, count, levels), text
    first = spec + _LEVEL
    while level > levels:
        level -= 16
        out = _put_literal(out, first)
        out = _put_shortest(out, load_i8(level), scales[0])
        out = _put_literal(out, first + _LITERAL_BYTES)
        out = _put_shortest(out, load_i8(level + 8), scales[1])
        out = _put_literal(out, first + 2 * _LITERAL_BYTES)
    return out


@helper
def _refresh(ctx: int, instrument: int, kept: int, side: int) -> int:
    """Bring the text of a side up to date; 0 without room."""
    book = load_i8(instrument + INSTRUMENT_BOOK)
    version, text = book_version(book, side), load_i8(kept + SIDE_TEXT)
    if load_i8(kept + SIDE_VERSION) != version:
        scales = load_i8(instrument + INSTRUMENT_PRICE_SCALE), load_i8(instrument + INSTRUMENT_SIZE_SCALE)
        end = _side_text(load_i8(ctx + CTX_HASH), book, side, scales, text, load_i8(kept + SIDE_ROOM))
        if end == 0:
            return 0
        store_8(kept + SIDE_LENGTH, end - text)
        store_8(kept + SIDE_VERSION, version)
    return 1


@helper
def _add_side(state: int, kept: int) -> None:
    """Take the text of a side in, without the comma behind its last level."""
    length = load_i8(kept + SIDE_LENGTH)
    if length > 0:
        sha1_add(state, load_i8(kept + SIDE_TEXT), length - _COMMA)


@helper
def _begin(spec: int, told: int, instrument: int, state: int) -> None:
    """Digest the text up to the ending."""
    sha1_start(state)
    part = spec + load_i8(spec + _HEAD)
    end = part + 24 * load_i8(spec + _PARTS)
    while part < end:
        field, address, length = load_i8(part), spec + load_i8(part + 8), load_i8(part + 16)
        if field:
            span = told + TOLD_MARKET if field == 1 else told + TOLD_TIME_TEXT
            span = instrument + INSTRUMENT_NAME if field == 2 else span
            address, length = load_i8(span), load_i8(span + 8)
        if length > 0:
            sha1_add(state, address, length)
        part += 24
    _add_side(state, instrument + INSTRUMENT_BIDS)
    sha1_add(state, spec + load_i8(spec + _BETWEEN), load_i8(spec + _BETWEEN + 8))
    _add_side(state, instrument + INSTRUMENT_ASKS)


@helper
def _read_digest(text: int, words: int) -> bool:
    """Forty lower-case hex digits as five words; False when they are none."""
    for place in range(5):
        word = 0
        for at in range(text + 8 * place, text + 8 * place + 8):
            c = load_u1(at)
            digit = c - 48 if c <= 57 else c - 87
            if digit < 0 or digit > 15 or 57 < c < 97:
                return False
            word = word << 4 | digit
        store_8(words + 8 * place, word)
    return True


@helper
def _same(words: int, others: int) -> bool:
    """Whether five words are equal."""
    different = 0
    for at in range(0, 40, 8):
        different |= load_i8(words + at) ^ load_i8(others + at)
    return different == 0


@helper
def digest_holds(ctx: int, told: int, instrument: int) -> int:
    """1 or 0: the digest of a message is, or is not, that of the book now; -1: a side's text has no room."""
    spec, begun = load_i8(ctx + CTX_HASH), load_i8(ctx + CTX_HASH_STATES)
    bids = _refresh(ctx, instrument, instrument + INSTRUMENT_BIDS, 1)
    asks = _refresh(ctx, instrument, instrument + INSTRUMENT_ASKS, -1)
    if bids == 0 or asks == 0:
        return -1
    state, expected = begun + SHA1_BYTES, begun + 2 * SHA1_BYTES
    if not _read_digest(load_i8(told + TOLD_DIGEST), expected):
        return 0
    _begin(spec, told, instrument, begun)
    count, known = load_i8(spec + _N_ENDINGS), load_i8(instrument + INSTRUMENT_ENDING)
    for turn in range(count):
        # The one that held last time is tried first.
        number = known if turn == 0 else (turn - 1 if turn <= known else turn)
        ending = spec + load_i8(spec + _ENDINGS) + 16 * number
        copy(state, begun, SHA1_BYTES)
        sha1_add(state, spec + load_i8(ending), load_i8(ending + 8))
        sha1_end(state)
        if _same(state, expected):
            store_8(instrument + INSTRUMENT_ENDING, number)
            return 1
    return 0
