"""UTC times: epoch nanoseconds to and from ISO 8601 with up to nine decimals, exactly; days, open ranges."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from mm_framework.errors import ConfigError

__all__ = ["DAY_NS", "FIRST_NS", "LAST_NS", "format_utc", "parse_utc"]

DAY_NS: Final = 86_400 * 10**9
FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
"""Times that leave a range open at an end."""

_FRACTION = re.compile(r"[.,]([0-9]+)")


def parse_utc(text: str) -> int:
    """Epoch ns of ``2026-11-21``, ``2026-11-21T04:45:12.5Z`` or with an offset; UTC unless it says so.

    Raises ConfigError for anything else.
    """
    fraction = _FRACTION.search(text)
    whole = text[: fraction.start()] + text[fraction.end() :] if fraction else text
    try:
        if fraction and len(fraction[1]) > 9:
            raise ValueError
        moment = datetime.fromisoformat(whole)
    except ValueError:
        raise ConfigError(
            f"time {text!r} is not ISO 8601: give 2026-11-21 or 2026-11-21T04:45:12.5Z (UTC)", value=text
        ) from None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return seconds * 10**9 + (int(fraction[1].ljust(9, "0")) if fraction else 0)


def format_utc(ns: int) -> str:
    """``2023-11-14T22:13:20.000000005Z`` of epoch ns."""
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
