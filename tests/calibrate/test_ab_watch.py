"""An A/B test over the chunks of an hour: the planted regression trips its gate after 600 s of event time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest

from mm_framework.calibrate.ab import GATES, AbRun, Rollback
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.chunk import CHUNK_NS, Chunk, Filled, Tick
from mm_framework.calibrate.prometheus import Exposition
from mm_framework.calibrate.run_log import Deadline

S = 1_000_000_000
BEGIN = 1_795_132_800 * S
HOUR = 3600
SYMBOLS = tuple(f"S{number}/EUR" for number in range(12))
SETTINGS = AbSettings(mode="online", split=50.0, salt="x")
DEADLINE = Deadline(150.0)

PLANTED: Mapping[str, Mapping[str, float]] = {
    "slippage_degradation": {"slip": 3.0},
    "taker_share_increase": {"taker": 0.4},
    "latency_regression": {"latency": 1.5},
    "deadline_miss_spike": {"late": 0.1},
}


def hour(seed: int, run: AbRun, worse: Mapping[str, float], since_s: int) -> Iterator[Chunk]:
    """The chunks of an hour, one a second; a symbol that is in B is worse from ``since_s`` on."""
    rng = random.Random(seed)
    for second in range(HOUR):
        ts_ns = BEGIN + second * S
        ticks, fills = [], []
        for symbol in SYMBOLS:
            is_b = second >= since_s and run.bucket(symbol) == "B"
            more = worse if is_b else {}
            if rng.random() < 0.3:
                late = rng.random() < more.get("late", 0.0)
                total_ns = (
                    int(rng.lognormvariate(2.0, 0.2) * more.get("latency", 1.0) * 1e6) + late * 200_000_000
                )
                ticks.append(Tick(ts_ns, f"v:{symbol}", symbol, 99.9, 1.0, 100.1, 1.0, 1, total_ns=total_ns))
            if rng.random() < 0.05:
                side = rng.choice((1, -1))
                price = 100.0 * (1 + side * rng.gauss(more.get("slip", 0.0), 2.0) / 1e4)
                taker = rng.random() < 0.1 + more.get("taker", 0.0)
                fills.append(
                    Filled(
                        *(ts_ns, f"v:{symbol}", symbol, "s", second, side, price, 1.0, 0.01, not taker),
                        *(price, 100.0, 0.2, 100.0, 1_000_000),
                    )
                )
        yield Chunk(ts_ns + CHUNK_NS, ticks, fills)


def watched(worse: Mapping[str, float], *, since_s: int = 900, settings: AbSettings = SETTINGS) -> AbWatch:
    run = AbRun(settings.routing, settings)
    told: list[Rollback] = []
    watch = AbWatch(run, DEADLINE, acted=told.append)
    for chunk in hour(5, run, worse, since_s):
        watch.on_chunk(chunk)
        assert told == ([] if run.rollback is None else [run.rollback])
    watch.close()
    return watch


@pytest.mark.parametrize("gate", PLANTED)
def test_a_regression_in_an_hour_trips_its_gate_after_600_s_and_not_before(gate: str) -> None:
    run = watched(PLANTED[gate]).run
    assert run.rollback is not None
    assert run.rollback.gate == gate
    begun_ms = BEGIN // 1_000_000 + 900_000
    # Nothing is worse before, and what is worse has to fill a part of the window to stand out of the noise.
    assert begun_ms + 600_000 <= run.rollback.ts_ms <= begun_ms + 840_000
    assert {run.bucket(symbol) for symbol in SYMBOLS} == {"A"}
    assert [name for name, state in run.gates.items() if state.tripped_ms is not None] == [gate]


def test_an_hour_without_a_regression_is_quiet() -> None:
    assert watched({}).run.rollback is None


def test_a_regression_that_ends_earlier_changes_nothing() -> None:
    run = AbRun(SETTINGS.routing, SETTINGS)
    watch = AbWatch(run, DEADLINE)
    good = hour(5, run, {}, 0)
    for number, chunk in enumerate(hour(5, run, PLANTED["deadline_miss_spike"], 900)):
        other = next(good)
        watch.on_chunk(chunk if number < 900 + 290 else other)
    assert run.gates["deadline_miss_spike"].violations > 100
    assert run.rollback is None


def test_dry_acts_on_nobody() -> None:
    run = watched(PLANTED["latency_regression"], settings=AbSettings(salt="x")).run
    assert run.rollback is not None
    assert {run.bucket(symbol) for symbol in SYMBOLS} == {"A", "B"}


def test_metrics_tell_the_gates_and_both_sides() -> None:
    exposition = Exposition()
    watch = watched(PLANTED["taker_share_increase"])
    exposition.add(watch.families)
    page = exposition.text().decode()
    assert "mm_ab_rollback 1.0" in page
    assert 'mm_ab_gate_tripped{gate="taker_share_increase"} 1.0' in page
    for gate in GATES:
        assert f'mm_ab_gate_violations_total{{gate="{gate}"}}' in page
    assert 'mm_ab_taker_share{bucket="B"}' in page


def test_without_a_clock_the_gates_of_latency_say_nothing() -> None:
    run = AbRun(SETTINGS.routing, SETTINGS)
    watch = AbWatch(run, DEADLINE)
    for chunk in hour(5, run, {}, 0):
        watch.on_chunk(chunk._replace(ticks=[tick._replace(total_ns=None) for tick in chunk.ticks]))
    assert run.gates["latency_regression"].looks == 0
    assert run.stats["A"].metrics()["tick_total_p95"] is None
