"""How Polymarket's books are proved, as data.

There are no sequence numbers. A book message replaces the book; it, each price change and each REST
answer carry the hash of the whole book after it. A hash that matches is a proof; on the WebSocket one
that does not is no loss (the venue hashes fields that it does not send): it marks the book as
unverified, and REST decides. A crossed book is a lost one. Trades have no numbers: nothing proves that
none was lost.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.sync_engine import SyncRules
from mm_polymarket.book_hash import HASH_TEXT, BookHash

__all__ = ["RULES"]

RULES: Final = SyncRules(
    checksum=None, crossed="resync", trade_ids=False, sequence=None, hash=BookHash(), hash_text=HASH_TEXT
)
