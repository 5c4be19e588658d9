"""Points of a sweep by the values of their parameters: order of values, choice of axes, medians."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mm_framework.errors import ConfigError
from mm_framework.results.heat import MEASURES, Group, View, axes_of, axis_of, groups, outcomes
from mm_framework.results.heat_figures import best_place, heat_figure, one_figure


def swept(values: Mapping[str, Sequence[str]], totals: Sequence[float]) -> list[dict[str, Any]]:
    """A point for each combination, with its total in EUR."""
    found = []
    for number, one in enumerate(itertools.product(*values.values())):
        pnl = {
            **dict.fromkeys(("spread", "adverse", "inventory", "fees", "mark_adjustment"), "0"),
            "total": str(totals[number]),
        }
        quotes = {"EUR": {"pnl": pnl, "drawdown": {"most": 1.5}}}
        summary = {"fills": number, "intents": 2 * number, "by_quote": quotes}
        parameters = dict(zip(values, one, strict=True))
        found.append(
            {"point": number, "parameters": parameters, "ok": True, "error": None, "summary": summary}
        )
    return found


SIX = {"size": ("10", "9"), "queue": ("log", "power", "averse")}


def test_numbers_stand_by_size_and_names_as_they_come() -> None:
    assert axis_of("a", ["10", "9", "0.5", "9"]).labels == ("0.5", "9", "10")
    assert axis_of("a", ["power", "log"]).labels == ("power", "log")


def test_many_numbers_are_shown_in_ranges() -> None:
    axis = axis_of("a", [str(number) for number in range(99, -1, -1)])
    assert axis.labels[:2] == ("0 to 4", "5 to 9")
    assert len(axis.labels) == 20
    assert (axis.places["4"], axis.places["5"], axis.places["99"]) == (0, 1, 19)


def test_names_stand_upwards_unless_asked_otherwise() -> None:
    points = swept(SIX, range(6))
    shown = [tuple(None if one is None else one.name for one in axes_of(points, view)) for view in VIEWS]
    assert shown == [("size", "queue"), ("queue", "size"), ("size", "queue"), ("queue", "size")]


VIEWS = (View(), View(x="queue"), View(y="queue"), View(x="queue", y="size"))


def test_the_parameters_with_most_values_are_shown() -> None:
    values = {"a": ("1", "2"), "b": ("1",), "c": ("1", "2", "3")}
    x, y = axes_of(swept(values, range(6)), View())
    assert (x.name, y.name if y else None) == ("c", "a")


def test_one_parameter_has_one_axis() -> None:
    points = swept({"size": ("1", "2"), "day": ("2026-11-21",)}, (1, 2))
    for view in (View(), View(x="size")):
        x, y = axes_of(points, view)
        assert (x.name, y) == ("size", None)
    assert axes_of(swept({"size": ("1", "2")}, (1, 2)), View(y="size"))[0].name == "size"


@pytest.mark.parametrize(
    ("view", "told"),
    [(View(x="sise"), "did you mean 'size'"), (View(x="size", y="size"), "name two parameters")],
    ids=["unknown", "twice"],
)
def test_what_was_not_swept_cannot_be_shown(view: View, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        axes_of(swept(SIX, range(6)), view)


def test_a_place_has_the_median_over_the_other_parameters() -> None:
    points = swept(SIX, (1, 2, 6, 10, 20, -3))
    points[5]["ok"] = False
    x = axis_of("size", ("10", "9"))
    found = groups(outcomes(points, "total", "EUR"), x, None)
    assert found == {(0, 0): Group(2, 15.0, 10.0, 20.0), (1, 0): Group(3, 2.0, 1.0, 6.0)}


def test_measures_are_read_from_the_summary() -> None:
    (point,) = swept({"size": ("1",)}, (7.5,))
    told = {word: outcomes([point], word, "EUR")[0].value for word in ("total", "drawdown", "fills")}
    assert told == {"total": 7.5, "drawdown": 1.5, "fills": 0.0}
    assert outcomes([point], "total", "USD")[0].value == 0.0
    assert outcomes([{**point, "summary": None, "ok": False}], "total", "EUR") == []


def test_the_best_place_is_outlined_and_zero_is_in_the_middle_of_the_colours() -> None:
    points = swept(SIX, (1, 2, 6, 10, 20, -3))
    x, y = axes_of(points, View())
    assert y is not None
    found = groups(outcomes(points, "total", "EUR"), x, y)
    figure = heat_figure(found, x, y, MEASURES["total"], "EUR")
    assert best_place(found, MEASURES["total"]) == (0, 1)
    assert best_place(found, MEASURES["fees"]) == (0, 2)
    (outline,) = figure["layout"]["shapes"]
    assert (outline["x0"], outline["x1"], outline["y0"], outline["y1"]) == (-0.5, 0.5, 0.5, 1.5)
    (drawn,) = figure["data"]
    assert (drawn["zmin"], drawn["zmax"]) == (-20, 20)
    assert drawn["z"] == [[10.0, 1.0], [20.0, 2.0], [-3.0, 6.0]]


def test_one_number_is_a_line_and_names_are_bars() -> None:
    points = swept(SIX, (1, 2, 6, 10, 20, -3))
    kinds = []
    for name in SIX:
        axis = axis_of(name, SIX[name])
        found = groups(outcomes(points, "total", "EUR"), axis, None)
        (drawn,) = one_figure(found, axis, MEASURES["total"], "EUR")["data"]
        kinds.append((drawn["type"], drawn["y"], drawn["error_y"]["array"]))
    assert kinds == [("scatter", [10.0, 2.0], [10.0, 4.0]), ("bar", [5.5, 11.0, 1.5], [4.5, 9.0, 4.5])]
