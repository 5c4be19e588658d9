"""Points of a sweep grouped by the values of one or two parameters. Pure.

    points, measure -> outcomes -> axes -> {(place on x, place on y): Group}

A point that failed is in no group. A parameter with many numbers is shown in ranges.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from mm_framework.errors import ConfigError
from mm_framework.settings import nearest

__all__ = [
    "MEASURES", "Axis", "Group", "Measure", "Outcome", "View", "axes_of", "axis_of", "groups", "outcomes",
]  # fmt: skip

MOST_VALUES: Final = 24
"""Numbers of a parameter that stand by themselves; more are shown in ranges."""


@attrs.frozen
class Measure:
    """``label``: its name for people; ``better``: -1 where less is; ``money``: whether it is an amount."""

    label: str
    better: int = 1
    money: bool = True


MEASURES: Final = {
    "total": Measure("total"),
    "spread": Measure("spread capture"),
    "adverse": Measure("adverse selection"),
    "inventory": Measure("profit of inventory"),
    "fees": Measure("fees", better=-1),
    "mark_adjustment": Measure("mark adjustment"),
    "drawdown": Measure("deepest drawdown", better=-1),
    "fills": Measure("fills", money=False),
    "intents": Measure("intents", money=False),
}
"""What a heat map can show, by its word."""


@attrs.frozen
class View:
    """What is shown: a word of `MEASURES`; parameters across and up, None for those with most values."""

    measure: str = "total"
    x: str | None = None
    y: str | None = None


@attrs.frozen
class Outcome:
    """A point that was played to its end: its number, its parameters, what was measured."""

    point: int
    parameters: Mapping[str, str]
    value: float


@attrs.frozen
class Axis:
    """A parameter on a chart. ``labels``: of its places; ``places``: value -> place; ``numbers``: whether the
    labels are numbers."""

    name: str
    labels: tuple[str, ...]
    places: Mapping[str, int]
    numbers: bool


@attrs.frozen
class Group:
    """Points at one place: how many, and what came of them."""

    count: int
    median: float
    least: float
    most: float


def outcomes(points: Iterable[Mapping[str, Any]], measure: str, quote: str) -> list[Outcome]:
    """What was measured, in order; 0 of a currency in which a point traded nothing."""
    return [
        Outcome(one["point"], one["parameters"], _value(one["summary"], measure, quote))
        for one in points
        if one["ok"] and one["summary"] is not None
    ]


def _value(summary: Mapping[str, Any], measure: str, quote: str) -> float:
    if not MEASURES[measure].money:
        return float(summary[measure])
    found = summary["by_quote"].get(quote)
    if found is None:
        return 0.0
    return float(found["drawdown"]["most"] if measure == "drawdown" else found["pnl"][measure])


def axis_of(name: str, values: Iterable[str]) -> Axis:
    """Numbers by size, other values as they come; `MOST_VALUES` ranges for more numbers than that."""
    known = list(dict.fromkeys(values))
    try:
        known.sort(key=Decimal)
    except InvalidOperation:
        return Axis(name, tuple(known), {value: place for place, value in enumerate(known)}, False)
    if len(known) <= MOST_VALUES:
        return Axis(name, tuple(known), {value: place for place, value in enumerate(known)}, True)
    each = -(-len(known) // MOST_VALUES)
    ranges = [known[k : k + each] for k in range(0, len(known), each)]
    labels = tuple(one[0] if len(one) == 1 else f"{one[0]} to {one[-1]}" for one in ranges)
    return Axis(name, labels, {value: k for k, one in enumerate(ranges) for value in one}, False)


def axes_of(points: Sequence[Mapping[str, Any]], view: View) -> tuple[Axis, Axis | None]:
    """The parameters that the view names, or else those with most values; None when there is but one.

    Names stand upwards where there is a choice, since they are long. Raises ConfigError for a parameter that
    was not swept.
    """
    names = dict.fromkeys(name for one in points for name in one["parameters"])
    known = {name: axis_of(name, (one["parameters"][name] for one in points)) for name in names}
    for flag, name in (("x", view.x), ("y", view.y)):
        if name is not None and name not in known:
            raise ConfigError(f"--{flag} {name}: that was not swept; {nearest(name, known)}", key=flag)
    if view.x is not None and view.x == view.y:
        raise ConfigError(f"--x and --y are both {view.x}: name two parameters", key="y")
    free = sorted(
        (name for name in names if name not in (view.x, view.y)), key=lambda one: -len(known[one].places)
    )
    if view.x is None and view.y is not None and not free:
        return known[view.y], None
    x = view.x or free.pop(0)
    y = view.y or next((name for name in free if len(known[name].places) > 1), None)
    if view.x is view.y is None and y is not None and known[y].numbers and not known[x].numbers:
        x, y = y, x
    return known[x], None if y is None else known[y]


def groups(found: Iterable[Outcome], x: Axis, y: Axis | None) -> dict[tuple[int, int], Group]:
    """The points at each place of the axes; all at 0 of an axis that is none."""
    values: dict[tuple[int, int], list[float]] = {}
    for one in found:
        up = 0 if y is None else y.places[one.parameters[y.name]]
        values.setdefault((x.places[one.parameters[x.name]], up), []).append(one.value)
    return {
        place: Group(len(some), statistics.median(some), min(some), max(some))
        for place, some in sorted(values.items())
    }
