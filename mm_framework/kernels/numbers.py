"""Numbers and times as text, eight bytes at a time: the leaves of the scanner.

Each reader returns ``(end, value, ...)`` with the address behind what it read; ``end`` 0 refuses.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, load_u1, shift_right, trailing_zeros

__all__ = ["POWERS", "decimal", "integer", "minute_ns", "rfc3339", "text_end", "word_end"]

POWERS: Final = np.array([10**n for n in range(19)], dtype=np.int64)


def _word(byte: int) -> int:
    """The byte in all eight places, as a signed int64."""
    return int.from_bytes(bytes([byte]) * 8, "little", signed=True)


ZEROS: Final = _word(0x30)
OVER_NINE: Final = _word(0x76)
TOPS: Final = _word(0x80)
ONES: Final = _word(0x01)
QUOTES: Final = _word(0x22)
SLASHES: Final = _word(0x5C)
BLANKS: Final = _word(0x20)
MARKS: Final = _word(0x21)
DELETES: Final = _word(0x7F)
PAIRS: Final = 0x00FF00FF00FF00FF
QUADS: Final = 0x0000FFFF0000FFFF
MAX_DIGITS: Final = 18


@inline
def _first(flags: int) -> int:
    """The place of the first byte whose top bit is set, 8 without one."""
    return trailing_zeros(flags) >> 3


@inline
def _value8(digits: int) -> int:
    """Eight digits (as 0 to 9, the first in the low byte) as a number."""
    digits = (digits * 10 + shift_right(digits, 8)) & PAIRS
    digits = (digits * 100 + shift_right(digits, 16)) & QUADS
    return (digits * 10000 + shift_right(digits, 32)) & 0xFFFFFFFF


@helper
def _long_run(p: int, count: int, value: int) -> tuple[int, int]:
    """Go on with a run of ``count`` digits: ``(count, value)``; over 18 digits the value means nothing."""
    c = load_u1(p)
    while 48 <= c <= 57 and count <= MAX_DIGITS:
        if count < MAX_DIGITS:
            value = value * 10 + (c - 48)
        count += 1
        p += 1
        c = load_u1(p)
    return count, value


@inline
def _run(p: int) -> tuple[int, int]:
    """A run of digits: ``(count, value)``; count 0: none, 19: too many."""
    digits = load_i8(p) ^ ZEROS
    count = _first(((digits + OVER_NINE) | digits) & TOPS)
    if count == 8:
        return _long_run(p + 8, 8, _value8(digits))
    if count == 0:
        return 0, 0
    return count, _value8(digits << (64 - 8 * count))


@inline
def decimal(p: int) -> tuple[int, int, int]:
    """``(end, significand, decimals)`` of a number without sign and exponent, of at most 18 digits."""
    count, value = _run(p)
    if count == 0 or count > MAX_DIGITS or (count > 1 and load_u1(p) == 48):
        return 0, 0, 0
    p += count
    if load_u1(p) != 46:
        return p, value, 0
    decimals, fraction = _run(p + 1)
    if decimals == 0 or count + decimals > MAX_DIGITS:
        return 0, 0, 0
    return p + 1 + decimals, value * POWERS[np.uint64(decimals)] + fraction, decimals


@helper
def integer(p: int) -> tuple[int, int]:
    """``(end, value)`` of a whole number without sign, of at most 18 digits."""
    count, value = _run(p)
    if count == 0 or count > MAX_DIGITS or (count > 1 and load_u1(p) == 48):
        return 0, 0
    return p + count, value


@helper
def _two(p: int) -> int:
    """Two digits, -1 when they are none."""
    tens, units = load_u1(p) - 48, load_u1(p + 1) - 48
    if tens < 0 or tens > 9 or units < 0 or units > 9:
        return -1
    return tens * 10 + units


@helper
def minute_ns(p: int) -> int:
    """Nanoseconds since the epoch of ``YYYY-MM-DDTHH:MM``, 1970 to 2199; -1 when it is no such text."""
    century, year, month, day = _two(p), _two(p + 2), _two(p + 5), _two(p + 8)
    hour, minute = _two(p + 11), _two(p + 14)
    if century < 0 or year < 0 or month < 1 or month > 12 or day < 1:
        return -1
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return -1
    if load_u1(p + 4) != 45 or load_u1(p + 7) != 45 or load_u1(p + 10) != 84 or load_u1(p + 13) != 58:
        return -1
    year += century * 100
    if year < 1970 or year > 2199:
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = (29 if leap else 28) if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if day > length:
        return -1
    # Days of the civil calendar, years counted from March.
    shifted = year - 1 if month <= 2 else year
    era_year = shifted % 400
    month_day = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    era_day = era_year * 365 + era_year // 4 - era_year // 100 + month_day
    days = (shifted // 400) * 146097 + era_day - 719468
    return ((days * 24 + hour) * 60 + minute) * 60_000_000_000


@helper
def rfc3339(p: int, minute: int) -> tuple[int, int]:
    """``(end, ns)`` of what follows the minute: ``:SS[.fraction]Z``, the fraction of 1 to 9 digits."""
    seconds = _two(p + 1)
    if load_u1(p) != 58 or seconds < 0 or seconds > 59:
        return 0, 0
    ns = minute + seconds * 1_000_000_000
    p += 3
    if load_u1(p) == 46:
        count, value = _run(p + 1)
        if count == 0 or count > 9:
            return 0, 0
        ns += value * POWERS[np.uint64(9 - count)]
        p += 1 + count
    if load_u1(p) != 90:
        return 0, 0
    return p + 1, ns


@helper
def text_end(p: int, end: int) -> int:
    """The address of the quote that closes a text, 0 for any byte that is not plain printable ASCII."""
    while p < end:
        word = load_i8(p)
        quote, slash = word ^ QUOTES, word ^ SLASHES
        odd = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - BLANKS) & ~word) | word
        odd &= TOPS
        if odd == 0:
            p += 8
            continue
        p += _first(odd)
        if p < end and load_u1(p) == 34:
            return p
        return 0
    return 0


@helper
def word_end(p: int, end: int) -> int:
    """As `text_end`, but of a text without blanks: of the bytes from ``!`` to ``~`` alone."""
    while p < end:
        word = load_i8(p)
        quote, slash, delete = word ^ QUOTES, word ^ SLASHES, word ^ DELETES
        odd = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((delete - ONES) & ~delete)
        odd = (odd | ((word - MARKS) & ~word) | word) & TOPS
        if odd == 0:
            p += 8
            continue
        p += _first(odd)
        if p < end and load_u1(p) == 34:
            return p
        return 0
    return 0
