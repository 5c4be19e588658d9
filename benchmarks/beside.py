"""Ours beside a peer: one figure each of the same work, and how many times as fast ours is."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, Final

import attrs
from figures import Figure, number, rounded, table, times

__all__ = ["Beside", "beside_table"]

HEAD: Final = (
    *("work", "peer", "unit", "ours", "peer's", "ours, times as fast", "by processor time"),
    *("design asks", "and aims at"),
)


@attrs.frozen
class Beside:
    """One line of a comparison.

    ``wall``, ``cpu``: our figure and the peer's, by wall and by processor time, of the same rounds.
    ``floor``, ``aim``: the least ratio that the design asks for and the one that it aims at, None where it
    names none.
    """

    work: str
    peer: str
    wall: tuple[Figure, Figure]
    cpu: tuple[Figure, Figure]
    floor: float | None = None
    aim: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Of wall time, round by round."""
        ours, theirs = self.wall
        return ours.ratios(theirs)

    @property
    def cpu_ratios(self) -> list[float]:
        """Of processor time, round by round."""
        ours, theirs = self.cpu
        return ours.ratios(theirs)

    def to_json(self) -> dict[str, Any]:
        """A line of the output."""
        ours, theirs = self.wall
        return {
            "bench": "beside",
            "work": self.work,
            "peer": self.peer,
            "unit": ours.unit,
            "ours": rounded(ours.median),
            "theirs": rounded(theirs.median),
            "ratio": rounded(statistics.median(self.ratios)),
            "ratios": [rounded(one) for one in self.ratios],
            "cpu_ratio": rounded(statistics.median(self.cpu_ratios)),
            "cpu_ratios": [rounded(one) for one in self.cpu_ratios],
            "floor": self.floor,
            "aim": self.aim,
        }


def beside_table(compared: Iterable[Beside]) -> str:
    """All of them, for readers."""
    rows = []
    for one in compared:
        ours, theirs = one.wall
        asked = ["-" if ratio is None else f"{ratio:g}x" for ratio in (one.floor, one.aim)]
        figures = (number(ours.median), number(theirs.median), times(one.ratios), times(one.cpu_ratios))
        rows.append([one.work, one.peer, ours.unit, *figures, *asked])
    return table(HEAD, rows)
