"""Bounds of settings that are numbers: what passes, and what a refusal says."""

from __future__ import annotations

import math
import re
from typing import Any

import attrs
import pytest

from mm_framework.contracts.bounds import more_than_zero, tcp_port, zero_or_more


@attrs.frozen
class Bounded:
    wait: float | None = attrs.field(default=None, validator=more_than_zero)
    weight: float | None = attrs.field(default=None, validator=zero_or_more)
    port: int | None = attrs.field(default=None, validator=tcp_port)


@pytest.mark.parametrize(
    "values", [{}, {"wait": 1e-9}, {"weight": 0}, {"weight": 2.5}, {"port": 0}, {"port": 65_535}]
)
def test_what_is_within_bounds_or_empty_passes(values: dict[str, Any]) -> None:
    assert attrs.asdict(Bounded(**values), filter=lambda _, value: value is not None) == values


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("wait", value, "more than 0") for value in (0, -1.5, math.nan)),
        *(("weight", value, "0 or more") for value in (-0.1, math.inf, math.nan)),
        *(("port", value, "0 to 65535") for value in (-1, 65_536)),
    ],
)
def test_what_is_outside_is_refused_with_what_was_expected(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value}, expected {expected}")):
        Bounded(**{name: value})
