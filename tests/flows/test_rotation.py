"""Connections that are replaced again and again, at each venue: no hole, no new epoch, nothing twice.

By default half an hour of virtual time with a rotation each 5 minutes; ``MM_ROTATION_HOURS=24`` takes a
day with one each 15, ``MM_SEEDS`` more runs under faults.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from rotating import VENUES, aging

from mm_framework.feed import Feed, FeedSettings, Output
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import NULL, Kind, Reason, SyncState, iter_rows
from mm_framework.testing.simulation import Simulation, Venue

HOURS = float(os.environ.get("MM_ROTATION_HOURS", "0.5"))
SEEDS = int(os.environ.get("MM_SEEDS", "1"))
AGE_S = 900.0 if HOURS > 1 else 300.0

BREAKS = "reset:0.006,disconnect:0.01,half-open:0.006,slow:0.01"
TROUBLE = {"polymarket": BREAKS}  # nothing there proves that no frame was lost

pytestmark = pytest.mark.timeout(1200)


class Heard:
    """Counts kinds of rows, trades by number, and states that a book left SYNCED for."""

    done = False

    def __init__(self) -> None:
        self.kinds: Counter[Kind] = Counter()
        self.trades: Counter[tuple[int, int]] = Counter()
        self.left: list[StateChanged] = []

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        for row in iter_rows(output.rows):
            self.kinds[Kind(row.kind)] += 1
            if row.kind == Kind.TRADE and row.aux != NULL:
                self.trades[row.instrument, row.aux] += 1
        self.left += [
            one
            for one in output.notices
            if isinstance(one, StateChanged) and one.new in (SyncState.RESYNCING, SyncState.CONNECTING)
        ]

    def next_timer_ns(self) -> int | None:
        return None

    def on_end(self, mono_ns: int) -> None:
        pass


def channels(venue: Venue) -> tuple[str, ...]:
    """The first channel of each kind."""
    first = {one.carries: one.name for one in reversed(venue.adapter().channels)}
    return tuple(first.values())


def simulated(name: str, age_s: float, heard: Heard, **more: object) -> Simulation:
    venue = aging(VENUES[name](), age_s)
    return Simulation(venue, channels=channels(venue), listeners=[heard], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VENUES)
def test_connections_are_replaced_without_a_hole(name: str) -> None:
    heard, seconds = Heard(), HOURS * 3600
    run = simulated(name, AGE_S, heard, seed=3, seconds=seconds, rate=0.2, feed_settings=FeedSettings())
    result = run.run()
    rotations = result.reconnects["by_reason"]["session_age"]
    assert rotations >= seconds // (AGE_S + 30)
    assert result.reconnects["total"] == 0
    assert heard.left == []
    assert (heard.kinds[Kind.GAP], heard.kinds[Kind.CHECKSUM_MISMATCH]) == (0, 0)
    assert {one["epoch"] for one in result.instruments.values()} == {1}
    assert max(heard.trades.values(), default=1) == 1
    assert run.oracle.counts["compared"] > 100


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", VENUES)
def test_under_faults_nothing_false_is_served_while_connections_come_and_go(name: str, seed: int) -> None:
    heard, faults = Heard(), TROUBLE.get(name, f"drop:0.004,repeat:0.003,reorder:0.003,{BREAKS}")
    run = simulated(name, 20.0, heard, seed=seed + 2, seconds=150, faults=faults)
    result = run.run()
    assert result.reconnects["planned"] > 0
    assert max(heard.trades.values(), default=1) == 1
    feed = Feed(run.venue.kits)
    for record in run.tape.records:
        feed.feed(record)
    assert feed.counts == result.counts
    assert Reason.ACK_TIMEOUT not in {one.reason for one in heard.left if not result.reconnects["total"]}
