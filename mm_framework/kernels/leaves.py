"""The leaves of a document: names, times, numbers, words; each is read into the row or the message.

What reads a leaf returns ``(end, refusal)``: the address behind it, or why it is none.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import (
    MAX_SYMBOL,
    NODE_BYTES,
    NODE_CHILD,
    NODE_CHILDREN,
    NODE_KEY,
    NODE_KEY_LENGTH,
    NODE_KEY_MASK,
    NODE_LEAST,
    NODE_TARGET,
    NODE_VALUE,
    ROW_EMPTY,
    ROW_SIDE,
    ROW_STREAM,
    SCAN_CHANNEL,
    SCAN_CONNECTION,
    SCAN_KNOWN,
    SCAN_MINUTE,
    SCAN_SYMBOL_MASK,
    SCAN_SYMBOLS,
    SYMBOL_BYTES,
    SYMBOL_CHANNEL,
    SYMBOL_CONNECTION,
    SYMBOL_LENGTH,
    SYMBOL_STREAM,
    SYMBOL_TEXT,
    TOLD_STREAM,
    TOLD_TIME,
    TOLD_TIME_TEXT,
    NodeFlag,
    NodeKind,
    Refusal,
    TimeForm,
)
from mm_framework.kernels.memory import copy, load_i8, load_u1, load_u4, shift_right, store_1, store_8
from mm_framework.kernels.numbers import POWERS, decimal, integer, minute_ns, rfc3339, text_end, word_end
from mm_framework.kernels.skip import ALSE, TRUE
from mm_framework.model.fixed import MAX

__all__ = ["MIX", "choose", "fits", "leaf"]

MIX: Final = -0x61C8864680B583EB
"""Odd, its bits well spread: the multiplier of the hash of names (2**64 over the golden ratio)."""

UNKNOWN: Final = -1
"""The stream of a name that is not in the table."""

INTEGER: Final = int(NodeKind.INTEGER)
TIME: Final = int(NodeKind.TIME)
SYMBOL: Final = int(NodeKind.SYMBOL)
CHOICE: Final = int(NodeKind.CHOICE)
LITERAL: Final = int(NodeKind.LITERAL)
TRUTH: Final = int(NodeKind.TRUTH)
ORDERS: Final = int(NodeKind.ORDERS)
ENDING: Final = int(NodeKind.ENDING)
TEXT: Final = int(NodeKind.TEXT)
DIGEST: Final = int(NodeKind.DIGEST)
OTHER: Final = int(NodeKind.OTHER)
BEST: Final = int(NodeKind.BEST)

QUOTED: Final = int(NodeFlag.QUOTED)
IN_ROW: Final = int(NodeFlag.IN_ROW)
NEWEST: Final = int(NodeFlag.NEWEST)
SIDE: Final = int(NodeFlag.SIDE)
FRAME: Final = int(NodeFlag.FRAME)
BARE: Final = int(NodeFlag.BARE)
KEPT: Final = int(NodeFlag.KEPT)

READ: Final = int(Refusal.NONE)
OTHER_SHAPE: Final = int(Refusal.OTHER_SHAPE)
SNAPSHOT: Final = int(Refusal.SNAPSHOT)
BAD_TEXT: Final = int(Refusal.TEXT)
NUMBER: Final = int(Refusal.NUMBER)
SIGN: Final = int(Refusal.SIGN)
BAD_TIME: Final = int(Refusal.TIME)
BAD_CHOICE: Final = int(Refusal.CHOICE)
UNKNOWN_SYMBOL: Final = int(Refusal.SYMBOL)
SYMBOLS: Final = int(Refusal.SYMBOLS)

RFC3339: Final = int(TimeForm.RFC3339)
SECONDS: Final = int(TimeForm.SECONDS)
MS: Final = int(TimeForm.MS)
US: Final = int(TimeForm.US)
EPOCH: Final = int(TimeForm.EPOCH)

MAX_KEPT: Final = 80
"""Characters of a text that a hash covers."""

DIGEST_CHARS: Final = 40

QUOTE: Final = 34
MINUS: Final = 45


@inline
def fits(node: int, p: int) -> bool:
    """Whether the text of a node (with its closing quote) stands at ``p``."""
    if (load_i8(p) & load_i8(node + NODE_KEY_MASK)) != load_i8(node + NODE_KEY):
        return False
    n, at = load_i8(node + NODE_KEY_LENGTH), 8
    while at < n:
        if (load_i8(p + at) & load_i8(node + NODE_KEY_MASK + at)) != load_i8(node + NODE_KEY + at):
            return False
        at += 8
    return True


@helper
def choose(node: int, p: int) -> int:
    """The child (a field, or a text of a choice) whose text stands at ``p``, 0 when none does."""
    child = load_i8(node + NODE_CHILD)
    end = child + load_i8(node + NODE_CHILDREN) * NODE_BYTES
    while child < end:
        if fits(child, p):
            return child
        child += NODE_BYTES
    return 0


@helper
def _ends(node: int, p: int, close: int) -> bool:
    """Whether the text from ``p`` to its quote at ``close`` ends as one of the node's texts."""
    child = load_i8(node + NODE_CHILD)
    last = child + load_i8(node + NODE_CHILDREN) * NODE_BYTES
    while child < last:
        at = close + 1 - load_i8(child + NODE_KEY_LENGTH)
        if at >= p and fits(child, at):
            return True
        child += NODE_BYTES
    return False


