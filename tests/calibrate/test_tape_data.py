"""The cache in a backtest: the tape answers at once, and the run is the same but for what was stale."""

from __future__ import annotations

from typing import Any

from mm_framework.calibrate.market_data import TapeData
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Refusal, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.fees import FlatFee, FlatFeeSettings

MS = 1_000_000
_WALL0_NS = 1_700_000_000_000_000_000


def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Takes once, 200 ms after the first book."""
    if wake.reasons & On.MARKET and not state.armed:
        state.armed = 1
        out.timer(wake.now_ns + 200 * MS)
    elif wake.reasons & On.TIMER:
        out.place(0, Side.BUY, market[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER)


def played(market: Tape, data: TapeData | None) -> Outcome:
    strategy = Strategy(decide, wakes=On.MARKET | On.TIMER, state={"armed": "i8"}, python_only=True)
    run = Backtest({"one": strategy}, FlatFee(FlatFeeSettings()), guard=data)
    return run.run(market.messages(), until_ns=_WALL0_NS + 10**9)


def market() -> Tape:
    return tape().at(10).book(bids=[("99.00", "2")], asks=[("101.00", "2")])


def test_the_tape_answers_at_once() -> None:
    data = TapeData(MdCacheSettings(enabled=True))
    with_cache, without = played(market(), data), played(market(), None)
    assert len(with_cache.fills) == len(without.fills) == 1
    assert with_cache.final_hash == without.final_hash
    assert data.cache.misses > 0
    assert data.cache.deadline_misses == 0
    assert data.cache.inflight == 0


def test_a_market_that_is_lost_gives_no_answer() -> None:
    data = TapeData(MdCacheSettings(enabled=True))
    outcome = played(market().at(50).gap(), data)
    assert [sent.refusal for sent in outcome.sent] == [Refusal.STALE_DATA]
    assert data.cache.deadline_misses == 1
