"""The simulation itself, and a hundred seeds of it. ``MM_SIMULATE=1000`` runs a thousand."""

from __future__ import annotations

import os
from collections import Counter

import attrs
import pytest
from simulated import VENUES, venue

from mm_framework.emulator.faults import FAULTS
from mm_framework.errors import ConfigError
from mm_framework.simulate.run import Wish, simulate
from mm_framework.simulate.troubles import FATAL, TROUBLES

SEEDS = int(os.environ.get("MM_SIMULATE", "100"))
BATCHES = 10

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_seeds_find_nothing(batch: int) -> None:
    """Each batch strikes; what never struck would have been survived by any program."""
    total: Counter[str] = Counter()
    for seed in range(batch, SEEDS, BATCHES):
        report = simulate(Wish(venue(VENUES[seed // BATCHES % len(VENUES)]), seed=seed, shards=1 + seed % 2))
        assert report.violation is None, report
        total.update(report.counts)
    assert total["books lost"] > 5
    assert total["kills"] + total["power losses"] > 3


def test_the_same_seed_gives_the_same_run() -> None:
    wish = Wish(venue("kraken"), seed=5, faults="drop:0.05,late:0.05,link-down:0.02,kill:0.02,slow-disk:0.02")
    one, again = simulate(wish), simulate(wish)
    assert one == again
    assert one.counts["kills"] > 0
    assert simulate(attrs.evolve(wish, seed=6)).digest != one.digest


def test_without_faults_nothing_is_lost() -> None:
    report = simulate(Wish(venue("kraken"), seed=3, seconds=120, faults=""))
    assert report.ok
    assert report.stopped_by == "max_seconds"
    assert report.counts["books compared"] > 200
    assert "gaps" not in report.counts
    assert "books lost" not in report.counts


@pytest.mark.parametrize("name", sorted(FATAL))
def test_a_disk_that_gives_up_ends_the_run(name: str) -> None:
    report = simulate(Wish(venue("kraken"), seed=1, seconds=120, faults=f"{name}@20"))
    assert report.ok, report
    assert report.stopped_by == "error"
    assert report.counts[f"trouble {name}"] == 1


def test_a_slow_disk_stops_the_reading_and_drops_what_is_too_much() -> None:
    dropped = 0
    for seed in range(5):
        report = simulate(Wish(venue("kraken"), seed, 120, "slow-disk:0.1", rate=60.0))
        assert report.ok, report
        dropped += report.counts.get("frames dropped", 0)
    assert dropped > 0


def test_every_fault_and_trouble_strikes() -> None:
    struck: Counter[str] = Counter()
    for name, rate in {**dict.fromkeys(FAULTS, 0.05), **dict.fromkeys(TROUBLES, 0.05)}.items():
        if name in FATAL:
            continue
        fault = f"{name}:{0.5 if name == 'mute' else rate},reset:0.05"
        report = simulate(Wish(venue("binance" if name == "rest" else "kraken"), 2, 160, fault))
        assert report.ok, report
        struck.update(report.counts)
    assert {f"fault {name}" for name in FAULTS} <= set(struck)
    assert {f"trouble {name}" for name in TROUBLES if name not in FATAL} <= set(struck)


def test_a_run_needs_time_for_the_calm_at_its_end() -> None:
    with pytest.raises(ConfigError, match="75 s without faults: 60 s are too short"):
        simulate(Wish(venue("kraken"), seconds=60))
