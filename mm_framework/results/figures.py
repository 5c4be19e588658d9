"""The charts of a result as figures of plotly.js. Colours are roles, which `page.js` turns into a theme's.

Kinds of lines differ in dash and marker too, not in colour alone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from mm_framework.results.path import Ints, TopPath
from mm_framework.results.series import Line, Slice, drawdown_line, prices, thinned

__all__ = [
    "PNL_PARTS",
    "Figure",
    "bars_of_pnl",
    "equities_figure",
    "equity_figure",
    "fill_figure",
    "inventory_figure",
    "markout_figure",
    "markouts_figure",
    "parts_figure",
    "slice_figure",
]

Figure = dict[str, Any]
"""``{"data": ..., "layout": ..., "height": ...}``."""

PNL_PARTS: Final = (
    ("spread", "spread capture", 1),
    ("adverse", "adverse selection", 1),
    ("inventory", "inventory", 1),
    ("fees", "fees", -1),
    ("mark_adjustment", "mark adjustment", 1),
)
"""The terms of the identity as they add up: key, name, sign."""

_LINES: Final = (
    ("bid", "solid"),
    ("ask", "dash"),
    ("good", "dot"),
    ("spread", "dashdot"),
    ("mid", "longdash"),
)
_MARKOUTS: Final = (
    ("edge", "edge", "good", "dot", "diamond"),
    ("adverse", "adverse selection", "ask", "dash", "square"),
    ("markout", "markout", "bid", "solid", "circle"),
)
_PATTERNS: Final = ("", "/", ".", "x", "-")
_FILLS: Final = (("sold", -1, "ask", "triangle-down"), ("bought", 1, "bid", "triangle-up"))


def role(name: str) -> dict[str, str]:
    """A colour that the theme gives."""
    return {"role": name}


def equity_figure(line: Line, quote: str) -> Figure:
    """Equity, and below it how far it is below its peak."""
    shown, below = thinned(line), thinned(drawdown_line(line))
    return {
        "height": 420,
        "data": [
            _steps(shown, "equity", "bid", "solid") | {"yaxis": "y"},
            _steps(below, "drawdown", "ask", "solid")
            | {"yaxis": "y2", "fill": "tozeroy", "fillcolor": role("ask_soft")},
        ],
        "layout": {
            "xaxis": {"type": "date", "anchor": "y2", "title": {"text": "time, UTC"}},
            "yaxis": {"domain": [0.36, 1], "title": {"text": f"equity, {html.escape(quote)}"}},
            "yaxis2": {"domain": [0, 0.28], "title": {"text": "drawdown"}},
            "hovermode": "x unified",
        },
    }


def inventory_figure(lines: Mapping[str, Line]) -> Figure:
    """The positions of accounts by name, each in its base currency."""
    data = []
    for (name, line), (colour, dash) in zip(lines.items(), _LINES, strict=False):
        data.append(_steps(thinned(line), name, colour, dash))
    if len(data) == 1:
        data[0] |= {"fill": "tozeroy", "fillcolor": role("bid_soft")}
    return {
        "height": 300,
        "data": data,
        "layout": {
            "xaxis": {"type": "date", "title": {"text": "time, UTC"}},
            "yaxis": {"title": {"text": "position"}},
            "hovermode": "x unified",
            "showlegend": len(data) > 1,
        },
    }


def bars_of_pnl(pnl: Mapping[str, str], quote: str) -> Figure:
    """How the terms of the identity lead from nothing to the total; ``pnl``: exact decimal text."""
    values = [sign * float(pnl[key]) for key, _, sign in PNL_PARTS]
    names = [name.replace(" ", "<br>") for _, name, _ in PNL_PARTS]
    return {
        "height": 360,
        "data": [
            {
                "type": "waterfall",
                "x": [*names, "total"],
                "y": [*values, float(pnl["total"])],
                "measure": ["relative"] * len(values) + ["total"],
                "text": [f"{value:+.4g}" for value in (*values, float(pnl["total"]))],
                "textposition": "outside",
                "cliponaxis": False,
                "increasing": {"marker": {"color": role("bid")}},
                "decreasing": {"marker": {"color": role("ask")}},
                "totals": {"marker": {"color": role("mid")}},
                "connector": {"line": {"color": role("mid"), "width": 1, "dash": "dot"}},
                "hovertemplate": "%{x}: %{y:.6~g}<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"tickangle": 0},
            "yaxis": {"title": {"text": f"profit, {html.escape(quote)}"}},
            "showlegend": False,
        },
    }


def markout_figure(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Edge, adverse selection and markout over the horizons, the markout with its 95 % interval."""
    data = []
    for name, shown, colour, dash, symbol in _MARKOUTS:
        known = [one for one in curves if one[name]["mean_bps"] is not None]
        trace = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": shown,
            "x": [one["horizon_s"] for one in known],
            "y": [one[name]["mean_bps"] for one in known],
            "line": {"color": role(colour), "dash": dash, "width": 2.5 if name == "markout" else 1.6},
            "marker": {"symbol": symbol, "size": 8},
            "hovertemplate": "%{y:+.3f} bps",
        }
        if name == "markout":
            errors = [1.96 * (one[name]["error_bps"] or 0.0) for one in known]
            trace["error_y"] = {"type": "data", "array": errors, "thickness": 1.6, "width": 6}
        data.append(trace)
    ticks = [one["horizon_s"] for one in curves]
    return {"height": 320, "data": data, "layout": _horizons(ticks, "bps of the mid, by size")}


