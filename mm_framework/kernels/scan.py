"""The projection scanner: one frame, one shape, one pass; rows and told messages, or a refusal.

    value of a node at p -> container: open, choose the first child
                         -> leaf: read it into the row or the message
    after a value        -> "," choose the next child, bracket: close, until the root is closed

The shape is a table (`kernels.shapes`), so that no plugin compiles anything. Numbers are left as
significand and decimals: the instrument, and with it the scale, may be named behind them. The scanner
writes rows behind those that are committed and its own memory, nothing else.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import (
    MAX_TOLD,
    NODE_BIT,
    NODE_BYTES,
    NODE_CHILD,
    NODE_CHILDREN,
    NODE_FLAGS,
    NODE_KEY_LENGTH,
    NODE_KIND,
    NODE_ORDER,
    NODE_REQUIRED,
    NODE_SCOPE,
    NODE_SIDE,
    NODE_TARGET,
    NODE_TEMPLATE,
    ROW_AUX,
    ROW_BYTES,
    ROW_DIGEST,
    ROW_EMPTY,
    ROW_PRICE,
    ROW_PRICE_DECIMALS,
    ROW_RECV,
    ROW_SIDE,
    ROW_SIZE,
    ROW_SIZE_DECIMALS,
    ROW_VENUE,
    SCAN_CHANNEL,
    SCAN_KNOWN,
    SCAN_MESSAGES,
    SCAN_N_ROWS,
    SCAN_NUMBER,
    SCAN_ROWS,
    SCAN_ROWS_END,
    SCAN_STACK,
    SCAN_TOLD,
    SHAPE_CHANNEL,
    SHAPE_REQUIRED,
    SHAPE_ROOT,
    TEMPLATE_LITERAL_BYTES,
    TOLD_BYTES,
    NodeFlag,
    NodeKind,
    Refusal,
)
from mm_framework.kernels.leaves import choose, fits, leaf
from mm_framework.kernels.memory import load_i8, load_u1, store_1, store_8
from mm_framework.kernels.numbers import decimal, text_end
from mm_framework.kernels.skip import blanks, skip_value
from mm_framework.kernels.told import close_message, note_rows, open_message
from mm_framework.model.fixed import NULL

__all__ = ["scan"]

OBJECT: Final = int(NodeKind.OBJECT)
TUPLE: Final = int(NodeKind.TUPLE)
ARRAY: Final = int(NodeKind.ARRAY)
SKIP: Final = int(NodeKind.SKIP)
DECIMAL: Final = int(NodeKind.DECIMAL)

QUOTED: Final = int(NodeFlag.QUOTED)
IN_ROW: Final = int(NodeFlag.IN_ROW)
CLOSED: Final = int(NodeFlag.CLOSED)
MORE: Final = int(NodeFlag.MORE)
MESSAGE: Final = int(NodeFlag.MESSAGE)
ROW: Final = int(NodeFlag.ROW)
ROWS: Final = int(NodeFlag.ROWS)
POSITIVE: Final = int(NodeFlag.POSITIVE)
SIGNED: Final = int(NodeFlag.SIGNED)
SPLIT: Final = int(NodeFlag.SPLIT)
HASHED: Final = int(NodeFlag.HASHED)

READ: Final = int(Refusal.NONE)
ROOM: Final = int(Refusal.ROOM)
SYNTAX: Final = int(Refusal.SYNTAX)
TRAILING: Final = int(Refusal.TRAILING)
MISSING: Final = int(Refusal.MISSING)
DOUBLED: Final = int(Refusal.DOUBLED)
KEY: Final = int(Refusal.KEY)
NUMBER: Final = int(Refusal.NUMBER)
SIGN: Final = int(Refusal.SIGN)
MANY: Final = int(Refusal.MANY)

QUOTE: Final = 34
MINUS: Final = 45
COMMA: Final = 44
COLON: Final = 58


@inline
def _literal(template: int, p: int) -> bool:
    """Whether a literal of a template stands at ``p``."""
    return (load_i8(p) & load_i8(template + 24)) == load_i8(template + 8) and (
        load_i8(p + 8) & load_i8(template + 32)
    ) == load_i8(template + 16)


@inline
def _usual_rows(node: int, p: int, row: int, rows_end: int) -> tuple[int, int, bool]:
    """Read rows as they usually run: ``(p, row, whether a value is next)``.

    The first surprise is read by `scan`, at that element.
    """
    template, side, fresh = load_i8(node + NODE_TEMPLATE), load_i8(node + NODE_SIDE), True
    if template == 0:
        return p, row, fresh
    while row <= rows_end and _literal(template, p):
        q, price, price_decimals = decimal(p + load_i8(template))
        if q == 0 or price == 0 or not _literal(template + TEMPLATE_LITERAL_BYTES, q):
            break
        q, size, size_decimals = decimal(q + load_i8(template + TEMPLATE_LITERAL_BYTES))
        if q == 0 or not _literal(template + 2 * TEMPLATE_LITERAL_BYTES, q):
            break
        p = q + load_i8(template + 2 * TEMPLATE_LITERAL_BYTES)
        store_8(row + ROW_RECV, price_decimals | size_decimals << 8)
        store_8(row + ROW_VENUE, NULL)
        store_8(row + ROW_PRICE, price)
        store_8(row + ROW_SIZE, size)
        store_8(row + ROW_AUX, NULL)
        store_1(row + ROW_SIDE, side)
        row += ROW_BYTES
        fresh = load_u1(p) == COMMA and _literal(template, p + 1)
        if not fresh:
            break
        p += 1
    return p, row, fresh


@inline
def _open_row(row: int, side: int) -> None:
    store_8(row + ROW_RECV, 0)
    store_8(row + ROW_VENUE, NULL)
    store_8(row + ROW_AUX, NULL)
    store_8(row + ROW_DIGEST, 0)
    store_1(row + ROW_SIDE, side)


@inline
def _close_row(row: int) -> int:
    """The address behind a row that is whole."""
    if load_u1(row + ROW_EMPTY):
        store_8(row + ROW_SIZE, 0)
        store_1(row + ROW_SIZE_DECIMALS, 0)
    return row + ROW_BYTES


@inline
def _number(node: int, flags: int, p: int, told: int, row: int) -> tuple[int, int]:
    """Read a price or a size: ``(end, refusal)``."""
    if flags & QUOTED:
        if load_u1(p) != QUOTE:
            return p, NUMBER
        p += 1
    if flags & SIGNED:
        negative = load_u1(p) == MINUS
        store_1(row + ROW_SIDE, 255 if negative else 1)
        p += 1 if negative else 0
    p, value, decimals = decimal(p)
    if p == 0:
        return p, NUMBER
    if value == 0 and flags & POSITIVE:
        return p, SIGN
    if flags & QUOTED:
        if load_u1(p) != QUOTE:
            return p, NUMBER
        p += 1
    target = load_i8(node + NODE_TARGET)
    if flags & IN_ROW:
        store_8(row + target, value)
        store_1(row + (ROW_PRICE_DECIMALS if target == ROW_PRICE else ROW_SIZE_DECIMALS), decimals)
    else:
        store_8(told + target, value)
        store_8(told + target + 8, decimals)
    return p, READ


@inline
def _element(node: int, kind: int, sp: int) -> tuple[int, int]:
    """``(node, refusal)`` of the next element of an array or a tuple; node 0 is one that nobody declared."""
    child = load_i8(sp - 8)
    if kind == ARRAY:
        return child, READ
    if child < load_i8(node + NODE_CHILD) + load_i8(node + NODE_CHILDREN) * NODE_BYTES:
        store_8(sp - 8, child + NODE_BYTES)
        return child, READ
    return 0, (READ if load_i8(node + NODE_FLAGS) & MORE else SYNTAX)


@inline
def _field(node: int, sp: int, p: int, end: int) -> tuple[int, int, int]:
    """``(node, p, refusal)`` of the value of the object's next field; node 0 is one that nobody declared."""
    child = load_i8(sp - 8)
    last = load_i8(node + NODE_CHILD) + load_i8(node + NODE_CHILDREN) * NODE_BYTES
    if p >= end or load_u1(p) != QUOTE:
        return 0, p, SYNTAX
    p += 1
    found = child if child < last and fits(child, p) else choose(node, p)
    if found != 0:
        store_8(sp - 8, found + NODE_BYTES)
        p += load_i8(found + NODE_KEY_LENGTH)
    else:
        if load_i8(node + NODE_FLAGS) & CLOSED:
            return 0, p, KEY
        p = text_end(p, end)
        if p == 0:
            return 0, p, KEY
        p += 1
    p = blanks(p, end)
    if p >= end or load_u1(p) != COLON:
        return 0, p, SYNTAX
    return found, blanks(p + 1, end), READ


