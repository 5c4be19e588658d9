"""The rules of both families of markets."""

from __future__ import annotations

from mm_binance.markets import MARKETS
from mm_binance.sync import FUTURES_RULES, SPOT_RULES, rules_of
from mm_framework.contracts.sync_engine import SequenceSpec


def test_spot_links_by_the_first_number_and_futures_by_the_one_before() -> None:
    assert SPOT_RULES.sequence == SequenceSpec("instrument", "first", "rest")
    assert FUTURES_RULES.sequence == SequenceSpec("instrument", "prev", "rest")
    for rules in (SPOT_RULES, FUTURES_RULES):
        assert (rules.checksum, rules.hash, rules.crossed, rules.trade_ids) == (None, None, "resync", True)


def test_each_market_has_the_rules_of_its_family() -> None:
    assert {market.venue: rules_of(market) is FUTURES_RULES for market in MARKETS} == {
        "binance": False,
        "binance-us": False,
        "binance-tr": False,
        "binance-usdm": True,
        "binance-coinm": True,
    }
