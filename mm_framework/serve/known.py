"""The instruments that a server knows: those of its sources and those of the store, by any of their names.

A name in a request is looked up here, and never becomes part of a path.
"""

from __future__ import annotations

import time

import attrs

from mm_framework.model.instrument import Definition
from mm_framework.serve.guard import Refusal
from mm_framework.serve.market import Market
from mm_framework.serve.parameters import refused
from mm_framework.serve.serving import Serving

__all__ = ["Known", "find", "known_of", "latest_ms", "now_ms"]


@attrs.frozen
class Known:
    """An instrument that is known: by a source (``market``), by the store (``stored``), or by both."""

    id: str
    market: Market | None
    stored: Definition | None

    @property
    def exchange(self) -> str:
        """The venue."""
        return self.id.partition(":")[0]

    @property
    def symbol(self) -> str:
        """Our name of it."""
        return self.id.partition(":")[2]

    @property
    def names(self) -> tuple[str, str]:
        """Both."""
        return self.exchange, self.symbol

    @property
    def definition(self) -> Definition | None:
        """The latest definition."""
        live = None if self.market is None else self.market.definition
        return live or self.stored


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


async def known_of(serving: Serving) -> list[Known]:
    """All instruments, sorted."""
    stored = await serving.read(serving.past.definitions)
    live = {market.id: market for market in serving.hub.markets()}
    return [Known(id, live.get(id), stored.get(id)) for id in sorted({*stored, *live})]


async def find(serving: Serving, exchange: str, symbol: str) -> Known | Refusal:
    """An instrument by our symbol or the venue's, in any case."""
    stored = await serving.read(serving.past.definitions)
    market = serving.hub.view(exchange, symbol)
    if market is not None:
        return Known(market.id, market, stored.get(market.id))
    wanted = exchange.lower(), symbol.upper()
    for id, definition in stored.items():
        venue, _, name = id.partition(":")
        if any((venue, one.upper()) == wanted for one in (name, definition.venue_symbol)):
            return Known(id, None, definition)
    return refused(
        "unknown_instrument",
        f"nothing is known of {exchange[:40]!r} {symbol[:80]!r}",
        "an instrument of /v1/instruments",
        404,
    )


async def latest_ms(serving: Serving, known: Known) -> int:
    """When the data of an instrument ends: of a source that tells it, else of the store."""
    if known.market is not None and known.market.ts_ms is not None:
        return known.market.ts_ms
    return await serving.read(serving.past.last_ms, known.id) or now_ms()
