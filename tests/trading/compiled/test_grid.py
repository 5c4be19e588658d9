"""Points of equity that the loop writes are those that Python reads from the ledger."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.engines import RowTape, engines_agree
from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.engine import run_backtest
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.settings import TradingSettings
from tests.support.random_tapes import random_tape

if mode() != "on" or not (loader.active() and loader.active(ENGINE)):
    pytest.skip("nothing is compiled here", allow_module_level=True)

from mm_framework.trading.compiled import books

GRID_NS = 10**8
FEES = FlatFee(FlatFeeSettings(7))


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """When the loop left points to Python."""
    found: list[int] = []
    reach = books.Books.reach_grid

    def counted(self: books.Books, now_ns: int) -> None:
        found.append(now_ns)
        reach(self, now_ns)

    monkeypatch.setattr(books.Books, "reach_grid", counted)
    return found


def taker(sizes: Sequence[int]) -> Strategy:
    """Buys and sells at what stands there, so much at its first, second, ... look at the book."""
    told = tuple(sizes)

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if state.looks < len(told):
            size, view = told[state.looks], market[0]
            if size > 0:
                out.place(0, Side.BUY, view.ask + 2000, size, TimeInForce.IOC, Urgency.TAKER)
            if size < 0:
                out.place(0, Side.SELL, view.bid - 2000, -size, TimeInForce.IOC, Urgency.TAKER)
        state.looks += 1

    return Strategy(decide, wakes=On.BOOK | On.MARKET, state={"looks": "i8"}, python_only=True)


def deep() -> Tape:
    bids = [(f"{99 - step}.90", "1") for step in range(12)]
    asks = [(f"{100 + step}.10", "1") for step in range(12)]
    return tape().book(bids=bids, asks=asks)


def moves(market: Tape, seconds: int) -> Tape:
    """The book changes behind its best level, twice a second."""
    for half in range(2 * seconds):
        market.at(500 * (half + 1)).update(bids=[("80.00", str(1 + half % 3))])
    return market


def test_a_point_for_each_time_from_the_first_fill_on(stops: list[int]) -> None:
    outcome = engines_agree(taker([0, 0, 1000, 0, -1500]), moves(deep(), 20), grid_ns=GRID_NS)
    assert [fill.fill.size for fill in outcome.fills][:1] == [1000]
    assert {point.position for point in outcome.equity} == {1000, -500}
    assert {point.value for point in outcome.equity} == {1000 * 9990 * 10, -500 * 10010 * 10}
    assert not any(point.stale for point in outcome.equity)
    times = [point.ts_ns for point in outcome.equity]
    assert times == list(range(times[0], times[-1] + 1, GRID_NS))
    assert not stops


def test_what_the_best_level_does_not_hold_is_worth_the_next_ones(stops: list[int]) -> None:
    outcome = engines_agree(taker([3500]), moves(deep(), 3), grid_ns=GRID_NS)
    worth = 1000 * (9990 + 9890 + 9790) + 500 * 9690
    assert {point.value for point in outcome.equity} == {worth * 10}
    assert not stops


def test_more_than_the_book_holds_is_worth_its_last_level(stops: list[int]) -> None:
    market = tape().book(bids=[("99.90", "1"), ("99.80", "0.5")], asks=[("100.10", "5")])
    market.at(500).update(asks=[("101.00", "1")]).at(3000).wait()
    outcome = engines_agree(taker([4000]), market, grid_ns=GRID_NS)
    assert {point.value for point in outcome.equity} == {(1000 * 9990 + 3000 * 9980) * 10}
    assert not stops


def test_a_gap_makes_the_mark_stale(stops: list[int]) -> None:
    market = moves(deep(), 2).at(2100).gap().at(4000).book(bids=[("50.00", "9")], asks=[("51.00", "9")])
    outcome = engines_agree(taker([1000]), market.at(6000).wait(), grid_ns=GRID_NS)
    stale = [point for point in outcome.equity if point.stale]
    assert 15 < len(stale) < 25
    assert {point.value for point in stale} == {1000 * 9990 * 10}
    assert outcome.equity[-1].value == 1000 * 5000 * 10


def test_a_mark_that_nobody_has_seen_is_left_to_python(stops: list[int]) -> None:
    market = tape().book(bids=[], asks=[("100.10", "5")]).at(500).update(asks=[("101.00", "1")])
    outcome = engines_agree(taker([1000]), market.at(3000).update(asks=[("101.00", "2")]), grid_ns=GRID_NS)
    assert stops
    assert {point.value for point in outcome.equity} == {1000 * 10010 * 10}
    assert all(point.stale for point in outcome.equity)


@pytest.mark.parametrize("size", [1000, 5000])
def test_at_the_mid_size_and_side_do_not_matter(size: int, stops: list[int]) -> None:
    market = moves(deep(), 2).at(2100).gap().at(4000).book(bids=[("50.00", "9")], asks=[("51.00", "9")])
    at_mid = TradingSettings(mark="mid")
    outcome = engines_agree(
        taker([size, 0, -2 * size]), market.at(6000).wait(), grid_ns=GRID_NS, settings=at_mid
    )
    assert len({point.position for point in outcome.equity}) == 2
    for point in outcome.equity:
        mid2 = 10100 if point.ts_ns >= outcome.start_ns + 4 * 10**9 else 9990 + 10010
        assert (point.mid2, point.value) == (mid2, point.position * mid2 * 5)
    assert 15 < sum(point.stale for point in outcome.equity) < 25
    assert [account.money.mark_adjustment for account in outcome.accounts] == [0]
    assert not stops


def random_taker() -> Strategy:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        i = int(wake.uniform() * len(market))
        view, size = market[i], 100 * int(1 + wake.uniform() * 60)
        if wake.uniform() < 0.5:
            out.place(i, Side.BUY, view.ask, size, TimeInForce.IOC, Urgency.TAKER)
        else:
            out.place(i, Side.SELL, view.bid, size, TimeInForce.IOC, Urgency.TAKER)

    return Strategy(decide, wakes=On.MARKET | On.BOOK | On.TRADE)


@pytest.mark.parametrize("room", [2, 40, 1 << 13])
@pytest.mark.parametrize("source", ["book", "ticker"])
def test_any_tape_with_any_room(
    room: int, source: str, stops: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "POINTS_ROOM", room)
    strategies = {"b": random_taker(), "a": random_taker()}
    points = 0
    for seed in range(12):
        market = RowTape(random_tape(seed, steps=150, rescales=False))
        options = {
            "grid_ns": random.Random(seed).choice((10**7, 10**8, 10**9)),
            "settings": TradingSettings(
                seed=seed, price_source=source, mark="mid" if seed % 3 == 0 else "conservative"
            ),
        }

        def played(choice: Any, market: Any = market, options: Any = options) -> Outcome:
            return run_backtest(strategies, FEES, market, choice=choice, **options)

        compiled, interpreted = played("compiled"), played("interpreted")
        assert compiled.equity == interpreted.equity
        assert compiled.equity.accounts == interpreted.equity.accounts
        points += len(compiled.equity)
    if source == "book":
        assert points > 1000
        assert len(stops) > 100 if room == 2 else len(stops) < points / 10
