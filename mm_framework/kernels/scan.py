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
    MAX_SYMBOL,
    MAX_TOLD,
    NODE_BIT,
    NODE_BYTES,
    NODE_CHILD,
    NODE_CHILDREN,
    NODE_FLAGS,
    NODE_KEY,
    NODE_KEY_LENGTH,
    NODE_KEY_MASK,
    NODE_KIND,
    NODE_LEAST,
    NODE_ORDER,
    NODE_REQUIRED,
    NODE_SCOPE,
    NODE_SIDE,
    NODE_TARGET,
    NODE_TEMPLATE,
    NODE_VALUE,
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
    ROW_STREAM,
    ROW_VENUE,
    SCAN_CHANNEL,
    SCAN_CONNECTION,
    SCAN_KNOWN,
    SCAN_MESSAGES,
    SCAN_MINUTE,
    SCAN_N_ROWS,
    SCAN_NUMBER,
    SCAN_ROWS,
    SCAN_ROWS_END,
    SCAN_STACK,
    SCAN_SYMBOL_MASK,
    SCAN_SYMBOLS,
    SCAN_TOLD,
    SHAPE_CHANNEL,
    SHAPE_REQUIRED,
    SHAPE_ROOT,
    SYMBOL_BYTES,
    SYMBOL_CHANNEL,
    SYMBOL_CONNECTION,
    SYMBOL_LENGTH,
    SYMBOL_STREAM,
    SYMBOL_TEXT,
    TEMPLATE_LITERAL_BYTES,
    TOLD_BYTES,
    TOLD_DIGEST,
    TOLD_FIRST_ROW,
    TOLD_MARKET,
    TOLD_ORDER,
    TOLD_ROWS,
    TOLD_STREAM,
    TOLD_TIME,
    TOLD_TIME_TEXT,
    TOLD_TURN,
    NodeFlag,
    NodeKind,
    Refusal,
    TimeForm,
)
from mm_framework.kernels.memory import (
    copy,
    load_i8,
    load_u1,
    load_u4,
    shift_right,
    store_1,
    store_8,
)
from mm_framework.kernels.numbers import POWERS, decimal, integer, minute_ns, rfc3339, text_end, word_end
from mm_framework.kernels.skip import ALSE, TRUE, blanks, skip_value
from mm_framework.model.fixed import MAX, NULL

__all__ = ["MIX", "scan"]

UNKNOWN: Final = -1
"""The stream of a name that is not in the table."""

MIX: Final = -0x61C8864680B583EB
"""Odd, its bits well spread: the multiplier of the hash of names (2**64 over the golden ratio)."""

OBJECT: Final = int(NodeKind.OBJECT)
TUPLE: Final = int(NodeKind.TUPLE)
ARRAY: Final = int(NodeKind.ARRAY)
SKIP: Final = int(NodeKind.SKIP)
DECIMAL: Final = int(NodeKind.DECIMAL)
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
CLOSED: Final = int(NodeFlag.CLOSED)
MORE: Final = int(NodeFlag.MORE)
MESSAGE: Final = int(NodeFlag.MESSAGE)
ROW: Final = int(NodeFlag.ROW)
ROWS: Final = int(NodeFlag.ROWS)
POSITIVE: Final = int(NodeFlag.POSITIVE)
NEWEST: Final = int(NodeFlag.NEWEST)
SIDE: Final = int(NodeFlag.SIDE)
SIGNED: Final = int(NodeFlag.SIGNED)
FRAME: Final = int(NodeFlag.FRAME)
BARE: Final = int(NodeFlag.BARE)
SPLIT: Final = int(NodeFlag.SPLIT)
KEPT: Final = int(NodeFlag.KEPT)
HASHED: Final = int(NodeFlag.HASHED)

