"""How Bitfinex's books are proved, as data.

Numbers: with the conf flag SEQ_ALL every array frame of a connection, heartbeats too, carries the next
whole number of one counter. A jump is a lost frame of an unknown channel.

Checksum: with OB_CHECKSUM a frame of its own (``[chan,"cs",value]``) digests the book after the updates
before it: the best 25 of each side, interleaved from bid 1 and ask 1 on; of each level price and
amount, an ask's amount with its minus, all joined by colons, numbers as JavaScript prints them
(``1.7e-7``); CRC-32 as a signed 32-bit integer. A side that runs out is skipped. The venue deletes
levels that fall out of the subscribed length, so nothing is cut here.

A book that is crossed between two frames is normal: the venue forwards an aggressive order before its
match removes it. One that stays crossed for a second without a checksum that holds is wrong. Trade ids
are unique but leave holes. Source: docs.bitfinex.com, "Public Channels",
"Books", "WebSocket checksum", read 2026-11-21.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.sync_engine import ChecksumSpec, SequenceSpec, SyncRules

__all__ = ["CHECKSUM_LEVELS", "RULES"]

CHECKSUM_LEVELS: Final = 25

RULES: Final = SyncRules(
    checksum=ChecksumSpec(
        depth=CHECKSUM_LEVELS,
        order="interleaved",
        tokens=("price", "size"),
        form="js_number",
        separator=":",
        sign_on_asks=True,
        signed=True,
        when="own_frame",
        truncate=False,
    ),
    crossed="grace",
    trade_ids="rising",
    sequence=SequenceSpec(scope="connection"),
    window=True,
)