@inline
def _lacks(node: int, seen: int) -> bool:
    """Whether a required leaf of a row or a message is missing."""
    required = load_i8(node + NODE_REQUIRED)
    return seen & required != required


@inline
def _is_short(node: int, kind: int, child: int) -> bool:
    """Whether a tuple ends before its last declared element."""
    return kind == TUPLE and child < load_i8(node + NODE_CHILD) + load_i8(node + NODE_CHILDREN) * NODE_BYTES


@inline
def _end(s: int, shape: int, seen: int, p: int, end: int, n_messages: int, n_rows: int) -> int:
    """The root is closed: 0, or the refusal of the frame."""
    required = load_i8(shape + SHAPE_REQUIRED)
    if seen & required != required:
        return MISSING
    store_8(s + SCAN_MESSAGES, n_messages)
    store_8(s + SCAN_N_ROWS, n_rows)
    return READ if blanks(p, end) == end else TRAILING


@helper
def scan(s: int, shape: int, p: int, end: int) -> int:
    """Read the frame from ``p`` to ``end`` as ``shape``: 0, or the `Refusal`. ``s`` is laid out by SCAN_*."""
    node, first = load_i8(shape + SHAPE_ROOT), load_i8(s + SCAN_ROWS)
    rows_end = load_i8(s + SCAN_ROWS_END) - ROW_BYTES
    sp = stack = s + SCAN_STACK
    told, row = s + SCAN_TOLD - TOLD_BYTES, first
    seen, n_messages = 0, 0
    store_8(s + SCAN_KNOWN, 0)
    store_8(s + SCAN_NUMBER, NULL)
    store_8(s + SCAN_CHANNEL, load_i8(shape + SHAPE_CHANNEL))
    while True:
        # The value of `node` at p; 0 is what nobody declared.
        if p >= end:
            return SYNTAX
        kind, flags, fresh = SKIP, 0, False
        if node != 0:
            kind, flags, bit = load_i8(node + NODE_KIND), load_i8(node + NODE_FLAGS), load_i8(node + NODE_BIT)
            if seen & bit:
                return DOUBLED
            seen |= bit
        if kind <= ARRAY:
            if load_u1(p) != (123 if kind == OBJECT else 91):
                return SYNTAX
            if flags & MESSAGE:
                n_messages += 1
                if n_messages > MAX_TOLD:
                    return MANY
                told += TOLD_BYTES
                open_message(told, row - first, flags & HASHED)
            if flags & ROW:
                if row > rows_end:
                    return ROOM
                _open_row(row, load_i8(node + NODE_SIDE))
            if flags & (MESSAGE | ROW):
                seen &= ~load_i8(node + NODE_SCOPE)
            if flags & ROWS:
                note_rows(told, load_i8(node + NODE_ORDER), row - first)
            store_8(sp, node)
            store_8(sp + 8, load_i8(node + NODE_CHILD))
            sp += 16
            p, row, fresh = _usual_rows(node, p + 1, row, rows_end)
        elif kind == DECIMAL:
            p, refusal = _number(node, flags, p, told, row)
            if refusal:
                return refusal
        elif kind == SKIP:
            p = skip_value(p, end)
            if p == 0:
                return SYNTAX
        else:
            p, refusal = leaf(s, node, kind, flags, p, end, told, row)
            if refusal:
                return refusal
        # What follows a value: a bracket closes, a comma goes on; a container just opened does either.
        while True:
            p = blanks(p, end)
            if p >= end:
                return SYNTAX
            c, node = load_u1(p), load_i8(sp - 16)
            kind = load_i8(node + NODE_KIND)
            if c != (125 if kind == OBJECT else 93):
                break
            p, sp, flags, fresh = p + 1, sp - 16, load_i8(node + NODE_FLAGS), False
            if _is_short(node, kind, load_i8(sp + 8)):
                return MISSING
            if flags & (MESSAGE | ROW) and _lacks(node, seen):
                return MISSING
            if flags & ROW:
                row = _close_row(row)
            if flags & MESSAGE:
                room = MAX_TOLD - n_messages + 1
                refusal, more, row = close_message(told, flags & SPLIT, room, first, row, rows_end)
                if refusal:
                    return refusal
                n_messages, told = n_messages + more - 1, told + (more - 1) * TOLD_BYTES
            if sp == stack:
                return _end(s, shape, seen, p, end, n_messages, (row - first) // ROW_BYTES)
        if not fresh:
            if c != COMMA:
                return SYNTAX
            p = blanks(p + 1, end)
        if kind == OBJECT:
            node, p, refusal = _field(node, sp, p, end)
        else:
            node, refusal = _element(node, kind, sp)
        if refusal:
            return refusal
