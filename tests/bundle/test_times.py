"""UTC times as text, exactly to the nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle.times import format_utc, parse_utc
from mm_framework.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000_000_000),
        ("2023-11-14 22:13:20.5", 1_700_000_000_500_000_000),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789),
        ("2023-11-15T00:13:20.000000001+02:00", 1_700_000_000_000_000_001),
        ("1969-12-31T23:59:59.9Z", -100_000_000),
    ],
)
def test_iso_8601_is_read_as_utc(text: str, ns: int) -> None:
    assert parse_utc(text) == ns


@pytest.mark.parametrize("text", ["", "soon", "1700000000", "2023-13-01", "2023-11-14T22:13:20.1234567890Z"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="is not ISO 8601: give 2026-11-21"):
        parse_utc(text)


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_what_is_written_is_read_back(ns: int) -> None:
    assert parse_utc(format_utc(ns)) == ns
