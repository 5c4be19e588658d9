"""The example strategy on tapes that these tests write: no venue, no file, no clock."""

from __future__ import annotations

import pytest

from mm_framework.model.orders import IntentKind, Side, Urgency
from mm_framework.testing.strategies import Tape, check_source, run, tape
from mm_toy_spread import mm_register_strategies
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import toy_spread

MAKER = ToySpreadSettings()
TAKER = ToySpreadSettings(urgency="taker", size="0.5")


def wide() -> Tape:
    return tape().book(bids=[("99.90", "2")], asks=[("100.00", "1")])


def test_the_plugin_registers_toy_spread_with_its_settings() -> None:
    (spec,) = mm_register_strategies()
    assert (spec.name, spec.settings) == ("toy_spread", ToySpreadSettings)
    assert spec.factory(ToySpreadSettings()).tags == ("quote", "take")


def test_decide_keeps_to_what_can_be_compiled() -> None:
    check_source(toy_spread(MAKER))


def test_a_maker_quotes_both_best_prices() -> None:
    result = run(toy_spread(MAKER), wide())
    placed = [(i.side, i.price, i.size, i.urgency, i.tag) for i in result.intents]
    assert placed == [
        (Side.BUY, 9990, 10, Urgency.MAKER, "quote"),
        (Side.SELL, 10000, 10, Urgency.MAKER, "quote"),
    ]
    assert not result.fills


@pytest.mark.parametrize(("ask", "quotes"), [("99.94", 0), ("99.95", 2)])
def test_it_acts_from_a_spread_of_five_cents_on(ask: str, quotes: int) -> None:
    market = tape().book(bids=[("99.90", "2")], asks=[(ask, "1")])
    assert len(run(toy_spread(MAKER), market).intents) == quotes


def test_quotes_follow_the_market_and_end_when_it_is_narrow() -> None:
    market = wide().update(bids=[("99.91", "1")]).update(asks=[("99.93", "1")])
    kinds = [(i.kind, i.order, i.price) for i in run(toy_spread(MAKER), market).intents[2:]]
    assert kinds == [
        (IntentKind.REPLACE, 1, 9991),
        (IntentKind.CANCEL, 1, None),
        (IntentKind.CANCEL, 2, None),
    ]


def test_a_size_that_changes_leaves_the_quotes_alone() -> None:
    assert len(run(toy_spread(MAKER), wide().update(bids=[("99.90", "1")])).intents) == 2


def test_nothing_is_asked_of_a_market_that_is_not_trusted() -> None:
    market = wide().gap().wait(10)
    assert len(run(toy_spread(MAKER), market).intents) == 2


def test_a_taker_buys_then_sells_what_it_holds() -> None:
    market = wide().update(asks=[("100.00", "2")]).update(bids=[("99.90", "3")])
    result = run(toy_spread(TAKER), market)
    sides = [(filled.fill.side, filled.fill.size) for filled in result.fills]
    assert sides == [(Side.BUY, 500), (Side.SELL, 500), (Side.BUY, 500)]
    (account,) = result.accounts
    assert account.position == 500
    assert account.money.total < 0


def test_a_spread_setting_finer_than_the_price_scale_is_rounded_up() -> None:
    market = tape(price_scale=1, tick="0.1").book(bids=[("99.9", "2")], asks=[("100.0", "1")])
    assert len(run(toy_spread(MAKER), market).intents) == 2
