"""The intent hash: SHA-256 over one line an intent, in the order in which they were emitted.

    seq|strategy_id|intent_type|market_id|side|price_e6|size_e6|tif|urgency|tag

Words are lower case, absent fields empty, each line ends with a line feed. Price and size are the
integers at the instrument's scale, whatever the names of the columns say. A cancel or replace
without a tag has the number of its order there, as ``#12``. What became of an intent is not hashed.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

from mm_framework.model.orders import Intent, IntentKind

__all__ = ["IntentHash", "intent_line"]


def intent_line(intent: Intent) -> str:
    """The line of an intent, with its line feed."""
    tag = intent.tag
    if not tag and intent.kind is not IntentKind.PLACE:
        tag = f"#{intent.order}"
    fields = (
        intent.seq,
        intent.strategy,
        intent.kind,
        intent.instrument,
        intent.side,
        intent.price,
        intent.size,
        intent.tif,
        intent.urgency,
        tag,
    )
    return "|".join(map(_field, fields)) + "\n"


def _field(value: object) -> str:
    if value is None:
        return ""
    return value.name.lower() if isinstance(value, IntEnum) else str(value)


class IntentHash:
    """A running hash; ``count`` intents have gone into it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.count = 0

    def add(self, intent: Intent) -> None:
        """The next intent."""
        self._sha256.update(intent_line(intent).encode())
        self.count += 1

    def hexdigest(self) -> str:
        """The hash so far, 64 hex digits; of no intents that of nothing."""
        return self._sha256.hexdigest()
