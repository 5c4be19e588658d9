"""What to simulate, and what came of it, as values."""

from __future__ import annotations

from typing import Any

import attrs

from mm_framework.emulator.faults import FaultSpec
from mm_framework.simulate.troubles import drawn
from mm_framework.testing.simulation import Venue, survivable

__all__ = ["Found", "Report", "Wish"]


@attrs.frozen
class Wish:
    """What to simulate. ``faults`` None: those that the seed brings; ``rate``: events a second and
    instrument. Instruments are dealt out to ``shards``.
    """

    venue: Venue
    seed: int = 0
    seconds: float = 200.0
    faults: str | None = None
    rate: float = 3.0
    shards: int = 1

    @property
    def name(self) -> str:
        """The venue's name."""
        return self.venue.adapter().venue

    def troubles(self) -> str:
        """The faults as text."""
        if self.faults is not None:
            return self.faults
        return drawn(self.seed, _possible(self.venue))


@attrs.frozen
class Found:
    """A violation. ``rule``: which; ``shard``, ``record``: the last record before it was seen, ``at_s``
    seconds after the start.
    """

    rule: str
    text: str
    at_s: float
    shard: int | None = None
    record: int | None = None


@attrs.frozen
class Report:
    """What a run was and what was found. ``counts``: records, frames, books compared, faults, kills."""

    venue: str
    seed: int
    seconds: float
    rate: float
    symbols: tuple[str, ...]
    shards: int
    faults: str
    violation: Found | None
    counts: dict[str, int]
    stopped_by: str
    digest: str

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return self.violation is None

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {"ok": self.ok, **attrs.asdict(self)}


def _possible(venue: Venue) -> tuple[FaultSpec, ...]:
    """The emulator's faults that this venue's books must survive."""
    book = venue.channel("book")
    assert venue.dialect is not None
    return survivable("none" if book is None else book.proof.kind, venue.dialect())
