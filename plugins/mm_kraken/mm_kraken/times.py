"""Kraken's times as text, to nanoseconds since the epoch, exactly.

WebSocket v2 writes RFC 3339 in UTC with ``Z`` and microseconds (``2023-09-24T14:10:23.799685Z``);
WebSocket v1 writes seconds as decimal text (``1618678123.481570``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from mm_framework.errors import MalformedFrame, MMError
from mm_framework.model.fixed import MAX, parse
from mm_kraken.names import VENUE

__all__ = ["rfc3339_ns", "seconds_ns"]

_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d):([0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339_ns(written: str) -> int:
    """Nanoseconds of an RFC 3339 time in UTC. Raises MalformedFrame for another form or offset."""
    match = _RFC3339.fullmatch(written)
    if match is None:
        raise _malformed(written, "an RFC 3339 time in UTC that ends with Z")
    minute, second, fraction = match.groups()
    ns = (_minute_s(minute) + int(second)) * 1_000_000_000
    if fraction:
        ns += int(fraction.ljust(9, "0"))
    if not -MAX <= ns <= MAX:
        raise _malformed(written, "a time that 64-bit nanoseconds hold")
    return ns


@lru_cache(maxsize=64)
def _minute_s(minute: str) -> int:
    try:
        return (datetime.fromisoformat(minute).replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    except ValueError as error:
        raise _malformed(minute, "a date of the calendar") from error


def seconds_ns(written: str) -> int:
    """Nanoseconds of a decimal text in seconds. Raises MalformedFrame when it is not one."""
    try:
        ns = parse(written, 9)
    except MMError as error:
        raise _malformed(written, "seconds since the epoch as decimal text") from error
    if ns < 0:
        raise _malformed(written, "seconds since the epoch as decimal text")
    return ns


def _malformed(written: str, expected: str) -> MalformedFrame:
    return MalformedFrame(f"found the time {written[:40]!r}, expected {expected}", venue=VENUE)
