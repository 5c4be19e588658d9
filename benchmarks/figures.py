"""Figures: one measured in every round, its ratio to another, and tables of them.

A rate is better when it is higher, a time (``us``) when it is lower; a ratio says how many times as fast
in both cases. Ratios are taken round by round, so that what slows a whole round cancels out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

__all__ = ["TIME", "Figure", "facts_list", "number", "rounded", "table", "times"]

TIME: Final = "us"


@attrs.frozen
class Figure:
    """``bench`` measured by ``side`` (a mode of the kernels, a program), a value a round."""

    bench: str
    side: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.rounds)

    @property
    def best(self) -> float:
        """The best round."""
        return min(self.rounds) if self.unit == TIME else max(self.rounds)

    def ratios(self, base: Figure) -> list[float]:
        """How many times as fast as ``base``, round by round."""
        pairs = zip(self.rounds, base.rounds, strict=True)
        return [theirs / ours if self.unit == TIME else ours / theirs for ours, theirs in pairs]

    def to_json(self) -> dict[str, Any]:
        """JSON values, rounded."""
        return {
            "unit": self.unit,
            "median": rounded(self.median),
            "best": rounded(self.best),
            "rounds": [rounded(value) for value in self.rounds],
        }


def rounded(value: float) -> float:
    """Three digits or more: 0.94, 3.27, 17681."""
    short = float(f"{value:.3g}")
    return round(value) if short >= 100 else short


def times(ratios: Sequence[float]) -> str:
    """``12.3x (11.9 to 12.8)``: the median of the rounds, and their range."""
    return f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"


def number(value: float) -> str:
    """For reading: ``17 681``, ``3.27``."""
    return f"{rounded(value):,}".replace(",", " ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are figures and stand to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def facts_list(facts: dict[str, Any]) -> str:
    """What the figures belong to, as a list."""
    lines = [f"- {name}: {_plain(value)}\n" for name, value in facts.items() if name != "bench"]
    return "".join(lines)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one or 'not installed'}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)
