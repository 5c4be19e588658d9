"""The in-memory shell: what the venue does reaches the wires of the memory transport."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy_dialect import SECOND, ToyDialect, subscribe

from mm_framework.capture.memory import MemoryVenue
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.testing.emulated import EmulatedVenue


class Wire:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def send(self, payload: bytes, at_ns: int, *, binary: bool = False) -> None:
        self.seen.append((json.loads(payload)["ch"], at_ns))

    def hang_up(self, code: int, reason: str, at_ns: int) -> None:
        self.seen.append(("closed", at_ns))

    def reset(self, at_ns: int) -> None:
        self.seen.append(("reset", at_ns))

    def stall(self) -> None:
        self.seen.append(("stalled",))


def emulated(faults: str = "", rate: float = 0.0) -> EmulatedVenue:
    dialect = ToyDialect()
    settings = MarketSettings(rate=rate, levels=10)
    listings = [dialect.listing("A/B")]
    return EmulatedVenue(VenueEmulator(dialect, listings, settings=settings, faults=parse_faults(faults)))


def test_it_has_the_shape_that_the_memory_transport_asks_for() -> None:
    venue: MemoryVenue = emulated()
    assert venue.next_event_ns() is None


def test_answers_and_timers_reach_their_wire() -> None:
    venue, first, second = emulated(), Wire(), Wire()
    venue.connect(first, "/ws", 5)
    venue.connect(second, "/ws", 6)
    venue.receive(second, subscribe(), 7)
    assert venue.next_event_ns() == 7 + SECOND
    venue.advance(7 + SECOND)
    assert first.seen == [("hello", 5)]
    assert second.seen == [("hello", 6), ("ok", 7), ("book", 7), ("hb", 7 + SECOND)]


@pytest.mark.parametrize(("fault", "last"), [("reset@2", "reset"), ("disconnect@2", "closed")])
def test_a_connection_that_the_venue_ends_hears_of_it_last(fault: str, last: str) -> None:
    venue, wire = emulated(fault, rate=50.0), Wire()
    venue.connect(wire, "/ws", 0)
    venue.receive(wire, subscribe(), 0)
    venue.advance(5 * SECOND)
    assert wire.seen[-1] == (last, 2 * SECOND)
    count = len(wire.seen)
    venue.receive(wire, subscribe(), 5 * SECOND)
    venue.closed(wire, 5 * SECOND)
    venue.advance(9 * SECOND)
    assert len(wire.seen) == count


def test_a_stalled_connection_stays() -> None:
    venue, wire = emulated("mute@0"), Wire()
    venue.connect(wire, "/ws", 0)
    venue.receive(wire, subscribe(), 1)
    venue.advance(5 * SECOND)
    assert wire.seen == [("stalled",)]
    assert venue.emulator.connections == [0]


def test_a_client_that_leaves_gets_nothing_more() -> None:
    venue, wire = emulated(), Wire()
    venue.connect(wire, "/ws", 0)
    venue.receive(wire, subscribe(), 0)
    venue.closed(wire, SECOND // 2)
    count = len(wire.seen)
    venue.advance(5 * SECOND)
    assert len(wire.seen) == count
    assert venue.emulator.connections == []


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(ConnectionRefusedError, match="no WebSocket at /other"):
        emulated().connect(Wire(), "/other", 0)
