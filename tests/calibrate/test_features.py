"""Ten features of a symbol against numbers worked out by hand, and their bounds of memory."""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mm_framework.calibrate.chunk import Filled, Tick
from mm_framework.calibrate.features import FEATURES, SymbolFeatures
from mm_framework.calibrate.ranked import WINDOW
from mm_framework.calibrate.settings import CollectorSettings

S = 1_000_000_000


def tick(ts_s: float, bid: float | None = 99.0, ask: float | None = 101.0, **changes: Any) -> Tick:
    row = Tick(round(ts_s * S), "toy:A/EUR", "A", bid, 2.0, ask, 3.0)
    return row._replace(**changes)


def fill(ts_s: float, side: int = 1, price: float = 100.0, **changes: Any) -> Filled:
    row = Filled(
        round(ts_s * S),
        "toy:A/EUR",
        "A",
        "maker",
        1,
        side,
        price,
        1.0,
        0.0,
        True,
        price,
        100.0,
        2.0,
        100.0,
        0,
    )
    return row._replace(**changes)


@pytest.fixture
def features() -> SymbolFeatures:
    return SymbolFeatures(CollectorSettings(), 0.1)


def test_nothing_is_known_at_first(features: SymbolFeatures) -> None:
    assert features.values() == dict.fromkeys(FEATURES)
    assert features.net_bps is None


def test_volatility_is_that_of_the_mid_on_the_grid(features: SymbolFeatures) -> None:
    for ts_s, mid in ((0, 100.0), (0.5, 250.0), (1.0, 101.0), (2.0, 100.0)):
        features.tick(tick(ts_s, mid - 1, mid + 1))
    r = math.log(1.01) ** 2
    assert features.values()["vol_realized"] == pytest.approx(1e4 * math.sqrt(0.9 * r + 0.1 * r))


def test_the_moving_average_begins_with_its_first_sample_and_gives_new_ones_alpha(
    features: SymbolFeatures,
) -> None:
    features.tick(tick(0))
    assert features.values()["liq_top_depth"] == 5.0
    features.tick(tick(0.1, bid_size=12.0))
    assert features.values()["liq_top_depth"] == pytest.approx(0.1 * 15 + 0.9 * 5)


def test_the_latency_is_the_nearest_rank_of_the_last_thousand(features: SymbolFeatures) -> None:
    draw = random.Random(1)
    times = [draw.randrange(1, 10**9) for _ in range(2500)]
    for n, total_ns in enumerate(times):
        features.tick(tick(n / 1000, total_ns=total_ns))
        kept = sorted(times[max(0, n + 1 - WINDOW) : n + 1])
        if n % 250 == 0 or n == len(times) - 1:
            expected = kept[math.ceil(0.95 * len(kept)) - 1] / 1e6
            assert features.values()["latency_p95"] == pytest.approx(expected)


def test_slippage_is_signed_cost_against_the_mid_of_the_decision(features: SymbolFeatures) -> None:
    features.fill(fill(1, 1, 100.5))
    assert features.values()["slippage_bps"] == pytest.approx(50)
    features.fill(fill(2, -1, 100.5))
    assert features.values()["slippage_bps"] == pytest.approx(0.9 * 50 - 0.1 * 50)


@pytest.mark.parametrize(("side", "bps"), [(1, 200.0), (-1, -200.0)])
def test_the_adverse_move_is_signed_and_ends_with_the_last_mid_of_the_horizon(
    features: SymbolFeatures, side: int, bps: float
) -> None:
    features.tick(tick(0))
    features.fill(fill(1, side))
    features.tick(tick(1.9, 97, 99))
    assert features.values()["adverse_move_bps"] is None
    features.tick(tick(2.1, 200, 202))
    assert features.values()["adverse_move_bps"] == pytest.approx(bps)


def test_a_mid_at_the_very_end_of_the_horizon_counts(features: SymbolFeatures) -> None:
    features.fill(fill(1))
    features.tick(tick(2, 98, 100))
    assert features.values()["adverse_move_bps"] == pytest.approx(100)


def test_nothing_is_compared_across_a_gap(features: SymbolFeatures) -> None:
    features.tick(tick(0))
    features.fill(fill(1))
    features.gap()
    features.tick(tick(3, 49, 51))
    values = features.values()
    assert values["adverse_move_bps"] is None
    assert values["vol_realized"] is None


