"""Values that nobody declared: checked to be JSON, then passed over."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import MAX_DEPTH
from mm_framework.kernels.memory import load_u1, load_u4
from mm_framework.kernels.numbers import text_end

__all__ = ["ALSE", "TRUE", "blanks", "skip_value"]

MAX_WHOLE_DIGITS: Final = 200  # with an exponent of two digits still a double
TRUE: Final = int.from_bytes(b"true", "little")
NULL_WORD: Final = int.from_bytes(b"null", "little")
ALSE: Final = int.from_bytes(b"alse", "little")


@inline
def blanks(p: int, end: int) -> int:
    """The address of the next byte that is not JSON's white space."""
    c = load_u1(p)
    while c <= 32 and (c == 32 or c == 10 or c == 13 or c == 9) and p < end:
        p += 1
        c = load_u1(p)
    return p


@helper
def _digits(p: int, end: int) -> int:
    """The address behind a run of digits, 0 when there is none."""
    first = p
    while p < end and 48 <= load_u1(p) <= 57:
        p += 1
    return p if p > first else 0


@helper
def _number(p: int, end: int) -> int:
    """The address behind a JSON number, 0 when it is none or may be too large for a double."""
    if load_u1(p) == 45:
        p += 1
    first = p
    p = _digits(p, end)
    if p == 0 or (load_u1(first) == 48 and p > first + 1) or p > first + MAX_WHOLE_DIGITS:
        return 0
    if load_u1(p) == 46:
        p = _digits(p + 1, end)
        if p == 0:
            return 0
    if load_u1(p) | 32 == 101:
        p += 1
        c = load_u1(p)
        if c == 43 or c == 45:
            p += 1
        first = p
        p = _digits(p, end)
        if p == 0 or p > first + 2:
            return 0
    return p


@helper
def _key(p: int, end: int) -> int:
    """The address behind ``"key":``, 0 when there is none."""
    p = blanks(p, end)
    if p >= end or load_u1(p) != 34:
        return 0
    p = text_end(p + 1, end)
    if p == 0:
        return 0
    p = blanks(p + 1, end)
    if p >= end or load_u1(p) != 58:
        return 0
    return p + 1


@helper
def skip_value(p: int, end: int) -> int:
    """The address behind the JSON value at ``p``; 0 when it is none, or deeper than MAX_DEPTH."""
    depth, objects = 0, 0  # the kinds of the open containers, the innermost in the lowest bit
    while True:
        p = blanks(p, end)
        if p >= end:
            return 0
        c = load_u1(p)
        if c == 34:
            p = text_end(p + 1, end)
            if p == 0:
                return 0
            p += 1
        elif c == 123 or c == 91:
            depth += 1
            if depth > MAX_DEPTH:
                return 0
            objects = objects << 1 | (1 if c == 123 else 0)
            p = blanks(p + 1, end)
            if p < end and load_u1(p) != c + 2:
                if c == 123:
                    p = _key(p, end)
                    if p == 0:
                        return 0
                continue
        elif (c == 116 and load_u4(p) == TRUE) or (c == 110 and load_u4(p) == NULL_WORD):
            p += 4
        elif c == 102 and load_u4(p + 1) == ALSE:
            p += 5
        else:
            p = _number(p, end)
            if p == 0:
                return 0
        while depth > 0:
            p = blanks(p, end)
            if p >= end:
                return 0
            c = load_u1(p)
            if c == 44:
                p += 1
                if objects & 1:
                    p = _key(p, end)
                    if p == 0:
                        return 0
                break
            if c != (125 if objects & 1 else 93):
                return 0
            p += 1
            depth -= 1
            objects >>= 1
        else:
            return p