READ: Final = int(Refusal.NONE)
OTHER_SHAPE: Final = int(Refusal.OTHER_SHAPE)
SNAPSHOT: Final = int(Refusal.SNAPSHOT)
ROOM: Final = int(Refusal.ROOM)
SYNTAX: Final = int(Refusal.SYNTAX)
TRAILING: Final = int(Refusal.TRAILING)
MISSING: Final = int(Refusal.MISSING)
DOUBLED: Final = int(Refusal.DOUBLED)
KEY: Final = int(Refusal.KEY)
BAD_TEXT: Final = int(Refusal.TEXT)
NUMBER: Final = int(Refusal.NUMBER)
SIGN: Final = int(Refusal.SIGN)
BAD_TIME: Final = int(Refusal.TIME)
BAD_CHOICE: Final = int(Refusal.CHOICE)
UNKNOWN_SYMBOL: Final = int(Refusal.SYMBOL)
SYMBOLS: Final = int(Refusal.SYMBOLS)
MANY: Final = int(Refusal.MANY)

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
COMMA: Final = 44
COLON: Final = 58


@inline
def _fits(node: int, p: int) -> bool:
    """Whether the text of a node (with its closing quote) stands at ``p``."""
    if (load_i8(p) & load_i8(node + NODE_KEY_MASK)) != load_i8(node + NODE_KEY):
        return False
    n, at = load_i8(node + NODE_KEY_LENGTH), 8
    while at < n:
        if (load_i8(p + at) & load_i8(node + NODE_KEY_MASK + at)) != load_i8(node + NODE_KEY + at):
            return False
        at += 8
    return True


@inline
def _literal(template: int, p: int) -> bool:
    """Whether a literal of a template stands at ``p``."""
    return (load_i8(p) & load_i8(template + 24)) == load_i8(template + 8) and (
        load_i8(p + 8) & load_i8(template + 32)
    ) == load_i8(template + 16)


@helper
def _open_message(told: int, first_row: int, hashed: int) -> None:
    at = told
    while at < told + TOLD_DIGEST:
        store_8(at, NULL)
        at += 8
    store_8(told + TOLD_DIGEST, 0)
    if hashed:
        store_8(told + TOLD_MARKET + 8, 0)
    store_8(told + TOLD_STREAM, -1)
    store_8(told + TOLD_FIRST_ROW, first_row)
    store_8(told + TOLD_ORDER, -1)
    store_8(told + TOLD_TURN, -1)


@helper
def _turn(first: int, turn: int, end: int) -> None:
    """Put the rows from ``turn`` to ``end`` before those from ``first``; there is room behind ``end``."""
    front, back = turn - first, end - turn
    copy(end, first, front)
    copy(first, turn, back)
    copy(first + back, end, front)


@helper
def _group(told: int, room: int, first: int, begin: int, end: int) -> tuple[int, int]:
    """Make messages of the rows from ``begin`` to ``end``, one of each stream: ``(how many, the rows' end)``.

    -1 messages: more than ``room``. There is room for the rows once more behind ``end``.
    """
    count, row = 0, begin
    while row < end:
        stream = load_i8(row + ROW_STREAM)
        if stream >= 0:
            one, last = told, told + count * TOLD_BYTES
            while one < last and load_i8(one + TOLD_STREAM) != stream:
                one += TOLD_BYTES
            if one == last:
                if count == room:
                    return -1, end
                if count > 0:
                    copy(one, told, TOLD_BYTES)
                count += 1
                store_8(one + TOLD_STREAM, stream)
                store_8(one + TOLD_ROWS, 0)
            store_8(one + TOLD_ROWS, load_i8(one + TOLD_ROWS) + 1)
            store_8(one + TOLD_DIGEST, load_i8(row + ROW_DIGEST))
        row += ROW_BYTES
    place, one = begin, told
    for _ in range(count):
        store_8(one + TOLD_FIRST_ROW, place - first)
        place += load_i8(one + TOLD_ROWS) * ROW_BYTES
        one += TOLD_BYTES
    if count != 1 or place != end:
        copy(end, begin, end - begin)
        _scatter(told, count, first, end, 2 * end - begin)
    return count, place


