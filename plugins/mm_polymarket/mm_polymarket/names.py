"""Names of a market and its two tokens, and ours: ``polymarket:dde06286a7b9-YES``.

A market is a condition (``0x`` and 64 hex digits) with two outcome tokens (decimal integers up to
2**256, always text). Our id has the first 12 hex digits of the condition and the outcome; the token id
is the venue's symbol. Without metadata the id is ``polymarket:<token id>``. Outcomes are named at will
(Yes and No, Up and Down, two teams): the first one listed is YES, unless the names say otherwise.

Source: docs.polymarket.com, market data, read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["CONDITION_DIGITS", "NO", "OUTCOME_ID", "VENUE", "YES", "is_token", "outcome_symbol", "yes_place"]

VENUE: Final = "polymarket"
YES: Final = "YES"
NO: Final = "NO"
CONDITION_DIGITS: Final = 12

OUTCOME_ID: Final = re.compile(r"[0-9a-f]{12}-(?:YES|NO)")
"""The symbol of an id that metadata gave."""

_TOKEN: Final = re.compile(r"[0-9]{1,78}", re.ASCII)


def is_token(name: str) -> bool:
    """Whether a name can be a token id: decimal digits, at most those of 2**256."""
    return _TOKEN.fullmatch(name) is not None


def outcome_symbol(condition_id: str, outcome: str) -> str:
    """``dde06286a7b9-YES`` of the condition and ``YES``."""
    return f"{condition_id.lower().removeprefix('0x')[:CONDITION_DIGITS]}-{outcome}"


def yes_place(outcomes: Sequence[str]) -> int:
    """Which of two outcomes is YES: the first, unless they are named No and Yes."""
    return 1 if [outcome.strip().lower() for outcome in outcomes] == ["no", "yes"] else 0
