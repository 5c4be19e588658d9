"""Gates on event time: which one acts, when, and that an A/A run is quiet."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from mm_framework.calibrate.ab import GATES, METRICS, AbFill, AbRun, BucketStats
from mm_framework.calibrate.ab_report import document, markdown
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.routing import Routing

SYMBOLS = tuple(f"S{number}" for number in range(20))
SECOND = 1000
ONLINE = AbSettings(mode="online")


def simulated(
    seed: int = 1,
    settings: AbSettings = ONLINE,
    seconds: int = 1500,
    worse: Mapping[str, float] | None = None,
    worse_from: int = 0,
    worse_until: int = 10**9,
) -> AbRun:
    """A market in which B is worse in some way for some time; times are seconds of event time."""
    rng, run = random.Random(seed), AbRun(Routing(0.5, f"test{seed}"), settings)
    planted = worse or {}
    for second in range(1, seconds):
        for symbol in SYMBOLS:
            is_b = run.routing.bucket(symbol) == "B" and worse_from <= second < worse_until
            more = planted if is_b and run.bucket(symbol) == "B" else {}
            if rng.random() < 0.2:
                total = rng.lognormvariate(2.0, 0.3) * more.get("latency", 1.0)
                run.on_tick(
                    second * SECOND, symbol, total, miss=rng.random() < more.get("miss", 0.005), quotes=1
                )
            if rng.random() < 0.05:
                slip = rng.gauss(1.0 + more.get("slip", 0.0), 3.0)
                taker = rng.random() < 0.2 + more.get("taker", 0.0)
                signed = rng.choice((-1.0, 1.0))
                run.on_fill(AbFill(second * SECOND, symbol, signed, 100.0, 100.0, 0.01, slip, taker))
    return run


PLANTED = {
    "slippage_degradation": {"slip": 3.0},
    "taker_share_increase": {"taker": 0.4},
    "latency_regression": {"latency": 2.0},
    "deadline_miss_spike": {"miss": 0.2},
}


@pytest.mark.parametrize("gate", PLANTED)
def test_a_planted_regression_trips_its_gate_after_600_s_and_not_before(gate: str) -> None:
    run = simulated(worse=PLANTED[gate])
    assert run.rollback is not None
    assert run.rollback.gate == gate
    assert run.rollback.b > run.rollback.a
    # 30 fills of each side take a minute here, and a difference that stands out of the noise another
    assert 600 * SECOND < run.rollback.ts_ms <= 720 * SECOND
    assert {run.bucket(symbol) for symbol in SYMBOLS} == {"A"}
    others = [state for name, state in run.gates.items() if name != gate]
    assert all(state.tripped_ms is None for state in others)


def test_dry_tells_and_changes_nothing() -> None:
    run = simulated(settings=AbSettings(mode="dry"), worse=PLANTED["latency_regression"])
    assert run.rollback is not None
    assert {run.bucket(symbol) for symbol in SYMBOLS} == {"A", "B"}
    told = document(run)
    assert (told["rollback"], told["would_roll_back"]) == (False, True)


def test_a_break_begins_the_600_s_anew() -> None:
    """Worse for a while that is shorter, even with what the window remembers of it."""
    run = simulated(worse=PLANTED["deadline_miss_spike"], worse_until=280, seconds=1400)
    assert run.rollback is None
    gate = run.gates["deadline_miss_spike"]
    assert gate.violations > 300
    assert gate.since_ms is None
    longer = simulated(worse=PLANTED["deadline_miss_spike"], worse_from=300, seconds=1400)
    assert longer.rollback is not None
    assert longer.rollback.ts_ms > 900 * SECOND


def test_a_gate_is_judged_from_exact_numbers() -> None:
    run = AbRun(Routing(1.0), AbSettings(mode="online", z=0.0, min_samples=1, duration_sec=10))
    run.assigned = {"a": "A", "b": "B"}
    for second in range(40):
        run.on_tick(second * SECOND, "a", 100.0, miss=False)
        run.on_tick(second * SECOND, "b", 110.0, miss=False)
        assert run.gates["latency_regression"].since_ms is None, "1.10 of A is not more than 1.10 of A"
    for second in range(40, 400):
        run.on_tick(second * SECOND, "a", 100.0, miss=False)
        run.on_tick(second * SECOND, "b", 110.1, miss=False)
    assert run.rollback is not None
    assert run.rollback.gate == "latency_regression"


def test_too_few_samples_neither_violate_nor_clear() -> None:
    run = AbRun(Routing(0.5), AbSettings(min_samples=30, z=0.0))
    run.assigned = {"a": "A", "b": "B"}
    for second in range(29):
        run.on_tick(second * SECOND, "a", 1.0, miss=False)
        run.on_tick(second * SECOND, "b", 99.0, miss=True)
    assert {state.looks for state in run.gates.values()} == {0}


def test_an_a_a_run_is_quiet_and_the_inherited_gates_alone_are_not() -> None:
    """Six of each here; `benchmarks/run_ab.py` counts 200 of an hour."""
    quiet = [simulated(seed, seconds=1200).rollback for seed in range(6)]
    assert sum(one is not None for one in quiet) <= 1
    loud = [simulated(seed, AbSettings(mode="online", z=0.0), seconds=1200).rollback for seed in range(6)]
    assert sum(one is not None for one in loud) >= 1


def test_profit_counts_fills_positions_and_fees() -> None:
    stats = BucketStats()
    stats.quotes = 4
    stats.add_fill(AbFill(0, "S", 2.0, 100.0, 101.0, 0.5, -1.0, taker=False))
    stats.add_fill(AbFill(1, "S", -1.0, 104.0, 103.0, 1.0, 4.0, taker=True))
    found = stats.metrics()
    assert found["net_bps"] == pytest.approx(1e4 * 5.5 / 304)
    assert (found["slippage_bps"], found["fill_rate"], found["taker_share"]) == (1.5, 0.5, 0.5)
    assert (found["tick_total_p95"], found["deadline_miss_rate"]) == (None, None)


def test_the_report_has_six_metrics_four_gates_and_the_rollback() -> None:
    text = markdown(simulated(worse=PLANTED["latency_regression"]), "r1")
    for metric in METRICS:
        assert f"| {metric} |" in text
    for gate in GATES:
        assert f"| {gate} |" in text
    assert "| latency_regression | FAIL |" in text
    assert "| slippage_degradation | pass |" in text
    assert "## Rollback: yes (latency_regression: A " in text
    quiet = markdown(AbRun(Routing()), "r2", earlier=["20 % to B, dry, run r1"])
    assert "## Rollback: no\n" in quiet
    assert "| latency_regression | no data | 0 of 0 | - |" in quiet
    assert "## Earlier runs of this salt\n\n- 20 % to B, dry, run r1\n" in quiet
