"""A chart as one HTML file that needs nothing else: plotly.js, the data and `chart.js` are inside.

The page carries every row up to `MOST_ROWS`, and draws of what is in view the extremes of each pixel: zooming
in shows single changes (decision note 0021). Its policy forbids it any request to a network.
"""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Any, Final

import numpy as np

from mm_framework.report.chart import MARKS, Chart
from mm_framework.report.offline import POLICY, embedded, plotly_js
from mm_framework.report.packing import pack
from mm_framework.report.panels import age_title, panels_of
from mm_framework.report.theme import THEMES, Theme
from mm_framework.report.thin import ROWS_A_SLOT, thin

__all__ = ["MOST_ROWS", "page"]

MOST_ROWS: Final = 1_000_000
_WEIGHTS: Final = {"marks": 0.25, "price": 3.0, "spread": 1.3, "depth": 2.2, "age": 1.6}
_SPACE: Final = 0.055


def page(chart: Chart, theme: str = "light", most_rows: int = MOST_ROWS) -> str:
    """The HTML. The same chart gives the same text.

    Raises EnvironmentFailed without plotly.
    """
    library = plotly_js()
    colours = THEMES[theme]
    own = files("mm_framework.report")
    told = embedded(_given(chart, colours, most_rows))
    title, notes = html.escape(chart.name), "".join(f"<p>{html.escape(note)}</p>\n" for note in chart.notes)
    status = f' <span class="status {chart.status}">{chart.status}</span>' if chart.status else ""
    return (
        f'<!doctype html>\n<html lang="en" data-theme="{theme}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n'
        f"<style>{own.joinpath('chart.css').read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}{status}</h1>\n{notes}</header>\n"
        '<main id="chart" role="figure" aria-label="Prices, spread, depth and age over time">'
        '<noscript>This chart needs JavaScript.</noscript><p id="state">drawing ...</p></main>\n'
        f'<script type="application/json" id="given">{told}</script>\n'
        f"<script>{library}</script>\n"
        f"<script>{own.joinpath('chart.js').read_text(encoding='utf-8')}</script>\n</body>\n</html>\n"
    )


def _given(chart: Chart, theme: Theme, most_rows: int) -> dict[str, Any]:
    """What `chart.js` reads. Times are ms since ``start_ms``, in whole microseconds."""
    tops = chart.tops if len(chart.tops) <= most_rows else thin(chart.tops, max(1, most_rows // ROWS_A_SLOT))
    start_us = int(tops.ts_ns[0]) // 1000
    steps = np.diff(tops.ts_ns // 1000, prepend=start_us).astype(np.float64)
    given: dict[str, Any] = {
        "start_ms": start_us // 1000,
        "start_us": start_us % 1000,
        "steps_us": pack(steps),
        "bid": pack(tops.bid),
        "ask": pack(tops.ask),
        "marks": [
            [mark.start_ns / 1e6, mark.end_ns / 1e6, mark.kind, html.escape(mark.text)]
            for mark in chart.marks
        ],
        "mark_names": MARKS,
        "normal_max_ms": chart.normal_max_ms,
        "colours": {
            "bid": theme.bid,
            "ask": theme.ask,
            "mid": theme.mid,
            "spread": theme.spread,
            "age": theme.age,
            "marks": theme.marks,
        },
        "layout": _layout(chart, theme),
    }
    if chart.has_ages:
        given["age"] = pack(tops.age_ms.astype(np.float32))
    if chart.depth is not None:
        given["depth"] = {
            "edges_ms": (chart.depth.ts_ns / 1e6).tolist(),
            "prices": chart.depth.prices.tolist(),
            "sizes": pack(chart.depth.sizes),
            "title": f"size, {html.escape(chart.base)}" if chart.base else "size",
        }
    return given


def _layout(chart: Chart, theme: Theme) -> dict[str, Any]:
    """The layout of plotly.js: one axis of time, one axis of values a panel."""
    shown = panels_of(chart)
    quote = f", {chart.quote}" if chart.quote else ""
    titles = {
        "price": f"Price{quote}",
        "spread": f"Spread{quote}",
        "depth": f"Size held in the book by price{quote}",
        "age": age_title(chart),
    }
    axis = {"gridcolor": theme.grid, "linecolor": theme.grid, "zerolinecolor": theme.grid, "automargin": True}
    layout: dict[str, Any] = {
        "paper_bgcolor": theme.ground,
        "plot_bgcolor": theme.ground,
        "font": {"color": theme.text, "family": "system-ui, sans-serif", "size": 13},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"bgcolor": theme.ground, "bordercolor": theme.grid, "namelength": -1},
        "dragmode": "zoom",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "xanchor": "left"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": {
            **axis,
            "type": "date",
            "title": {"text": "time, UTC"},
            "hoverformat": "%Y-%m-%d %H:%M:%S.%L",
            "range": [ns / 1e6 for ns in chart.span_ns],
            "anchor": f"y{len(shown)}",
        },
        "annotations": [],
        "shapes": [],
    }
    room = 1.0 - _SPACE * (len(shown) - 1)
    unit = room / sum(_WEIGHTS[panel] for panel in shown)
    top = 1.0
    for number, panel in enumerate(shown, start=1):
        bottom = max(0.0, top - unit * _WEIGHTS[panel])
        name = "yaxis" if number == 1 else f"yaxis{number}"
        layout[name] = {**axis, "domain": [bottom, top], "exponentformat": "none", "separatethousands": True}
        if panel == "marks":
            layout[name] |= {"visible": False, "range": [0, 1], "fixedrange": True}
        else:
            layout["annotations"].append(_over(titles[panel], top))
        if panel == "age":
            _add_bands(layout, chart, theme, number)
        top = bottom - _SPACE
    layout["panels"] = {panel: "y" if n == 1 else f"y{n}" for n, panel in enumerate(shown, start=1)}
    return layout


def _over(text: str, top: float) -> dict[str, Any]:
    """The title over a panel."""
    return {
        "text": html.escape(text),
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _add_bands(layout: dict[str, Any], chart: Chart, theme: Theme, number: int) -> None:
    """The ground of normal, degraded and unsafe ages, named at its right end."""
    ages = chart.tops.age_ms
    least, most = min(0.0, float(np.nanmin(ages))), chart.age_limit_ms
    layout[f"yaxis{number}"] |= {"range": [least * 1.1, most], "hoverformat": ".3~f"}
    edges = (least * 1.1, chart.normal_max_ms, chart.degraded_max_ms, max(float(np.nanmax(ages)), most) * 1.1)
    names = ("normal", "degraded", "unsafe")
    for low, high, colour, name in zip(edges, edges[1:], theme.bands, names, strict=False):
        if high <= low:
            continue
        place = {"xref": "paper", "x0": 0, "x1": 1, "yref": f"y{number}", "y0": low, "y1": high}
        layout["shapes"].append(
            {
                "type": "rect",
                **place,
                "fillcolor": colour,
                "opacity": 0.15,
                "line": {"width": 0},
                "layer": "below",
            }
        )
        layout["annotations"].append(
            {
                "text": name, "xref": "paper", "x": 1, "xanchor": "right", "yref": f"y{number}",
                "y": max(low, 0.0), "yanchor": "bottom", "showarrow": False, "borderpad": 0,
                "font": {"size": 11}, "bgcolor": theme.ground, "opacity": 0.8,
            }
        )  # fmt: skip
