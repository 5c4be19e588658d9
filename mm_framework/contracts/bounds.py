"""Validators of settings that are numbers; what is decimal text has its own (`decimal_text`).

    timeout_s: float = setting(1.0, help="Longest wait.", validator=more_than_zero)

None is a setting that was left empty, and passes. Each raises ValueError with what was found and expected.
"""

from __future__ import annotations

import math
from typing import Any, Final

import attrs

__all__ = ["more_than_zero", "tcp_port", "zero_or_more"]

_MAX_PORT: Final = 65_535


def more_than_zero(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    """Refuse what is 0, less or no number."""
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name} is {value}, expected more than 0")


def zero_or_more(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    """Refuse what is below 0, infinite or no number."""
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"{attribute.name} is {value}, expected 0 or more")


def tcp_port(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    """Refuse what is no TCP port; 0 is any that is free."""
    if value is not None and not 0 <= value <= _MAX_PORT:
        raise ValueError(f"{attribute.name} is {value}, expected 0 to {_MAX_PORT}")