def test_the_fill_rate_and_the_share_of_takers_are_of_counts(features: SymbolFeatures) -> None:
    features.tick(tick(0, quotes=4))
    features.fill(fill(1))
    features.fill(fill(1, maker=False))
    features.tick(tick(1))
    features.tick(tick(2, quotes=1))
    values = features.values()
    assert values["fill_rate"] == 2 / 5
    assert values["taker_share"] == 1 / 2
    assert (features.fills, features.maker_fills, features.taker_fills, features.total_ticks) == (2, 1, 1, 3)


def test_the_fill_rate_never_leaves_its_range(features: SymbolFeatures) -> None:
    for n in range(3):
        features.fill(fill(n))
    features.tick(tick(3, quotes=1))
    assert features.values()["fill_rate"] == 1.0


def test_profit_is_after_fees_at_the_mid_and_its_distance_from_the_target_is_kept() -> None:
    features = SymbolFeatures(CollectorSettings(pnl_target_bps=30.0), 0.1)
    features.fill(fill(1, 1, 100.0, fee=0.5))
    features.tick(tick(1, 100, 102))
    assert features.net_bps == pytest.approx(50)
    assert features.values()["pnl_dev"] == pytest.approx(20)


def test_the_queue_is_that_of_one_order(features: SymbolFeatures) -> None:
    for ts_s, order, ahead in ((0, 1, 10.0), (1, 1, 6.0), (2, 2, 1.0), (3, 2, 3.0)):
        features.tick(tick(ts_s, order=("maker", order), ahead=ahead))
    values = features.values()
    rate = 0.9 * 4 + 0.1 * 0
    assert values["queue_absorb_rate"] == pytest.approx(rate)
    etas = (1000 * 6 / 4, 1000 * 1 / 4, 1000 * 3 / rate)
    assert values["queue_eta_ms"] == pytest.approx(0.9 * (0.9 * etas[0] + 0.1 * etas[1]) + 0.1 * etas[2])


def test_a_queue_that_does_not_move_has_no_time(features: SymbolFeatures) -> None:
    for ts_s in range(3):
        features.tick(tick(ts_s, order=("maker", 1), ahead=10.0))
    values = features.values()
    assert values["queue_absorb_rate"] == 0
    assert values["queue_eta_ms"] is None


def test_crossed_and_missing_prices_are_no_mid(features: SymbolFeatures) -> None:
    features.tick(tick(0, 102, 101))
    features.tick(tick(1, None, 101, bid_size=None))
    features.tick(tick(5))
    features.tick(tick(6))
    assert features.values()["vol_realized"] == 0


def test_a_symbol_takes_less_than_100_kb_after_any_time(features: SymbolFeatures) -> None:
    draw = random.Random(2)
    for n in range(3 * WINDOW):
        features.fill(fill(n / 1e4, draw.choice((-1, 1)), draw.uniform(90, 110)))
        features.tick(tick(n / 1e4, total_ns=n, quotes=1, order=("maker", 1), ahead=draw.uniform(0, 9)))
    assert sum(_sizes(features, set())) < 100_000


def test_volatility_of_a_walk_is_that_of_its_steps() -> None:
    features = SymbolFeatures(CollectorSettings(), 0.01)
    draw, mid, steps = random.Random(3), 100.0, []
    for n in range(4000):
        steps.append(draw.gauss(0, 2e-4))
        mid *= math.exp(steps[-1])
        features.tick(tick(n, mid - 0.01, mid + 0.01))
    assert features.values()["vol_realized"] == pytest.approx(1e4 * statistics.pstdev(steps), rel=0.2)


def _sizes(thing: object, seen: set[int]) -> Iterator[int]:
    """Bytes of an object and of what it alone holds."""
    if id(thing) in seen or isinstance(thing, type):
        return
    seen.add(id(thing))
    yield sys.getsizeof(thing)
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    inside = [*getattr(thing, "__dict__", {}).values()]
    inside += [getattr(thing, name) for name in slots if hasattr(thing, name)]
    if not isinstance(thing, str | bytes):
        inside += list(thing) if hasattr(thing, "__iter__") else []
    for one in inside:
        yield from _sizes(one, seen)
