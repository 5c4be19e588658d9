"""Venue times become nanoseconds exactly, or the frame is malformed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.errors import MalformedFrame
from mm_kraken.times import rfc3339_ns, seconds_ns

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))
def test_microseconds_are_exact(moment: datetime) -> None:
    written = moment.isoformat(timespec="microseconds") + "Z"
    assert rfc3339_ns(written) == (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1_000),
        ("2023-09-24T14:10:23.799685Z", 1_695_564_623_799_685_000),
        ("2023-09-24T14:10:23.7Z", 1_695_564_623_700_000_000),
        ("2023-09-24T14:10:23.123456789Z", 1_695_564_623_123_456_789),
    ],
)
def test_any_number_of_decimals_up_to_nine_is_read(written: str, ns: int) -> None:
    assert rfc3339_ns(written) == ns


@pytest.mark.parametrize(
    "written",
    [
        "2023-09-24T14:10:23.799685+00:00",
        "2023-09-24T14:10:23.799685+02:00",
        "2023-09-24T14:10:23.799685",
        "2023-09-24 14:10:23.799685Z",
        "2023-09-24t14:10:23.799685z",
        "2023-09-24T14:10:60Z",
        "2023-09-24T24:10:00Z",
        "2023-02-29T14:10:23Z",
        "2023-09-24T14:10Z",
        "2023-09-24T14:10:23.Z",
        "2023-09-24T14:10:23.1234567890Z",
        "\uff12023-09-24T14:10:23Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1695564623",
        "",
    ],
)
def test_another_form_offset_or_range_is_malformed(written: str) -> None:
    with pytest.raises(MalformedFrame, match="found the time"):
        rfc3339_ns(written)


def test_seconds_as_decimal_text_are_exact() -> None:
    assert seconds_ns("1618678123.481570") == 1_618_678_123_481_570_000
    assert seconds_ns("0") == 0


@pytest.mark.parametrize(
    "written", ["", "x", "-1.0", "1.", "1e30", "1.1234567891", "99999999999999999999", " 1"]
)
def test_other_text_for_seconds_is_malformed(written: str) -> None:
    with pytest.raises(MalformedFrame, match="seconds since the epoch"):
        seconds_ns(written)