def _horizons(ticks: Sequence[float], title: str) -> dict[str, Any]:
    """The layout over horizons, which are far apart."""
    return {
        "xaxis": {
            "type": "log",
            "tickvals": list(ticks),
            "ticktext": [f"{one:g} s" for one in ticks],
            "range": [math.log10(ticks[0]) - 0.15, math.log10(ticks[-1]) + 0.15],
            "title": {"text": "time after the fill"},
        },
        "yaxis": {"title": {"text": title}, "zeroline": True, "zerolinewidth": 2},
        "hovermode": "x unified",
    }


def fill_figure(times_s: Sequence[float], shares: Sequence[float], errors: Sequence[float]) -> Figure:
    """The share of quotes that has a fill by a time, with its 95 % band."""
    x = [0.0, *times_s]
    y, width = [0.0, *shares], [0.0, *(1.96 * error for error in errors)]
    low = [max(0.0, a - b) for a, b in zip(y, width, strict=True)]
    high = [min(1.0, a + b) for a, b in zip(y, width, strict=True)]
    edge = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "line": {"width": 0, "shape": "hv"},
        "hoverinfo": "skip",
    }
    return {
        "height": 300,
        "data": [
            {**edge, "y": low, "showlegend": False, "name": ""},
            {**edge, "y": high, "fill": "tonexty", "fillcolor": role("bid_soft"), "name": "95 % band"},
            {
                "type": "scatter",
                "mode": "lines",
                "name": "quotes with a fill",
                "x": x,
                "y": y,
                "line": {"color": role("bid"), "shape": "hv", "width": 2},
                "hovertemplate": "%{y:.1%} within %{x:.3~g} s<extra></extra>",
            },
        ],
        "layout": {
            "xaxis": {"title": {"text": "seconds at rest"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "quotes with a fill"}, "tickformat": ".0%", "rangemode": "tozero"},
        },
    }


def slice_figure(path: TopPath, part: Slice, quote: str) -> Figure:
    """Best prices, own quotes while they rested, and fills."""
    rows = part.tops
    times = np.append(np.maximum(path.ts_ns[rows], part.start_ns), part.end_ns)
    data = []
    for name, column, colour in (("best ask", path.ask, "ask"), ("best bid", path.bid, "bid")):
        values = prices(path, column[rows])
        line = Line(times, np.append(values, values[-1:] if len(values) else [np.nan]))
        data.append(_steps(line, name, colour, "solid", width=1.2))
    for name, side, colour in (("our asks", -1, "ask"), ("our bids", 1, "bid")):
        data.append(_quotes(path, part, name, side, colour))
    for name, side, colour, symbol in _FILLS:
        data.append(_marks(path, part, name, side, colour, symbol))
    return {
        "height": 460,
        "data": data,
        "layout": {
            "xaxis": {
                "type": "date",
                "title": {"text": "time, UTC"},
                "range": [part.start_ns / 1e6, part.end_ns / 1e6],
                "hoverformat": "%H:%M:%S.%L",
            },
            "yaxis": {"title": {"text": f"price, {html.escape(quote)}"}, "exponentformat": "none"},
            "hovermode": "closest",
        },
    }


