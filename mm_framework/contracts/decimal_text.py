"""Validators of settings that are decimal text: prices, sizes and amounts that become integers later.

    size: str = setting("0.01", help="Size of each order.", validator=above_zero)

A number that no instrument's integers could hold is refused here, before any data is read.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import attrs

from mm_framework.model.fixed import BadNumber, decimals_of

__all__ = ["above_zero", "not_negative"]

_MOST: Final = 2**63
_SHOWN: Final = 40


def above_zero(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Raise ValueError for what is no number above 0; None is a setting that was left empty."""
    if value is not None and not _number(attribute, value) > 0:
        raise _refusal(attribute, value, "a number above 0, such as 0.01")


def not_negative(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Raise ValueError for what is no number of 0 or more; None is a setting that was left empty."""
    if value is not None and not _number(attribute, value) >= 0:
        raise _refusal(attribute, value, "a number of 0 or more, such as 0.01")


def _number(attribute: attrs.Attribute[Any], text: str) -> Fraction:
    """The exact number, -1 for text that is none. Raises ValueError for one that no int64 holds."""
    try:
        decimals_of(text)
    except BadNumber:
        return Fraction(-1)
    number = Fraction(text)
    if number >= _MOST:
        raise _refusal(attribute, text, f"a number below {_MOST}")
    return number


def _refusal(attribute: attrs.Attribute[Any], value: str, expected: str) -> ValueError:
    return ValueError(f"{attribute.name} is {value[:_SHOWN]!r}, expected {expected}")