@helper
def _scatter(told: int, count: int, first: int, row: int, end: int) -> None:
    """Put copies of rows, from ``row`` on, to the messages that they belong to."""
    for number in range(count):
        one = told + number * TOLD_BYTES
        store_8(one + TOLD_TURN, first + load_i8(one + TOLD_FIRST_ROW))
    while row < end:
        stream, one = load_i8(row + ROW_STREAM), told
        if stream >= 0:
            while load_i8(one + TOLD_STREAM) != stream:
                one += TOLD_BYTES
            place = load_i8(one + TOLD_TURN)
            copy(place, row, ROW_BYTES)
            store_8(one + TOLD_TURN, place + ROW_BYTES)
        row += ROW_BYTES


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
def _choose(node: int, p: int) -> int:
    """The child (a field, or a text of a choice) whose text stands at ``p``, 0 when none does."""
    child = load_i8(node + NODE_CHILD)
    end = child + load_i8(node + NODE_CHILDREN) * NODE_BYTES
    while child < end:
        if _fits(child, p):
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
        if at >= p and _fits(child, at):
            return True
        child += NODE_BYTES
    return False


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
    none = _choose(node, p + 1)
    if none != 0:
        return p + 1 + load_i8(none + NODE_KEY_LENGTH), READ
    p, value, decimals = decimal(p + 1)
    if p == 0 or load_u1(p) != QUOTE:
        return p, NUMBER
    store_8(target, value)
    store_8(target + 8, decimals)
    return p + 1, (SIGN if value == 0 else READ)


@helper
def _leaf(s: int, node: int, kind: int, flags: int, p: int, end: int, told: int, row: int) -> tuple[int, int]:
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
        child = _choose(node, p + 1)
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


