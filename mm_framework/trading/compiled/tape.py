"""Rows into messages with a time at the venue, in the order of receipt and in that of the venue.

The ring holds what was read and is not received yet. RUN_ORDER holds (v_ns, place in the ring * 2 + 1 if it
is no print): a message goes in from behind, past those that the venue saw later. Nothing that is yet to be
read was at the venue before RUN_SAFE, so what is before that may be played. As `trading.timeline` says it.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.layout import (
    ROW_BYTES,
    ROW_INSTRUMENT,
    ROW_KIND,
    ROW_PRICE,
    ROW_RECV,
    ROW_SEQ,
    ROW_SIZE,
    ROW_VENUE,
)
from mm_framework.kernels.memory import load_i8, load_u1, load_u4, store_8
from mm_framework.model.events import Kind
from mm_framework.model.fixed import MAX, NULL
from mm_framework.trading.compiled.layout import (
    LIMIT,
    NUMBER_EARLY,
    NUMBER_ID,
    NUMBER_LAST,
    NUMBER_THETA,
    RUN_ASSUMED,
    RUN_BEYOND,
    RUN_BLOCK,
    RUN_CLIPPED,
    RUN_LAST_RECV,
    RUN_LAST_ROWS,
    RUN_LONGEST,
    RUN_MESSAGES,
    RUN_NUMBERS,
    RUN_NUMBERS_MASK,
    RUN_ORDER,
    RUN_RING,
    RUN_RING_HERE,
    RUN_RING_MASK,
    RUN_RING_READ,
    RUN_RING_VENUE,
    RUN_ROWS,
    RUN_ROWS_END,
    RUN_SAFE,
    RUN_SURVEY,
    RUN_THETA,
    RUN_UNTIMED,
    RUN_WHO,
    TAPE_BYTES,
    TAPE_COUNT,
    TAPE_KIND,
    TAPE_NUMBER,
    TAPE_RECV,
    TAPE_ROWS,
    TAPE_SEQ,
    TAPE_VENUE,
    Status,
)

__all__ = ["LEAST_LATENCY_NS", "SURVEYED", "entry_at", "read_ahead", "survey"]

LEAST_LATENCY_NS: Final = 1_000
SURVEYED: Final = 256
"""Rows that one number of RUN_SURVEY stands for."""

_TRADE: Final = int(Kind.TRADE)
_TOP: Final = int(Kind.TOP)
_DEFINITION: Final = int(Kind.DEFINITION)
_LEVEL: Final = int(Kind.LEVEL)
_SNAPSHOT_START: Final = int(Kind.SNAPSHOT_START)
_ROWS: Final = int(Status.ROWS)
_RING: Final = int(Status.RING)
_NUMBER: Final = int(Status.NUMBER)
_RANGE: Final = int(Status.RANGE)
_BACKWARDS: Final = int(Status.BACKWARDS)


@inline
def entry_at(run: int, place: int) -> int:
    """The address of a place in the ring."""
    return load_i8(run + RUN_RING) + (place & load_i8(run + RUN_RING_MASK)) * TAPE_BYTES


@inline
def _number_of(run: int, number: int) -> int:
    """The NUMBER of an instrument number, 0 for one that was never seen."""
    table, mask, index = load_i8(run + RUN_NUMBERS), load_i8(run + RUN_NUMBERS_MASK), number
    while True:
        found = load_i8(table + (index & mask) * 8)
        if found == 0 or load_i8(found + NUMBER_ID) == number:
            return found
        index += 1


@inline
def _bad(price: int, size: int) -> bool:
    """Whether a number of a row is not in 0..LIMIT, nor untold."""
    return (price != NULL and price & -LIMIT != 0) or (size != NULL and size & -LIMIT != 0)


@inline
def _count(run: int, rows: int) -> int:
    """How many rows the message has; below 0 when a row has a number that is too large."""
    end, seq, row = load_i8(run + RUN_ROWS_END), load_i8(rows + ROW_SEQ), rows
    while row < end and load_i8(row + ROW_SEQ) == seq:
        kind = load_u1(row + ROW_KIND)
        told = kind in (_LEVEL, _TRADE, _TOP)  # thrice as fast as `in`
        if told and _bad(load_i8(row + ROW_PRICE), load_i8(row + ROW_SIZE)):
            store_8(run + RUN_WHO, row)
            return -1
        row += ROW_BYTES
    return (row - rows) // ROW_BYTES


@helper
def _stamp(run: int, number: int, kind: int, recv_ns: int, told_ns: int) -> int:
    """The time at the venue."""
    channel = 16 if kind == _TRADE else 32 if kind == _TOP else 0
    last = number + NUMBER_LAST + channel
    last_ns, last_v = load_i8(last), load_i8(last + 8)
    store_8(run + RUN_MESSAGES, load_i8(run + RUN_MESSAGES) + 1)
    if kind == _DEFINITION and load_i8(number + NUMBER_EARLY) == 1:
        store_8(number + NUMBER_EARLY, 0)
        return recv_ns - load_i8(run + RUN_LONGEST)
    if last_ns == recv_ns and channel == 0 and kind != _LEVEL and kind != _SNAPSHOT_START:
        return last_v
    if told_ns == NULL:
        store_8(run + RUN_UNTIMED, load_i8(run + RUN_UNTIMED) + 1)
        told = recv_ns - load_i8(run + RUN_ASSUMED)
    else:
        told = told_ns - load_i8(number + NUMBER_THETA)
    v_ns = max(min(told, recv_ns - LEAST_LATENCY_NS), recv_ns - load_i8(run + RUN_LONGEST))
    if v_ns != told:
        store_8(run + RUN_CLIPPED, load_i8(run + RUN_CLIPPED) + 1)
    if last_ns != NULL:
        v_ns = max(v_ns, last_v)
    store_8(last, recv_ns)
    store_8(last + 8, v_ns)
    return v_ns


@helper
def _insert(run: int, place: int, v_ns: int, print_last: int) -> None:
    """Bring a message into the order of the venue; ``print_last``: 1 for no print."""
    order, mask, first = load_i8(run + RUN_ORDER), load_i8(run + RUN_RING_MASK), load_i8(run + RUN_RING_VENUE)
    free = place
    while free > first:
        before = order + ((free - 1) & mask) * 16
        other, tag = load_i8(before), load_i8(before + 8)
        if other < v_ns or (other == v_ns and (tag & 1) <= print_last):
            break
        to = order + (free & mask) * 16
        store_8(to, other)
        store_8(to + 8, tag)
        free -= 1
    to = order + (free & mask) * 16
    store_8(to, v_ns)
    store_8(to + 8, 2 * place + print_last)


@helper
def _read(run: int, rows: int) -> int:
    """The next message into the ring; a status."""
    place = load_i8(run + RUN_RING_READ)
    if place - load_i8(run + RUN_RING_HERE) > load_i8(run + RUN_RING_MASK):
        return _RING
    number = _number_of(run, load_u4(rows + ROW_INSTRUMENT))
    if number == 0:
        store_8(run + RUN_WHO, load_u4(rows + ROW_INSTRUMENT))
        return _NUMBER
    count, recv_ns, kind = _count(run, rows), load_i8(rows + ROW_RECV), load_u1(rows + ROW_KIND)
    if count < 0:
        return _RANGE
    if recv_ns < load_i8(run + RUN_LAST_RECV) or recv_ns >= LIMIT:
        store_8(run + RUN_WHO, rows)
        return _BACKWARDS
    v_ns = _stamp(run, number, kind, recv_ns, load_i8(rows + (count - 1) * ROW_BYTES + ROW_VENUE))
    entry = entry_at(run, place)
    store_8(entry + TAPE_ROWS, rows)
    store_8(entry + TAPE_COUNT, count)
    store_8(entry + TAPE_RECV, recv_ns)
    store_8(entry + TAPE_VENUE, v_ns)
    store_8(entry + TAPE_SEQ, load_i8(rows + ROW_SEQ))
    store_8(entry + TAPE_NUMBER, number)
    store_8(entry + TAPE_KIND, kind)
    _insert(run, place, v_ns, 0 if kind == _TRADE else 1)
    store_8(run + RUN_RING_READ, place + 1)
    store_8(run + RUN_LAST_RECV, recv_ns)
    store_8(run + RUN_ROWS, rows + count * ROW_BYTES)
    return 0


@helper
def _read_on(run: int) -> int:
    """Read until what is next at the venue is certain; a status."""
    while True:
        rows = load_i8(run + RUN_ROWS)
        if rows == load_i8(run + RUN_ROWS_END):
            if load_i8(run + RUN_LAST_ROWS) == 0:
                return _ROWS
            store_8(run + RUN_SAFE, MAX)
            return 0
        chunk = (rows - load_i8(run + RUN_BLOCK)) // (SURVEYED * ROW_BYTES)
        safe = load_i8(load_i8(run + RUN_SURVEY) + chunk * 8)
        store_8(run + RUN_SAFE, safe)
        first = load_i8(run + RUN_RING_VENUE)
        if first < load_i8(run + RUN_RING_READ):
            order = load_i8(run + RUN_ORDER) + (first & load_i8(run + RUN_RING_MASK)) * 16
            if load_i8(order) < safe:
                return 0
        code = _read(run, rows)
        if code:
            return code


@kernel
def survey(run: int, rows: int, end: int, out: int) -> int:
    """Write RUN_SURVEY of the rows of a block; how many numbers that are.

    A message without a time of its own may have that of one which was received with it: never is it at the
    venue before all of these. Those received with the first row may have begun in the block before.
    """
    count, size = 0, SURVEYED * ROW_BYTES
    longest, assumed, theta = load_i8(run + RUN_LONGEST), load_i8(run + RUN_ASSUMED), load_i8(run + RUN_THETA)
    moment_ns = load_i8(rows + ROW_RECV)
    moment = moment_ns - longest
    for first in range(rows, end, size):
        earliest = MAX
        for row in range(first, min(end, first + size), ROW_BYTES):
            recv_ns, told_ns = load_i8(row + ROW_RECV), load_i8(row + ROW_VENUE)
            if recv_ns != moment_ns:
                moment_ns, moment = recv_ns, MAX
            told = recv_ns - assumed if told_ns == NULL else told_ns - theta
            told = max(min(told, recv_ns - LEAST_LATENCY_NS), recv_ns - longest)
            if load_u1(row + ROW_KIND) == _DEFINITION:
                told = recv_ns - longest
            moment = min(moment, told)
            earliest = min(earliest, moment)
        store_8(out + count * 8, earliest)
        count += 1
    following = load_i8(run + RUN_BEYOND)
    for place in range(count):
        at = out + (count - 1 - place) * 8
        following = min(following, load_i8(at))
        store_8(at, following)
    return count


@inline
def read_ahead(run: int) -> int:
    """The time of the next message at the venue, MAX for none; below 0: minus a status."""
    first = load_i8(run + RUN_RING_VENUE)
    order = load_i8(run + RUN_ORDER) + (first & load_i8(run + RUN_RING_MASK)) * 16
    if first < load_i8(run + RUN_RING_READ) and load_i8(order) < load_i8(run + RUN_SAFE):
        return load_i8(order)
    code = _read_on(run)
    if code:
        return -code
    if first == load_i8(run + RUN_RING_READ):
        return MAX
    return load_i8(order)
