"""The keys of the JSON line of a run stand on the page of file formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ReplayError
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import feed, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.results import callback_stats, run_document
from mm_framework.trading.settings import TradingSettings


def taker(state: Any, wake: Any, market: Any, out: Any) -> None:
    i = wake.instrument
    out.place(i, Side.BUY, market[i].ask, 1, TimeInForce.IOC, Urgency.TAKER, 0)


def played() -> Pipeline:
    """Fills of one instrument whose money needs more than six decimals, which is not trusted at the end."""
    strategy = Strategy(taker, wakes=On.MARKET, at={}, tags=("take",), python_only=True)
    pipeline = Pipeline({"taker": strategy}, FlatFee(FlatFeeSettings(fee_bps=26)), TradingSettings())
    fine = tape("test:A/B", price_scale=5, size_scale=8, tick=None, lot=None)
    market = fine.book(bids=[("0.00001", "5")], asks=[("0.00003", "5")]).gap()
    feed(pipeline, market.steps)
    pipeline.on_end(market.steps[-1].mono_ns)
    return pipeline


def keys(document: dict[str, Any]) -> Iterator[str]:
    """Its keys and those of ``pnl``, whose positions are by instrument."""
    yield from document
    yield from document["pnl"]


def test_every_key_of_the_json_line_stands_on_its_page(page: Callable[[str], str]) -> None:
    _, _, after = page("file-formats").partition("### The JSON line of a run\n")
    section, _, _ = after.partition("\n## ")
    pipeline = played()
    line = run_document(pipeline, "replay", 0, pnl=True, refusals=True, error=ReplayError("no such thing"))
    told = {*keys(line), *callback_stats(pipeline)["taker"]}
    assert {"pnl", "money_scale", "position_scale", "stale_marks", "error", "calls"} <= told
    assert not [key for key in sorted(told) if f"`{key}`" not in section]
