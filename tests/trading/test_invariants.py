"""Invariants on random tapes: identity, positions, trust, limits, cuts of the stream, hash seeds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.feed.output import Output
from mm_framework.model.events import MESSAGE
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Recorder, Step, feed, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.ledger import by_quote
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.settings import LimitSettings, TradingSettings
from tests.support.random_tapes import random_tape, restless

SEEDS = st.integers(0, 2**32)
LIMITS = LimitSettings(order_size="3", strategy_position="5", total_position="6", total_orders=12)


STRATEGIES = {"b": restless(), "a": restless(On.MARKET | On.TIMER | On.END), "c": restless(On.TRADE)}


class Watcher(Recorder):
    """Checks what must hold at every moment."""

    pipeline: Pipeline

    def __init__(self) -> None:
        super().__init__()
        self.traded: Counter[tuple[str, str]] = Counter()

    def on_fill(self, fill: Any, fee: int, definition: Any) -> None:
        super().on_fill(fill, fee, definition)
        slot = self.pipeline.markets.by_id[fill.instrument]
        size = Fraction(fill.side * fill.size, 10**slot.definition.size_scale)
        self.traded[fill.strategy, fill.instrument] += size
        assert slot.trusted, "a fill while untrusted"
        best = slot.top[1 if fill.side is Side.BUY else 0]
        assert best is not None
        assert 0 < fill.size <= best[1], "more than the displayed size"
        assert fill.side * (fill.price - best[0]) >= 0, "better than the best price"

    def on_intent(self, intent: Any, answer: Any, definition: Any) -> None:
        super().on_intent(intent, answer, definition)
        ledger, exchange = self.pipeline.ledger, self.pipeline.exchange
        assert len(exchange) <= LIMITS.total_orders
        for slot in self.pipeline.markets.slots:
            unit = 10**slot.definition.size_scale
            orders = list(exchange.orders(slot.id))
            assert all(0 < order.leaves <= order.size for order in orders)
            for side in Side:
                total = sum(order.leaves for order in orders if order.side is side)
                assert side * self.pipeline.positions.total(slot.id) + total <= 6 * unit
                for name in STRATEGIES:
                    own = sum(o.leaves for o in orders if o.side is side and o.strategy == name)
                    assert side * ledger.account(name, slot).position + own <= 5 * unit


def play(steps: Iterable[Step], max_events: int | None = None) -> tuple[Pipeline, Watcher]:
    watcher = Watcher()
    pipeline = Pipeline(
        STRATEGIES,
        FlatFee(FlatFeeSettings(fee_bps=26)),
        TradingSettings(adverse_horizon_s=0.7),
        LIMITS,
        max_events=max_events,
        observer=watcher,
    )
    watcher.pipeline = pipeline
    steps = list(steps)
    feed(pipeline, steps)
    pipeline.on_end(steps[-1].mono_ns)
    assert not pipeline.errors, pipeline.errors
    return pipeline, watcher


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_identity_positions_trust_and_limits_hold_on_any_tape(seed: int) -> None:
    pipeline, watcher = play(random_tape(seed).steps)
    results = pipeline.ledger.results()  # asserts the identity of each account with ==
    for result in results:
        traded = watcher.traded.get((result.strategy, result.instrument), 0)
        assert Fraction(result.position, 10**result.size_scale) == traded
    for money in by_quote(results).values():
        parts = money.spread + money.adverse + money.inventory + money.mark_adjustment - money.fees
        assert money.total == parts == money.realized + money.unrealized - money.fees


def joined(steps: list[Step]) -> Step:
    """One block of several records, as `Feed` would give it out."""
    rows, messages, mono_ns, notices, shift = b"", b"", [], [], 0
    for step in steps:
        for fields in MESSAGE.iter_unpack(step.output.messages):
            moved = list(fields)
            moved[7] += shift
            messages += MESSAGE.pack(*moved)
        rows += bytes(step.output.rows)
        shift = len(rows) // 64
        mono_ns += step.output.mono_ns
        notices += step.output.notices
    output = Output(memoryview(rows), memoryview(messages), mono_ns, [], notices)
    return Step(b"".join(step.record for step in steps), steps[-1].mono_ns, output)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 9), min_size=60, max_size=60), st.one_of(st.none(), st.integers(1, 60)))
def test_any_cut_of_the_records_into_blocks_gives_the_same_run(
    seed: int, sizes: list[int], max_events: int | None
) -> None:
    steps = random_tape(seed, steps=40).steps
    blocks, rest = [], list(steps)
    for size in sizes:
        # A LOST record (kind 5) has to come alone.
        until = next((k for k in range(min(size, len(rest))) if rest[k].record[8] == 5), size)
        until = max(until, 1)
        if rest:
            blocks.append(joined(rest[:until]))
            rest = rest[until:]
    blocks += rest
    one, two = play(steps, max_events), play(blocks, max_events)
    assert one[1].intents == two[1].intents
    assert one[0].intents.hexdigest() == two[0].intents.hexdigest()
    assert one[1].fills == two[1].fills
    assert one[0].ledger.results() == two[0].ledger.results()
    assert (one[0].canonical_events, one[0].deliveries) == (two[0].canonical_events, two[0].deliveries)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(0, 40))
def test_a_run_that_ends_early_did_what_the_longer_one_did_until_then(seed: int, limit: int) -> None:
    market = random_tape(seed, steps=40)
    strategies = {"b": restless(On.MARKET | On.TRADE | On.OWN_FILL)}
    whole = run(strategies, market)
    part = run(strategies, market, max_events=limit)
    assert part.pipeline.deliveries == min(limit, whole.pipeline.deliveries)
    assert part.intents == whole.intents[: len(part.intents)]
    assert part.tops == whole.tops[: len(part.tops)]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_prices_times_ten_give_profits_times_ten(seed: int) -> None:
    """Scaling all prices (and the tick) scales every amount but for the rounding to the tick."""
    draw = random.Random(seed)
    books = [(draw.randrange(900, 1100), draw.randrange(1, 20)) for _ in range(20)]

    def play_scaled(factor: int) -> Any:
        market = tape(price_scale=0, tick=None)
        for mid, spread in books:
            bid, ask = (mid - spread) * factor, (mid + spread) * factor
            market.book(bids=[(str(bid), "3")], asks=[(str(ask), "3")])
        zero = TradingSettings(slippage_bps=0)
        strategy = _alternating()
        return run(strategy, market, settings=zero, fee_model=FlatFee(FlatFeeSettings(fee_bps=100)))

    (one,), (ten,) = play_scaled(1).accounts, play_scaled(10).accounts
    for field in attrs.fields(type(one.money)):
        if field.name not in ("quote", "scale"):
            assert getattr(ten.money, field.name) == 10 * getattr(one.money, field.name), field.name


def _alternating() -> Strategy:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        view = market[0]
        if view.position <= 0:
            out.place(0, Side.BUY, view.ask, 1000, TimeInForce.IOC, Urgency.TAKER)
        else:
            out.place(0, Side.SELL, view.bid, 3000, TimeInForce.IOC, Urgency.TAKER)

    return Strategy(decide, python_only=True)


CHILD = """
import sys, importlib.util
spec = importlib.util.spec_from_file_location("invariants", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["invariants"] = module
spec.loader.exec_module(module)
pipeline, watcher = module.play(module.random_tape(7, steps=200).steps)
print(pipeline.intents.hexdigest(), pipeline.intents.count, pipeline.ledger.results())
"""


def test_the_hash_seed_of_the_process_changes_nothing() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", CHILD, str(Path(__file__))],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    (output,) = outputs
    assert int(output.split()[1]) > 100
