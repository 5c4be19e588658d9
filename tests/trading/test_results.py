"""The JSON line and the result files: exact money, one currency at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ConfigError, ReplayError
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape, feed, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.results import ResultWriter, callback_stats, pnl_document, run_document
from mm_framework.trading.settings import TradingSettings


def taking(size: int = 2000) -> Strategy:
    """Buys once in each instrument, then cancels what is not there."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = wake.instrument
        if not state.at[i].done:
            state.at[i].done = 1
            view = market[i]
            order = out.place(i, Side.BUY, view.ask, size, TimeInForce.IOC, Urgency.TAKER, 0)
            out.cancel(order)

    return Strategy(decide, wakes=On.MARKET, at={"done": "i8"}, tags=("take",), python_only=True)


def played(market: Tape, strategy: Strategy | None = None, bps: int = 100, **options: Any) -> Pipeline:
    pipeline = Pipeline(
        {} if strategy is None else {"taking": strategy},
        FlatFee(FlatFeeSettings(fee_bps=bps)),
        TradingSettings(slippage_bps=0),
        **options,
    )
    feed(pipeline, market.steps)
    pipeline.on_end(market.steps[-1].mono_ns)
    return pipeline


def market() -> Tape:
    return tape("v:A/EUR").book(bids=[("99.00", "5")], asks=[("101.00", "5")])


def test_a_run_without_strategies_has_events_and_the_hash_of_nothing() -> None:
    document = run_document(played(market()), "replay", 12, pnl=True)
    assert document == {
        "ok": True,
        "mode": "replay",
        "execution": "sim",
        "canonical_events": 1,
        "intents": 0,
        "final_hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "elapsed_ms": 12,
        "pnl": {
            "cash_e6": 0,
            "realized_pnl_e6": 0,
            "unrealized_pnl_e6": 0,
            "fees_paid_e6": 0,
            "total_pnl_e6": 0,
            "positions_e6": {},
        },
    }


def test_profit_is_in_millionths_where_they_hold_it() -> None:
    assert pnl_document(played(market(), taking()).ledger.results()) == {
        "cash_e6": -202_000_000,
        "realized_pnl_e6": 0,
        "unrealized_pnl_e6": -4_000_000,
        "fees_paid_e6": 2_020_000,
        "total_pnl_e6": -6_020_000,
        "positions_e6": {"v:A/EUR": 2_000_000},
    }


def test_money_that_needs_more_digits_states_its_scale() -> None:
    fine = tape("v:A/EUR", price_scale=5, size_scale=8, tick=None, lot=None)
    fine.book(bids=[("0.00001", "5")], asks=[("0.00003", "0.00000001")])
    document = pnl_document(played(fine, taking(1), bps=26).ledger.results())
    assert document["money_scale"] == 14
    assert document["cash_e6"] == -3 * 10  # 0.00003 x 0.00000001 at 14 decimals
    assert document["fees_paid_e6"] == 1  # 0.26 % of it, rounded up to the money unit
    assert document["positions_e6"] == {"v:A/EUR": 1}
    assert document["position_scale"] == 8


def test_currencies_are_not_added() -> None:
    two = market().instrument("v:A/USD").book(bids=[("99.00", "5")], asks=[("101.00", "5")])
    document = pnl_document(played(two, taking()).ledger.results())
    assert set(document) == {"by_quote", "positions_e6"}
    assert document["by_quote"]["EUR"] == document["by_quote"]["USD"]
    assert document["by_quote"]["EUR"]["total_pnl_e6"] == -6_020_000


def test_a_mark_that_is_not_the_markets_is_told() -> None:
    document = pnl_document(played(market().gap(), taking()).ledger.results())
    assert document["stale_marks"] == ["v:A/EUR"]


def test_a_failed_run_says_why() -> None:
    failed = run_document(None, "replay", 0, error=ReplayError("no such thing"))
    assert (failed["ok"], failed["error"], failed["final_hash"]) == (False, "no such thing", None)
    broken = played(market(), Strategy(lambda *_: 1 // 0, python_only=True))
    document = run_document(broken, "live", 0)
    assert not document["ok"]
    assert "strategy taking: decide raised ZeroDivisionError" in document["error"]
    assert callback_stats(broken) == {
        "taking": {"calls": 1, "errors": 1, "fills": 0, "intents": 0, "refused": 0, "refused_by": {}}
    }


def test_the_files_hold_every_event_intent_and_fill_in_exact_text(tmp_path: Path) -> None:
    writer = ResultWriter.create(tmp_path, "first")
    pipeline = played(market(), taking(), observer=writer)
    writer.close(run_document(pipeline, "replay", 0), pipeline)
    folder = tmp_path / "results" / "first"

    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / name).read_text().splitlines()]

    assert [(line["seq"], line["bid_px_e6"]) for line in lines("tops.ndjson")] == [(3, 99_000_000)]
    place, cancel = lines("intents.ndjson")
    assert (place["price"], place["size"], place["state"], place["tag"]) == ("101", "2", "filled", "take")
    assert (cancel["intent_type"], cancel["market_id"], cancel["refusal"]) == (
        "cancel",
        None,
        "unknown order",
    )
    (fill,) = lines("fills.ndjson")
    assert (fill["side"], fill["price"], fill["size"], fill["fee"]) == ("buy", "101", "2", "2.02")
    (summary,) = lines("summary.json")
    (account,) = summary["accounts"]
    assert summary["final_hash"] == pipeline.intents.hexdigest()
    assert summary["tops_rounded"] == 0
    assert (account["strategy_id"], account["position"], account["total"], account["quote"]) == (
        "taking",
        "2",
        "-6.02",
        "EUR",
    )


def test_results_are_never_overwritten(tmp_path: Path) -> None:
    ResultWriter.create(tmp_path, "first").close({}, played(market()))
    with pytest.raises(ConfigError, match="never overwritten"):
        ResultWriter.create(tmp_path, "first")
    with pytest.raises(ConfigError, match="run id"):
        ResultWriter.create(tmp_path, "../out")