@helper
def scan(s: int, shape: int, p: int, end: int) -> int:
    """Read the frame from ``p`` to ``end`` as ``shape``: 0, or the `Refusal`. ``s`` is laid out by SCAN_*."""
    node = load_i8(shape + SHAPE_ROOT)
    first = load_i8(s + SCAN_ROWS)
    rows_end = load_i8(s + SCAN_ROWS_END) - ROW_BYTES
    stack = s + SCAN_STACK
    sp = stack
    told = s + SCAN_TOLD - TOLD_BYTES
    row = first
    seen, n_messages = 0, 0
    store_8(s + SCAN_KNOWN, 0)
    store_8(s + SCAN_NUMBER, NULL)
    store_8(s + SCAN_CHANNEL, load_i8(shape + SHAPE_CHANNEL))
    while True:
        # The value of `node` at p; 0 is what nobody declared.
        if p >= end:
            return SYNTAX
        kind, flags = SKIP, 0
        if node != 0:
            kind, flags, bit = load_i8(node + NODE_KIND), load_i8(node + NODE_FLAGS), load_i8(node + NODE_BIT)
            if seen & bit:
                return DOUBLED
            seen |= bit
        c = load_u1(p)
        fresh = False
        if kind <= ARRAY:
            if c != (123 if kind == OBJECT else 91):
                return SYNTAX
            if flags & MESSAGE:
                n_messages += 1
                if n_messages > MAX_TOLD:
                    return MANY
                told += TOLD_BYTES
                _open_message(told, row - first, flags & HASHED)
                seen &= ~load_i8(node + NODE_SCOPE)
            if flags & ROW:
                if row > rows_end:
                    return ROOM
                store_8(row + ROW_RECV, 0)
                store_8(row + ROW_VENUE, NULL)
                store_8(row + ROW_AUX, NULL)
                store_8(row + ROW_DIGEST, 0)
                store_1(row + ROW_SIDE, load_i8(node + NODE_SIDE))
                seen &= ~load_i8(node + NODE_SCOPE)
            if flags & ROWS:
                # The rows of one declaration; a message puts them in the order of the declarations.
                order = load_i8(node + NODE_ORDER)
                if order < load_i8(told + TOLD_ORDER):
                    store_8(told + TOLD_TURN, row - first)
                store_8(told + TOLD_ORDER, order)
            store_8(sp, node)
            store_8(sp + 8, load_i8(node + NODE_CHILD))
            sp += 16
            p += 1
            fresh = True
            template = load_i8(node + NODE_TEMPLATE)
            if template != 0:
                # Rows as they usually run; the first surprise goes on below, at that element.
                side = load_i8(node + NODE_SIDE)
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
                    fresh = False
                    if load_u1(p) == COMMA and _literal(template, p + 1):
                        p += 1
                        fresh = True
                    else:
                        break
        elif kind == DECIMAL:
            if flags & QUOTED:
                if c != QUOTE:
                    return NUMBER
                p += 1
            if flags & SIGNED:
                negative = load_u1(p) == MINUS
                store_1(row + ROW_SIDE, 255 if negative else 1)
                p += 1 if negative else 0
            p, value, decimals = decimal(p)
            if p == 0:
                return NUMBER
            if value == 0 and flags & POSITIVE:
                return SIGN
            if flags & QUOTED:
                if load_u1(p) != QUOTE:
                    return NUMBER
                p += 1
            target = load_i8(node + NODE_TARGET)
            if flags & IN_ROW:
                store_8(row + target, value)
                store_1(row + (ROW_PRICE_DECIMALS if target == ROW_PRICE else ROW_SIZE_DECIMALS), decimals)
            else:
                store_8(told + target, value)
                store_8(told + target + 8, decimals)
        elif kind == SKIP:
            p = skip_value(p, end)
            if p == 0:
                return SYNTAX
        else:
            p, refusal = _leaf(s, node, kind, flags, p, end, told, row)
            if refusal:
                return refusal
        # What follows a value: a bracket closes, a comma goes on; a container just opened does either.
        while True:
            p = blanks(p, end)
            if p >= end:
                return SYNTAX
            c = load_u1(p)
            node = load_i8(sp - 16)
            kind = load_i8(node + NODE_KIND)
            if c != (125 if kind == OBJECT else 93):
                break
            p += 1
            sp -= 16
            flags = load_i8(node + NODE_FLAGS)
            if kind == TUPLE and load_i8(sp + 8) < load_i8(node + NODE_CHILD) + (
                load_i8(node + NODE_CHILDREN) * NODE_BYTES
            ):
                return MISSING
            if flags & ROW:
                required = load_i8(node + NODE_REQUIRED)
                if seen & required != required:
                    return MISSING
                if load_u1(row + ROW_EMPTY):
                    store_8(row + ROW_SIZE, 0)
                    store_1(row + ROW_SIZE_DECIMALS, 0)
                row += ROW_BYTES
            if flags & MESSAGE:
                required = load_i8(node + NODE_REQUIRED)
                if seen & required != required:
                    return MISSING
                begin = first + load_i8(told + TOLD_FIRST_ROW)
                if flags & SPLIT:
                    if row + (row - begin) > rows_end:
                        return ROOM
                    groups, row = _group(told, MAX_TOLD - n_messages + 1, first, begin, row)
                    if groups < 0:
                        return MANY
                    n_messages += groups - 1
                    told += (groups - 1) * TOLD_BYTES
                else:
                    turn = load_i8(told + TOLD_TURN)
                    if turn >= 0:
                        if row + (row - begin) > rows_end:
                            return ROOM
                        _turn(begin, first + turn, row)
                    if load_i8(told + TOLD_STREAM) < 0:
                        return MISSING
                    store_8(told + TOLD_ROWS, (row - begin) // ROW_BYTES)
            fresh = False
            if sp == stack:
                required = load_i8(shape + SHAPE_REQUIRED)
                if seen & required != required:
                    return MISSING
                if blanks(p, end) != end:
                    return TRAILING
                store_8(s + SCAN_MESSAGES, n_messages)
                store_8(s + SCAN_N_ROWS, (row - first) // ROW_BYTES)
                return READ
        if not fresh:
            if c != COMMA:
                return SYNTAX
            p = blanks(p + 1, end)
        # The next child of the innermost container.
        child = load_i8(sp - 8)
        if kind == ARRAY:
            node = child
            continue
        children = load_i8(node + NODE_CHILD)
        last = children + load_i8(node + NODE_CHILDREN) * NODE_BYTES
        if kind == TUPLE:
            if child < last:
                store_8(sp - 8, child + NODE_BYTES)
                node = child
                continue
            if load_i8(node + NODE_FLAGS) & MORE == 0:
                return SYNTAX
            node = 0
            continue
        if p >= end or load_u1(p) != QUOTE:
            return SYNTAX
        p += 1
        found = child if child < last and _fits(child, p) else _choose(node, p)
        if found != 0:
            store_8(sp - 8, found + NODE_BYTES)
            p += load_i8(found + NODE_KEY_LENGTH)
        else:
            if load_i8(node + NODE_FLAGS) & CLOSED:
                return KEY
            p = text_end(p, end)
            if p == 0:
                return KEY
            p += 1
        p = blanks(p, end)
        if p >= end or load_u1(p) != COLON:
            return SYNTAX
        p = blanks(p + 1, end)
        node = found
