"""Arithmetic as a machine does it, and as an error says it: int64 and float64, nothing else. Pure.

``decide`` of a strategy runs with these functions in the place of its operators (`trading.source`), so that
the interpreted and the compiled mode mean the same: an integer beyond int64 is an OverflowError where it
arises, a division by zero a ZeroDivisionError, a loop without an end a RuntimeError. Integers and floats meet
as floats, in comparisons too. ``//`` and ``%`` are for integers only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Final

from mm_framework.model.fixed import MAX
from mm_framework.trading.records import MIN, int64

__all__ = ["MAX_STEPS", "OPERATIONS", "Steps"]

Number = int | float

MAX_STEPS: Final = 10_000_000
"""Turns of loops within one call of ``decide``."""


def _both(operation: Callable[[Number, Number], Number], sign: str) -> Callable[[Number, Number], Number]:
    def apply(a: Number, b: Number) -> Number:
        if isinstance(a, int) and isinstance(b, int):
            found = operation(a, b)
            return found if MIN <= found <= MAX else int64(found, f"{int(a)} {sign} {int(b)}")
        return operation(float(a), float(b))

    return apply


def _item(values: Sequence[object], k: int) -> object:
    """An element; lists have no negative index either."""
    if k < 0 and isinstance(values, list):
        raise IndexError("list index out of range")
    return values[k]


def _truediv(a: Number, b: Number) -> float:
    return float(a) / float(b)


def _whole(operation: Callable[[int, int], int], sign: str) -> Callable[[Number, Number], int]:
    def apply(a: Number, b: Number) -> int:
        if isinstance(a, int) and isinstance(b, int):
            found = operation(int(a), int(b))
            return found if MIN <= found <= MAX else int64(found, f"{a} {sign} {b}")
        raise TypeError(f"{a} {sign} {b}: {sign} is for integers")

    return apply


def _compared(operation: Callable[[Number, Number], bool]) -> Callable[[Number, Number], bool]:
    def apply(a: Number, b: Number) -> bool:
        if isinstance(a, int) and isinstance(b, int):
            return operation(a, b)
        return operation(float(a), float(b))

    return apply


def _extremum(choose: Callable[[Number, Number], Number]) -> Callable[..., Number]:
    def apply(first: Number, *others: Number) -> Number:
        numbers = (first, *others)
        if all(isinstance(number, int) for number in numbers):
            numbers = tuple(int(number) for number in numbers)
        else:
            numbers = tuple(float(number) for number in numbers)
        found = numbers[0]
        for number in numbers[1:]:
            found = choose(found, number)
        return found

    return apply


def _negated(a: Number) -> Number:
    return int64(-int(a), f"-({a})") if isinstance(a, int) else -a


def _absolute(a: Number) -> Number:
    return int64(abs(int(a)), f"abs({a})") if isinstance(a, int) else abs(a)


def _integer(a: Number) -> int:
    return int64(int(a), f"int({a})")


OPERATIONS: Final[dict[str, Callable[..., object]]] = {
    "Add": _both(operator.add, "+"),
    "Sub": _both(operator.sub, "-"),
    "Mult": _both(operator.mul, "*"),
    "Div": _truediv,
    "FloorDiv": _whole(operator.floordiv, "//"),
    "Mod": _whole(operator.mod, "%"),
    "BitAnd": _whole(operator.and_, "&"),
    "BitOr": _whole(operator.or_, "|"),
    "BitXor": _whole(operator.xor, "^"),
    "Item": _item,
    "USub": _negated,
    "Eq": _compared(operator.eq),
    "NotEq": _compared(operator.ne),
    "Lt": _compared(operator.lt),
    "LtE": _compared(operator.le),
    "Gt": _compared(operator.gt),
    "GtE": _compared(operator.ge),
    "abs": _absolute,
    "min": _extremum(lambda a, b: b if b < a else a),
    "max": _extremum(lambda a, b: b if b > a else a),
    "int": _integer,
    "float": float,
    "bool": bool,
}
"""By the name of the syntax tree's node, or of the function."""


class Steps:
    """Counts the turns of loops of one call, which begins with `reset`."""

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def reset(self) -> None:
        """A new call."""
        self.left = MAX_STEPS

    def __call__(self) -> None:
        """One turn. Raises RuntimeError when there were too many."""
        self.left -= 1
        if self.left < 0:
            raise RuntimeError(f"a loop went around {MAX_STEPS} times in one call: it would never end")
