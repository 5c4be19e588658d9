"""The charts of a sweep: a heat map over two parameters, a line or bars over one."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Final

from mm_framework.results.figures import Figure, role
from mm_framework.results.heat import Axis, Group, Measure
from mm_framework.results.words import number

__all__ = ["best_place", "heat_figure", "one_figure", "width_px"]

Groups = Mapping[tuple[int, int], Group]

_MOST_TEXTS: Final = 600
"""Cells whose values are written into them; smaller ones have no room."""


def best_place(found: Groups, measure: Measure) -> tuple[int, int] | None:
    """Where the median is best; the first of equals."""
    return max(found, key=lambda place: measure.better * found[place].median, default=None)


def width_px(x: Axis, y: Axis) -> int:
    """What the cells of a heat map need to be read."""
    across, up = (min(max(map(len, axis.labels)), 40) for axis in (x, y))
    least = max(54, min(8 * across, 90)) if len(x.labels) * len(y.labels) <= _MOST_TEXTS else 14
    return 60 + 8 * up + least * len(x.labels)


def heat_figure(found: Groups, x: Axis, y: Axis, measure: Measure, unit: str) -> Figure:
    """Medians by colour and in figures; the best one is outlined. A place without points is empty."""
    rows = range(len(y.labels))
    cells = [[found.get((across, up)) for across in range(len(x.labels))] for up in rows]
    written = len(x.labels) * len(y.labels) <= _MOST_TEXTS
    title = html.escape(f"{measure.label}, {unit}" if unit else measure.label)
    return {
        "height": 120 + max(90, len(y.labels) * (36 if written else 18)),
        "data": [
            {
                "type": "heatmap",
                "x": [html.escape(one) for one in x.labels],
                "y": [html.escape(one) for one in y.labels],
                "z": [[None if one is None else one.median for one in row] for row in cells],
                "text": [["" if one is None else number(one.median, 3) for one in row] for row in cells],
                "customdata": [[_told(one) for one in row] for row in cells],
                **({"texttemplate": "%{text}", "textfont": {"color": role("text")}} if written else {}),
                "hovertemplate": f"{html.escape(x.name)} %{{x}}<br>{html.escape(y.name)} %{{y}}"
                "<br>%{customdata}<extra></extra>",
                "hoverongaps": False,
                "xgap": 2,
                "ygap": 2,
                **_scale([one.median for one in found.values()], measure),
                "colorbar": {
                    "orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "len": 0.6,
                    "thickness": 10, "outlinewidth": 0, "title": {"text": title, "side": "top"}, "nticks": 5,
                },
            }
        ],
        "layout": {
            "xaxis": {"type": "category", "title": {"text": html.escape(x.name)}, "showgrid": False},
            "yaxis": {"type": "category", "title": {"text": html.escape(y.name)}, "showgrid": False},
            "shapes": _outlined(best_place(found, measure)),
            "margin": {"l": 8, "r": 14, "t": 8, "b": 8},
        },
    }  # fmt: skip


def one_figure(found: Groups, x: Axis, measure: Measure, unit: str) -> Figure:
    """Medians over one parameter, a line where it is a number; with least and most of several points."""
    groups = [found.get((place, 0)) for place in range(len(x.labels))]
    medians = [None if one is None else one.median for one in groups]
    kind: dict[str, Any] = {
        "type": "scatter", "mode": "lines+markers", "line": {"color": role("bid")}, "marker": {"size": 8}
    } if x.numbers else {"type": "bar", "marker": {"color": role("bid")}}  # fmt: skip
    title = f"{measure.label}, {unit}" if unit else measure.label
    return {
        "height": 340,
        "data": [
            {
                **kind,
                "x": list(map(float, x.labels)) if x.numbers else [html.escape(one) for one in x.labels],
                "y": medians,
                "customdata": list(map(_told, groups)),
                "hovertemplate": f"{html.escape(x.name)} %{{x}}<br>%{{customdata}}<extra></extra>",
                **_bars([one for one in groups if one is not None], groups),
            }
        ],
        "layout": {
            "xaxis": {
                "type": "linear" if x.numbers else "category",
                "title": {"text": html.escape(x.name)},
            },
            "yaxis": {"title": {"text": html.escape(title)}},
            "showlegend": False,
        },
    }


def _told(one: Group | None) -> str:
    if one is None:
        return "no point"
    if one.count == 1:
        return f"{number(one.median, 6)}, 1 point"
    least, most = number(one.least, 6), number(one.most, 6)
    return f"median {number(one.median, 6)} of {one.count} points, {least} to {most}"


def _bars(known: list[Group], groups: list[Group | None]) -> dict[str, Any]:
    """Least and most, where any place has several points."""
    if all(one.count == 1 for one in known):
        return {}
    up = [0.0 if one is None else one.most - one.median for one in groups]
    down = [0.0 if one is None else one.median - one.least for one in groups]
    ends = {"type": "data", "symmetric": False, "array": up, "arrayminus": down}
    return {"error_y": {**ends, "color": role("mid"), "thickness": 1.2}}


def _scale(values: list[float], measure: Measure) -> dict[str, Any]:
    """Orange below 0, blue above; one hue, paler to fuller, where all are on one side or less is better."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low < 0 < high:
        colours = [[0, role("less")], [0.5, role("grid")], [1, role("more")]]
        return {"colorscale": colours, "zmin": -max(-low, high), "zmax": max(-low, high)}
    if low == high:
        low, high = (low, low + 1.0) if low >= 0 else (low - 1.0, low)
    if high <= 0 and low < 0:
        colours = [[0, role("less")], [1, role("grid")]]
    else:
        colours = [[0, role("grid")], [1, role("more" if measure.better > 0 else "cost")]]
    return {"colorscale": colours, "zmin": low, "zmax": high}


def _outlined(place: tuple[int, int] | None) -> list[dict[str, Any]]:
    if place is None:
        return []
    x, y = place
    edges = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
    return [{"type": "rect", **edges, "line": {"color": role("text"), "width": 2}}]
