"""Fixed-point integers: decimal text to int64 at a scale and back, exactly, never through float.

A value at scale ``s`` is ``value * 10**s`` as an integer. ``parse`` is the one way in, ``text`` and
``digits`` the ways out. NULL (the int64 minimum) stands for "not told" in every i8 column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm_framework.errors import MMError

__all__ = [
    "MAX",
    "MAX_SCALE",
    "NULL",
    "BadNumber",
    "InexactValue",
    "ValueOverflow",
    "decimals_of",
    "digits",
    "parse",
    "parse_plain",
    "parse_with_decimals",
    "rescale",
    "text",
    "to_e6",
]

NULL = -(2**63)
MAX = 2**63 - 1
MAX_SCALE = 18
"""No scale is larger: 10**18 is the last power of ten that int64 holds."""

MAX_NUMBER_CHARS = 400
"""Longer number text is refused unread: no venue writes one, and reading it costs quadratic time."""

# RFC 8259 section 6: no plus, no leading zero, digits on both sides of the point.
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?")
_ONE_PLAIN = r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
_PLAIN = re.compile(f"{_ONE_PLAIN}(?: {_ONE_PLAIN})*+")
"""Unsigned numbers without exponent, a blank between them."""
_POW10: tuple[int, ...] = tuple(10**i for i in range(MAX_SCALE + 1))


class BadNumber(MMError):
    """The text is not a number of the JSON grammar."""


class InexactValue(MMError):
    """The text has more decimals than the scale; ``decimals`` is the least scale that holds it."""

    def __init__(self, message: str, *, decimals: int) -> None:
        self.decimals = decimals
        super().__init__(message)


class ValueOverflow(MMError):
    """int64 cannot hold the value at the scale."""


def parse_with_decimals(number: str, scale: int) -> tuple[int, int]:
    """Return ``(value, decimals)``: the exact integer at ``scale`` and the decimals as written.

    The decimals count trailing zeros (``1.50`` has 2); with an exponent they are those of the plain
    form (``1.5e-7`` has 8, ``1.5e3`` has 0).

    Raises BadNumber, InexactValue or ValueOverflow.
    """
    match = _NUMBER.fullmatch(number) if len(number) <= MAX_NUMBER_CHARS else None
    if match is None:
        raise BadNumber(f"found {number[:40]!r}, expected a JSON number")
    sign, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    decimals = len(fraction)
    significand = int(whole + fraction)
    if exponent is not None:
        decimals -= int(exponent)
        if decimals < 0:
            if significand and -decimals > 2 * MAX_SCALE:
                raise ValueOverflow(f"{number[:40]} does not fit int64 at scale {scale}")
            significand *= int(10**-decimals) if significand else 1
            decimals = 0
    value = rescale(significand, decimals, scale)
    if value > MAX:
        raise ValueOverflow(f"{number[:40]} does not fit int64 at scale {scale}")
    return (-value if sign else value), decimals


def parse_plain(numbers: Sequence[str], scale: int) -> tuple[list[int], int] | None:
    """Return ``(values, the most decimals written)`` of many numbers at once.

    None when one of them has a sign, an exponent, more than 18 digits on a side of its point or more
    decimals than the scale, does not fit, or is no number: `parse_with_decimals` tells which.
    """
    text = " ".join(numbers)
    if text.count(" ") != len(numbers) - 1 or _PLAIN.fullmatch(text) is None:
        return ([], 0) if not numbers else None
    written = [len(number.partition(".")[2]) for number in numbers]
    values, decimals = [int(digits) for digits in text.replace(".", "").split(" ")], max(written)
    if decimals > scale:
        return None
    if min(written) < scale:
        values = [value * _POW10[scale - places] for value, places in zip(values, written, strict=True)]
    return (values, decimals) if max(values) <= MAX else None


def rescale(significand: int, decimals: int, scale: int) -> int:
    """``significand * 10**-decimals`` (>= 0) at ``scale``; zeros at the end may go, other digits may not.

    Raises InexactValue.
    """
    if decimals <= scale:
        return significand * _POW10[scale - decimals]
    if not significand:
        return 0
    excess = decimals - scale
    shortened, remainder = divmod(significand, int(10**excess))
    if remainder:
        least = decimals - _trailing_zeros(significand)
        raise InexactValue(f"{str(significand)[:40]}e-{decimals} has over {scale} decimals", decimals=least)
    return shortened


def _trailing_zeros(value: int) -> int:
    printed = str(value)
    return len(printed) - len(printed.rstrip("0"))


def parse(number: str, scale: int) -> int:
    """The exact integer of a decimal text at ``scale``. Raises as `parse_with_decimals`."""
    return parse_with_decimals(number, scale)[0]


def decimals_of(number: str) -> int:
    """The decimals of a number as written, trailing zeros included. Raises BadNumber."""
    match = _NUMBER.fullmatch(number) if len(number) <= MAX_NUMBER_CHARS else None
    if match is None:
        raise BadNumber(f"found {number[:40]!r}, expected a JSON number")
    _, _, fraction, exponent = match.groups()
    return max(0, len(fraction or "") - int(exponent or 0))


def text(value: int, scale: int) -> str:
    """The shortest exact decimal text of a value: ``text(1500, 3) == "1.5"``, ``text(0, 3) == "0"``."""
    if value == NULL:
        raise ValueError("null has no text")
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, fraction = divmod(value, _POW10[scale])
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:0{scale}d}".rstrip("0")


def digits(value: int, scale: int, decimals: int) -> str:
    """The text with exactly ``decimals`` decimals: ``digits(1500, 3, 2) == "1.50"``.

    Raises InexactValue when digits other than zeros would be lost.
    """
    sign, magnitude = ("-", -value) if value < 0 else ("", value)
    shown = rescale(magnitude, scale, decimals)
    if not decimals:
        return f"{sign}{shown}"
    whole, fraction = divmod(shown, _POW10[decimals])
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def to_e6(number: str) -> tuple[int, bool]:
    """``(value at scale 6, exact)``, rounded half up (ties away from zero), for the D6 view only.

    Books and money use `parse`, which raises instead. Raises BadNumber, ValueOverflow.
    """
    try:
        return parse(number, 6), True
    except InexactValue as inexact:
        decimals = inexact.decimals
    sign, whole, fraction, exponent = _NUMBER.fullmatch(number).groups()  # type: ignore[union-attr]  # parsed above
    significand = int(whole + (fraction or ""))
    decimals = len(fraction or "") - int(exponent or 0)
    unit = 10 ** (decimals - 6)
    value = (significand * 2 + unit) // (2 * unit)
    if value > MAX:
        raise ValueOverflow(f"{number[:40]} does not fit int64 at scale 6")
    return (-value if sign else value), False
