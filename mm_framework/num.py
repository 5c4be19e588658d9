"""The numeric functions that ``decide`` may call beside arithmetic.

They are the same functions in both modes of a strategy; the operators ``**`` and library calls are
not used there, because compiled and interpreted results of those differ in the last digit.
"""

from __future__ import annotations

import math

__all__ = ["ceil_to", "exp", "floor_to", "log", "pow", "powi", "sqrt"]

exp = math.exp
log = math.log
sqrt = math.sqrt


def pow(x: float, y: float) -> float:
    """``x`` to the power of a real number. Raises ValueError where the result is not real."""
    return math.pow(x, y)


def powi(x: float, n: int) -> float:
    """``x`` to an integer power by squaring; a negative ``n`` is one over it."""
    result, base, rest = 1.0, float(x), abs(n)
    while rest:
        if rest % 2:
            result *= base
        base *= base
        rest = rest // 2
    return 1.0 / result if n < 0 else result


def floor_to(value: int, step: int) -> int:
    """The largest multiple of ``step`` (> 0) that is not above ``value``: an own bid to its tick."""
    return value // step * step


def ceil_to(value: int, step: int) -> int:
    """The smallest multiple of ``step`` (> 0) that is not below ``value``: an own ask to its tick."""
    return -(-value // step) * step


MADE_OF_OPERATORS = frozenset({powi, floor_to, ceil_to})
"""The functions here that keep to what ``decide`` may say; the others are the C library's."""