def _quotes(path: TopPath, part: Slice, name: str, side: int, colour: str) -> Figure:
    """One stroke a life, cut to the slice."""
    own = part.quotes.where(part.quotes.side == side)
    x: list[float | None] = []
    y: list[float | None] = []
    unit = path.instrument.price_unit
    starts = np.maximum(own.start_ns, part.start_ns) / 1e6
    ends = np.minimum(own.end_ns, part.end_ns) / 1e6
    for start, end, price in zip(starts.tolist(), ends.tolist(), own.price.tolist(), strict=True):
        x += [start, end, None]
        y += [price * unit, price * unit, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": role(colour), "width": 4},
        "opacity": 0.45,
        "hovertemplate": f"{name} %{{y}}<extra></extra>",
    }


def _marks(path: TopPath, part: Slice, name: str, side: int, colour: str, symbol: str) -> Figure:
    rows = part.fills.side == side
    sizes = part.fills.size[rows] * path.instrument.size_unit
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": (part.fills.ts_ns[rows] / 1e6).tolist(),
        "y": (part.fills.price[rows] * path.instrument.price_unit).tolist(),
        "customdata": [
            [f"{size:.6g}", "resting" if maker else "taken"]
            for size, maker in zip(sizes.tolist(), part.fills.maker[rows].tolist(), strict=True)
        ],
        "marker": {
            "symbol": symbol,
            "size": 11,
            "color": role(colour),
            "line": {"color": role("text"), "width": 1.2},
        },
        "hovertemplate": f"{name} %{{customdata[0]}} at %{{y}}, %{{customdata[1]}}<extra></extra>",
    }


def _steps(line: Line, name: str, colour: str, dash: str, width: float = 1.6) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": html.escape(name),
        "x": _ms(line.ts_ns),
        "y": [None if np.isnan(value) else value for value in line.values.tolist()],
        "line": {"color": role(colour), "dash": dash, "width": width, "shape": "hv"},
    }


def _ms(ts_ns: Ints) -> list[float]:
    """What an axis of time takes; to the microsecond."""
    return [us / 1000 for us in (ts_ns // 1000).tolist()]


def equities_figure(lines: Mapping[str, Line], quote: str) -> Figure:
    """Equity of several results, by name."""
    data = [
        _steps(thinned(line), name, colour, dash)
        for (name, line), (colour, dash) in zip(lines.items(), _LINES, strict=False)
    ]
    return {
        "height": 380,
        "data": data,
        "layout": {
            "xaxis": {"type": "date", "title": {"text": "time, UTC"}},
            "yaxis": {"title": {"text": f"equity, {html.escape(quote)}"}},
            "hovermode": "x unified",
        },
    }


def parts_figure(pnls: Mapping[str, Mapping[str, str]], quote: str) -> Figure:
    """The terms of the identity of several results side by side; ``pnls``: exact decimal text by name."""
    names = [name.replace(" ", "<br>") for _, name, _ in PNL_PARTS]
    data = []
    for (name, pnl), (colour, _), pattern in zip(pnls.items(), _LINES, _PATTERNS, strict=False):
        values = [sign * float(pnl[key]) for key, _, sign in PNL_PARTS]
        data.append(
            {
                "type": "bar",
                "name": html.escape(name),
                "x": [*names, "total"],
                "y": [*values, float(pnl["total"])],
                "marker": {"color": role(colour), "pattern": {"shape": pattern, "solidity": 0.25}},
                "hovertemplate": "%{y:.6~g}",
            }
        )
    return {
        "height": 360,
        "data": data,
        "layout": {
            "barmode": "group",
            "xaxis": {"tickangle": 0},
            "yaxis": {"title": {"text": f"profit, {html.escape(quote)}"}},
            "hovermode": "x unified",
        },
    }


def markouts_figure(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Markouts of one account in several results, by name, each with its 95 % interval."""
    data = []
    ticks: list[float] = sorted({one["horizon_s"] for points in curves.values() for one in points})
    for (name, points), (colour, dash) in zip(curves.items(), _LINES, strict=False):
        known = [one for one in points if one["markout"]["mean_bps"] is not None]
        errors = [1.96 * (one["markout"]["error_bps"] or 0.0) for one in known]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": html.escape(name),
                "x": [one["horizon_s"] for one in known],
                "y": [one["markout"]["mean_bps"] for one in known],
                "error_y": {"type": "data", "array": errors, "thickness": 1.2, "width": 5},
                "line": {"color": role(colour), "dash": dash},
                "hovertemplate": "%{y:+.3f} bps",
            }
        )
    return {"height": 320, "data": data, "layout": _horizons(ticks, "markout, bps of the mid, by size")}