@inline
def _part(p: int, n: int, at: int) -> int:
    """Eight bytes of a name of ``n``, zeros behind its end."""
    word, rest = load_i8(p + at), n - at
    return word & (1 << (8 * rest)) - 1 if rest < 8 else word


@helper
def _stream(s: int, p: int, n: int) -> int:
    """The stream of the name of ``n`` bytes at ``p``, -1 for a name that is not in the table."""
    channel = load_i8(s + SCAN_CHANNEL)
    connection = load_i8(s + SCAN_CONNECTION)
    table, mask = load_i8(s + SCAN_SYMBOLS), load_i8(s + SCAN_SYMBOL_MASK)
    mixed, at = (n + channel) * MIX, 0
    while at < n:
        mixed = (mixed ^ _part(p, n, at)) * MIX
        mixed ^= shift_right(mixed, 29)
        # Of a long name its ends tell enough.
        at = n - 16 if at == 8 and n > 32 else at + 8
    slot = mixed & mask
    while True:
        entry = table + slot * SYMBOL_BYTES
        length = load_i8(entry + SYMBOL_LENGTH)
        if length == 0:
            return -1
        owner = load_i8(entry + SYMBOL_CONNECTION)
        if length == n and load_i8(entry + SYMBOL_CHANNEL) == channel and owner in (-1, connection):
            at = 0
            while at < n and load_i8(entry + SYMBOL_TEXT + at) == _part(p, n, at):
                at += 8
            if at >= n:
                return load_i8(entry + SYMBOL_STREAM)
        slot = (slot + 1) & mask


@helper
def _time(s: int, form: int, quoted: int, p: int) -> tuple[int, int]:
    """``(end, ns)`` of a time; ``end`` 0 refuses."""
    if quoted:
        if load_u1(p) != QUOTE:
            return 0, 0
        p += 1
    ns = 0
    if form == RFC3339:
        if load_i8(p) == load_i8(s + SCAN_MINUTE) and load_i8(p + 8) == load_i8(s + SCAN_MINUTE + 8):
            minute = load_i8(s + SCAN_MINUTE + 16)
        else:
            minute = minute_ns(p)
            if minute < 0:
                return 0, 0
            copy(s + SCAN_MINUTE, p, 16)
            store_8(s + SCAN_MINUTE + 16, minute)
        p, ns = rfc3339(p + 16, minute)
    elif form == SECONDS:
        p, value, decimals = decimal(p)
        if p == 0 or decimals > 9 or value > MAX // POWERS[9 - decimals]:
            return 0, 0
        ns = value * POWERS[9 - decimals]
    else:
        unit = 1_000_000 if form == MS else (1000 if form == US else 1)
        start = p
        p, ns = integer(p)
        if form == EPOCH and p != 0:
            # Milliseconds have 13 digits until the year 2286, microseconds 16.
            unit = 1_000_000 if p - start == 13 else 1000
            if p - start not in (13, 16):
                return 0, 0
        if ns > MAX // unit:
            return 0, 0
        ns *= unit
    if p == 0 or ns <= 0:
        return 0, 0
    if quoted:
        if load_u1(p) != QUOTE:
            return 0, 0
        p += 1
    return p, ns


@helper
def _text(kind: int, flags: int, p: int, end: int, target: int) -> tuple[int, int]:
    """Read a text that is only checked, or kept with the message: ``(end, refusal)``."""
    if load_u1(p) != QUOTE:
        return p, BAD_TEXT
    p += 1
    close = text_end(p, end) if kind == TEXT and flags & KEPT == 0 else word_end(p, end)
    if close == 0:
        return p, BAD_TEXT
    n = close - p
    if kind == DIGEST:
        store_8(target, p)
        return close + 1, (READ if n == DIGEST_CHARS else BAD_TEXT)
    if flags & KEPT:
        store_8(target, p)
        store_8(target + 8, n)
        return close + 1, (READ if n <= MAX_KEPT else BAD_TEXT)
    return close + 1, READ


