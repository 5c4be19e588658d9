"""How Binance's books are proved, as data.

Every update of a book carries the first and last number of what it holds (``U``, ``u``). Spot: ``U`` is the
``u`` before it plus 1. Futures: numbers are shared by all instruments and have holes, so each update
names the ``u`` before it (``pu``). The book begins with a REST snapshot (``lastUpdateId``): updates are kept
until it is there; those that it contains are dropped, and the first of the others must join it:

    spot      drop u <= lastUpdateId;   first: U <= lastUpdateId + 1 <= u
    futures   drop u <  lastUpdateId;   first: U <= lastUpdateId <= u

(``web-socket-streams.md`` and the futures pages "How to manage a local order book correctly", read
2026-11-21.) There is no checksum. Trades of a channel are numbered without holes, for each instrument.
"""

from __future__ import annotations

from typing import Final

from mm_binance.markets import Market
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules

__all__ = ["FUTURES_RULES", "SPOT_RULES", "rules_of"]

SPOT_RULES: Final = SyncRules(
    crossed="resync",
    trade_ids=True,
    sequence=SequenceSpec(scope="instrument", link="first", bridge="rest"),
)

FUTURES_RULES: Final = SyncRules(
    crossed="resync",
    trade_ids=True,
    sequence=SequenceSpec(scope="instrument", link="prev", bridge="rest"),
)


def rules_of(market: Market) -> SyncRules:
    """The rules of a market's books."""
    return FUTURES_RULES if market.futures else SPOT_RULES
