"""What holds in every backtest: sums, order of events, bounds, symmetry, equal bytes.

By default a few tapes for each; ``MM_SEEDS=10000`` takes so many.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape, backtest, tape
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.latency import Constant, FeedDerived, RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import QUEUES, queue_model
from mm_framework.trading.settings import LimitSettings
from tests.support.random_tapes import random_tape, restless
from tests.support.scripted_orders import place, scripted
from tests.support.sound import check_outcome

SEEDS = st.integers(0, 2**32)
STRATEGIES = {"b": restless(), "a": restless(On.MARKET | On.TIMER | On.END), "c": restless(On.TRADE)}
POSITIONS = LimitSettings(strategy_position="2", total_position="3")
EXAMPLES = int(os.environ.get("MM_SEEDS", "0"))


def any_rules(draw: random.Random) -> dict[str, Any]:
    """Latencies and execution rules from a seed."""
    latencies = (
        Constant(draw.randrange(10**8)),
        FeedDerived(draw.randrange(3_000_000), draw.randrange(-(10**6), 10**7)),
        RandomLatency(draw.randrange(99), draw.randrange(10**7), draw.randrange(10**7)),
    )
    return {
        "entry": draw.choice(latencies),
        "response": draw.choice(latencies),
        "execution": Execution(
            queue=queue_model(draw.choice(QUEUES), draw.choice((1, 2, 3))),
            takers=draw.choice(("levels", "best")),
            slippage_bps=draw.choice((0, 10)),
            through=draw.choice(("whole", "print")),
            vanished=draw.choice(("first", "behind")),
            depletion=draw.random() < 0.5,
            on_gap=draw.choice(("keep", "cancel")),
        ),
    }


@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(SEEDS)
def test_orders_live_once_and_fills_add_up(seed: int) -> None:
    draw = random.Random(seed)
    result = backtest(STRATEGIES, random_tape(seed), **any_rules(draw))  # asserts the PnL identity
    check_outcome(result, rescales=True)


@settings(max_examples=EXAMPLES or 15, deadline=None)
@given(SEEDS)
def test_limits_hold_at_the_venue_whatever_is_on_its_way(seed: int) -> None:
    draw = random.Random(seed)
    result = backtest(STRATEGIES, random_tape(seed, rescales=False), limits=POSITIONS, **any_rules(draw))
    held: Counter[tuple[str, str]] = Counter()
    for paid in result.fills:
        fill = paid.fill
        held[fill.strategy, fill.instrument] += fill.side * fill.size
        assert abs(held[fill.strategy, fill.instrument]) <= 2000
        assert abs(sum(held[name, fill.instrument] for name in STRATEGIES)) <= 3000


@settings(max_examples=EXAMPLES or 15, deadline=None)
@given(SEEDS)
def test_the_same_run_twice_is_equal(seed: int) -> None:
    def once() -> Outcome:
        return backtest(STRATEGIES, random_tape(seed), **any_rules(random.Random(seed)))

    one, two = once(), once()
    assert (one.intents, one.reports, one.fills, one.accounts) == (
        two.intents,
        two.reports,
        two.fills,
        two.accounts,
    )
    assert one.final_hash == two.final_hash


def market(
    seed: int, *, mirror: bool = False, factor: int = 1, finer: tuple[int, int] = (0, 0)
) -> tuple[Tape, list[Any]]:
    """A busy market around 100.00 and orders near its touch; mirrored at 100.00, prices times a factor.

    ``finer``: decimals more of prices and of sizes than they need.
    """
    price_unit, size_unit = (10**decimals for decimals in finer)
    draw = random.Random(seed)
    sign = -1 if mirror else 1

    def price(ticks: int) -> str:
        cents = (10_000 + sign * ticks) * factor
        return f"{cents // 100}.{cents % 100:02d}"

    def sides(bids: list[Any], asks: list[Any]) -> dict[str, Any]:
        return {"bids": asks, "asks": bids} if mirror else {"bids": bids, "asks": asks}

    scales = {"price_scale": 2 + finer[0], "size_scale": 3 + finer[1]}
    made = tape(tick="0.01", **scales).latency(draw.choice((0.1, 3)))
    middle, now = 0, 2.0
    for step in range(50):
        now += draw.choice((0.5, 1, 4))
        made.at(now)
        middle += draw.choice((-1, 0, 0, 1))
        act = draw.random()
        if step == 0 or act < 0.3:
            bids = [(price(middle - 1 - k), str(draw.randrange(1, 4))) for k in range(4)]
            asks = [(price(middle + 1 + k), str(draw.randrange(1, 4))) for k in range(4)]
            made.book(**sides(bids, asks))
        elif act < 0.35:
            made.gap()
        elif act < 0.7:
            aggressor = draw.choice((1, -1))
            side = "buy" if aggressor * sign > 0 else "sell"
            made.trade(side, price(middle + aggressor), str(draw.randrange(1, 5)))
        elif made._instruments["test:A/B"].state.name == "SYNCED":
            side = draw.choice((1, -1))
            level = [(price(middle - side), str(draw.randrange(0, 4)))]
            made.update(**sides(level, []) if side > 0 else sides([], level))
        else:
            made.wait()
    orders: list[Any] = []
    for _ in range(12):
        at, side, ticks = draw.uniform(3, now), draw.choice((1, -1)), draw.randrange(-4, 5)
        urgency = draw.choice((Urgency.MAKER, Urgency.TAKER))
        tif = draw.choice((TimeInForce.GTC, TimeInForce.IOC)) if urgency is Urgency.TAKER else TimeInForce.GTC
        asked = (10_000 + sign * ticks) * factor * price_unit
        size = 1000 * draw.randrange(1, 4) * size_unit
        orders.append(place(at, sign * side, asked, size, tif=tif, urgency=urgency))
    return made.at(now + 5).wait(), orders


@settings(max_examples=EXAMPLES or 40, deadline=None)
@given(SEEDS)
def test_a_mirrored_tape_gives_mirrored_fills(seed: int) -> None:
    rules = {"entry": Constant(400_000), "response": Constant(300_000)}
    (here, orders), (there, mirrored) = market(seed), market(seed, mirror=True)
    one = backtest(scripted(*orders), here, **rules)
    two = backtest(scripted(*mirrored), there, **rules)
    assert [
        (p.fill.mono_ns, -p.fill.side, 20_000 - p.fill.price, p.fill.size, p.fill.maker) for p in two.fills
    ] == [(p.fill.mono_ns, p.fill.side, p.fill.price, p.fill.size, p.fill.maker) for p in one.fills]


@settings(max_examples=EXAMPLES or 40, deadline=None)
@given(SEEDS)
def test_prices_times_a_factor_give_profit_times_the_factor(seed: int) -> None:
    (here, orders), (there, dearer) = market(seed), market(seed, factor=7)
    one = backtest(scripted(*orders), here)
    two = backtest(scripted(*dearer), there)
    gross, scaled_gross = (
        sum(a.money.total + a.money.fees for a in result.accounts) for result in (one, two)
    )
    assert scaled_gross == 7 * gross
    assert sum(a.money.spread for a in two.accounts) == 7 * sum(a.money.spread for a in one.accounts)


@settings(max_examples=EXAMPLES or 30, deadline=None)
@given(SEEDS)
def test_integers_near_their_bound_mean_the_same_as_small_ones(seed: int) -> None:
    """Prices of 10**18, positions beyond that: every amount is the same number of euros."""
    finer = (14, 14)
    (here, orders), (there, fine) = market(seed), market(seed, finer=finer)
    one, two = backtest(scripted(*orders), here), backtest(scripted(*fine), there)
    price_unit, size_unit = (10**decimals for decimals in finer)
    assert [(p.fill.mono_ns, p.fill.price, p.fill.size) for p in two.fills] == [
        (p.fill.mono_ns, p.fill.price * price_unit, p.fill.size * size_unit) for p in one.fills
    ]
    for small, large in zip(one.accounts, two.accounts, strict=True):
        mine, theirs = small.money.at(large.money.scale), large.money
        assert mine.realized + mine.unrealized == theirs.realized + theirs.unrealized
        rounded = {"realized": 0, "unrealized": 0}  # by the average price, to the unit of money
        assert attrs.evolve(mine, **rounded) == attrs.evolve(theirs, **rounded)


@settings(max_examples=EXAMPLES or 60, deadline=None)
@given(SEEDS)
def test_the_optimistic_queue_never_fills_less(seed: int) -> None:
    def filled(name: str) -> int:
        made, orders = market(seed)
        rules = Execution(queue=queue_model(name))
        result = backtest(scripted(*orders), made, execution=rules)
        return sum(paid.fill.size for paid in result.fills)

    assert filled("risk_averse") <= filled("optimistic")


def test_two_sides_of_one_print_are_told_apart() -> None:
    made = tape().latency(0.1).at(2).book(bids=[("99.90", "1")], asks=[("100.10", "1")])
    made.at(5).trade("sell", "99.90", "3").wait()
    script = scripted(place(3, Side.BUY, 9990, 1000), place(3, Side.SELL, 9991, 1000))
    assert [paid.fill.side for paid in backtest(script, made).fills] == [Side.BUY]