@helper
def _best(node: int, p: int, target: int) -> tuple[int, int]:
    """Read a quoted best price, or a text that stands for none: ``(end, refusal)``."""
    if load_u1(p) != QUOTE:
        return p, NUMBER
    none = choose(node, p + 1)
    if none != 0:
        return p + 1 + load_i8(none + NODE_KEY_LENGTH), READ
    p, value, decimals = decimal(p + 1)
    if p == 0 or load_u1(p) != QUOTE:
        return p, NUMBER
    store_8(target, value)
    store_8(target + 8, decimals)
    return p + 1, (SIGN if value == 0 else READ)


@helper
def leaf(s: int, node: int, kind: int, flags: int, p: int, end: int, told: int, row: int) -> tuple[int, int]:
    """Read the leaves that are not decimals: ``(end, refusal)``."""
    base = s if flags & FRAME else told
    target = (row if flags & IN_ROW else base) + load_i8(node + NODE_TARGET)
    if kind == SYMBOL:
        if flags & BARE:
            close, _ = integer(p)
            behind, text = close, p
        else:
            close = text_end(p + 1, end) if load_u1(p) == QUOTE else 0
            behind, text = close + 1, p + 1
        n = close - text
        if close == 0 or n == 0 or n > MAX_SYMBOL:
            return p, BAD_TEXT
        stream = _stream(s, text, n)
        if flags & IN_ROW and stream != UNKNOWN:
            store_8(row + ROW_STREAM, stream)
            return behind, READ
        if stream < 0:
            return p, UNKNOWN_SYMBOL
        before = load_i8(told + TOLD_STREAM)
        if before >= 0 and before != stream:
            return p, SYMBOLS
        store_8(told + TOLD_STREAM, stream)
        return behind, READ
    if kind == TIME:
        quote = 1 if flags & QUOTED else 0
        text = p + quote
        p, ns = _time(s, load_i8(node + NODE_VALUE), quote, p)
        if p == 0:
            return p, BAD_TIME
        if flags & KEPT:
            store_8(told + TOLD_TIME_TEXT, text)
            store_8(told + TOLD_TIME_TEXT + 8, p - quote - text)
        if flags & NEWEST:
            if ns > load_i8(told + TOLD_TIME):
                store_8(told + TOLD_TIME, ns)
            if flags & IN_ROW == 0:
                return p, READ
        store_8(target, ns)
        return p, READ
    if kind == INTEGER:
        if flags & QUOTED:
            if load_u1(p) != QUOTE:
                return p, NUMBER
            p += 1
        least = load_i8(node + NODE_LEAST)
        negative = least < 0 and load_u1(p) == MINUS
        p, value = integer(p + 1 if negative else p)
        value = -value if negative else value
        if p == 0 or value > load_i8(node + NODE_VALUE) or value < least:
            return p, NUMBER
        if flags & QUOTED:
            if load_u1(p) != QUOTE:
                return p, NUMBER
            p += 1
        store_8(target, value)
        return p, READ
    if kind == ORDERS:
        p, value = integer(p)
        store_1(row + ROW_EMPTY, 1 if value == 0 else 0)
        return p, (READ if p != 0 else NUMBER)
    if kind == TRUTH:
        truth = load_u4(p) == TRUE
        if not truth and (load_u1(p) != 102 or load_u4(p + 1) != ALSE):
            return p, BAD_CHOICE
        side = load_i8(node + NODE_VALUE)
        store_1(row + ROW_SIDE, side if truth else -side)
        return p + (4 if truth else 5), READ
    if kind in (CHOICE, LITERAL):
        if load_u1(p) != QUOTE:
            return p, BAD_CHOICE
        child = choose(node, p + 1)
        if child == 0:
            return p, (OTHER_SHAPE if kind == LITERAL else BAD_CHOICE)
        if kind == LITERAL:
            store_8(s + SCAN_KNOWN, 1)
        elif flags & SIDE:
            store_1(row + ROW_SIDE, load_i8(child + NODE_VALUE))
        elif load_i8(child + NODE_VALUE) != 0:
            return p, SNAPSHOT
        return p + 1 + load_i8(child + NODE_KEY_LENGTH), READ
    if kind == ENDING:
        close = text_end(p + 1, end) if load_u1(p) == QUOTE else 0
        if close == 0:
            return p, BAD_TEXT
        return close + 1, (READ if _ends(node, p + 1, close) else OTHER_SHAPE)
    if kind == BEST:
        return _best(node, p, target)
    if kind in (TEXT, DIGEST):
        return _text(kind, flags, p, end, target)
    if kind == OTHER:
        store_8(s + SCAN_KNOWN, 0)
        return p, OTHER_SHAPE
    return p, SNAPSHOT
