"""How Kraken's books are proved, as data.

A CRC-32 over the best 10 levels of each side, whatever the depth: asks from the lowest up, then bids
from the highest down; of each level price then quantity, fixed decimals without the point and without
leading zeros; nothing between them. Both wire versions share the rule. The book is cut to the
subscribed depth after the whole message, first: the venue deletes no level that it pushed out of range
(docs.kraken.com, guides "Book checksum" v1 and v2 and channel ``book``, read 2026-11-21).

Trades carry the number of the trade within the pair's book; a jump is declared as a gap. Levels
deeper than the tenth are not covered by any proof.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.sync_engine import ChecksumSpec, SyncRules

__all__ = ["CHECKSUM_LEVELS", "RULES"]

CHECKSUM_LEVELS: Final = 10

RULES: Final = SyncRules(
    checksum=ChecksumSpec(
        depth=CHECKSUM_LEVELS,
        order="asks_then_bids",
        tokens=("price", "size"),
        form="digits",
        truncate=True,
    ),
    crossed="resync",
    trade_ids=True,
)
