"""Paths of best prices from the compiled engine, where it can play a tape; as `market_paths` gives them."""

from __future__ import annotations

from typing import Any

from mm_framework.results.path import TopPath
from mm_framework.trading.engine import at_hand
from mm_framework.trading.latency import Constant
from mm_framework.trading.market import BOOK
from mm_framework.trading.matching import Execution
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks

__all__ = ["compiled_paths"]


def compiled_paths(tape: Any, clocks: Clocks, settings: TradingSettings) -> dict[str, TopPath] | None:
    """The paths of a tape of rows, by id; None where kernels are not at hand or cannot play it."""
    names = {definition.id for definition in tape.definitions}
    sources = {settings.price_sources.get(name, settings.price_source) for name in names}
    if sources - {BOOK} or not at_hand():
        return None
    from mm_framework.trading.compiled.rules import why_not
    from mm_framework.trading.compiled.run import NotCompiled, Rows
    from mm_framework.trading.compiled.tops import VenueRun

    if why_not(Execution(), Constant(), Constant(), clocks) is not None:
        return None
    try:
        rows = Rows(tape.blocks, dict(enumerate(tape.definitions)))
        found = {slot.id: TopPath.of(slot, table) for slot, table in VenueRun(rows, clocks, settings).tops()}
    except NotCompiled:
        return None
    return {name: found[name] for name in sorted(found)}
