"""The simulation itself, and a hundred seeds of it. ``MM_SIMULATE=1000`` runs a thousand."""

from __future__ import annotations

import os
from collections import Counter

import attrs
import pytest
from simulated import VENUES, plugins, venue

from mm_framework.emulator.faults import FAULTS, REQUEST_FAULTS
from mm_framework.errors import ConfigError
from mm_framework.simulate.report import Wish
from mm_framework.simulate.run import simulate
from mm_framework.simulate.troubles import FATAL, TROUBLES
from mm_framework.testing.installed import installed_venue

SEEDS = int(os.environ.get("MM_SIMULATE", "100"))
PLANT = int(os.environ.get("MM_PLANT", "0"))
BATCHES = 10

pytestmark = pytest.mark.timeout(0 if PLANT else 600)


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
    report = simulate(Wish(venue("kraken"), seed=3, seconds=130, faults=""))
    assert report.ok
    assert report.stopped_by == "max_seconds"
    assert report.counts["books compared"] > 200
    assert "gaps" not in report.counts
    assert "books lost" not in report.counts


@pytest.mark.parametrize("name", VENUES)
def test_where_only_planned_things_happen_nothing_is_lost_and_nothing_taken_twice(name: str) -> None:
    planned = "old-age:0.08,rotate:0.1,wall-clock:0.05,kill:0.02"
    report = simulate(Wish(venue(name), seed=3, seconds=150, faults=planned, shards=2))
    assert report.ok, report
    assert report.counts["handovers"] > 15
    assert {"gaps", "books lost"}.isdisjoint(report.counts)
    still = simulate(Wish(venue(name), seed=3, seconds=150, faults="", shards=2))
    assert report.counts["trades"] == still.counts["trades"] > 10


@pytest.mark.parametrize("name", VENUES)
def test_instruments_come_and_go_while_connections_are_replaced_and_break(name: str) -> None:
    faults = "universe:0.1,old-age:0.1,cut:0.5,slow-open:0.05"
    report = simulate(Wish(venue(name), seed=5, seconds=170, faults=faults, shards=2))
    assert report.ok, report
    assert report.counts["trouble cut"] > 1
    assert report.counts["trouble universe"] > 1


@pytest.mark.parametrize("name", sorted(FATAL))
def test_a_disk_that_gives_up_ends_the_run(name: str) -> None:
    report = simulate(Wish(venue("kraken"), seed=1, seconds=130, faults=f"{name}@20"))
    assert report.ok, report
    assert report.stopped_by == "error"
    assert report.counts[f"trouble {name}"] == 1


def test_a_slow_disk_stops_the_reading_and_drops_what_is_too_much() -> None:
    report = simulate(Wish(venue("kraken"), 0, 115, "slow-disk@2,slow-disk@6,slow-disk@10", rate=100.0))
    assert report.ok, report
    assert report.counts["frames dropped"] > 0


OVER_REST = REQUEST_FAULTS | {"rest"}


@pytest.mark.parametrize("part", range(3))
def test_every_fault_and_trouble_strikes(part: int) -> None:
    check_strikes("kraken", sorted({*FAULTS, *TROUBLES} - FATAL - OVER_REST - {"old-age"})[part::3], 0.05)


def test_every_fault_over_rest_strikes() -> None:
    check_strikes("binance", sorted(OVER_REST), 0.15)


def check_strikes(name: str, faults: list[str], rate: float) -> None:
    text = ",".join(f"{one}:{0.5 if one in ('mute', 'cut') else rate}" for one in faults)
    report = simulate(Wish(venue(name), 2, 250, f"{text},reset:0.05,old-age:0.05"))
    assert report.ok, report
    struck = {one.partition(" ")[2] for one in report.counts}
    assert {*faults} <= struck


def test_a_universe_that_changes_under_faults_keeps_its_books() -> None:
    """Polymarket on eight shards: 24 markets for 130 s; ``MM_PLANT=300`` follows so many for 1,800 s."""
    tokens = [str(10**20 + number) for number in range(PLANT or 24)]
    wish = Wish(
        installed_venue(plugins(), "polymarket", tokens),
        seed=1,
        seconds=1800.0 if PLANT else 130.0,
        rate=0.1 if PLANT else 0.3,
        shards=8,
        faults="universe:0.2,reset:0.01,slow:0.01,silent:0.01,half-open:0.005,link-down:0.01,"
        + ("kill@700,kill@1500" if PLANT else "kill:0.01"),
    )
    report = simulate(wish)
    assert report.ok, report
    assert report.counts["trouble universe"] > 2
    assert report.counts["connections"] >= 8
    assert report.counts["books compared"] > 100


def test_a_run_needs_time_for_the_calm_at_its_end() -> None:
    with pytest.raises(ConfigError, match="100 s without faults: 60 s are too short"):
        simulate(Wish(venue("kraken"), seconds=60))
