"""A chart as a picture: one PNG of 1200 by 900 pixels, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mm_framework.errors import EnvironmentFailed
from mm_framework.report.chart import MARKS, Chart, MarkKind
from mm_framework.report.panels import Panel, age_title, panels_of
from mm_framework.report.theme import THEMES, Theme
from mm_framework.report.thin import thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["HEIGHT", "WIDTH", "drawn", "picture"]

WIDTH: Final = 1200
HEIGHT: Final = 900
_DPI: Final = 100
_HEIGHTS: Final[dict[Panel, float]] = {"marks": 0.12, "price": 3.0, "spread": 1.3, "depth": 2.2, "age": 1.6}


def picture(chart: Chart, theme: str = "light") -> bytes:
    """The PNG. The same chart gives the same bytes.

    Raises EnvironmentFailed without matplotlib.
    """
    colours = THEMES[theme]
    return drawn(lambda figure: _draw(figure, chart, colours), colours)


def drawn(draw: Callable[[Figure], None], theme: Theme, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A PNG of so many pixels that ``draw`` fills, in the style of charts.

    Raises EnvironmentFailed without matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise EnvironmentFailed("pictures need matplotlib: install mm-framework[plot]") from None
    with rc_context(_style(theme)):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _style(theme: Theme) -> dict[str, Any]:
    return {
        "font.size": 11,
        "axes.facecolor": theme.ground,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.text,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titlecolor": theme.text,
        "axes.formatter.useoffset": False,
        "figure.facecolor": theme.ground,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 1.1,
        "text.color": theme.text,
        "xtick.color": theme.text,
        "ytick.color": theme.text,
    }


def _draw(figure: Figure, chart: Chart, theme: Theme) -> None:
    shown = panels_of(chart)
    heights = [_HEIGHTS[panel] for panel in shown]
    axes = dict(zip(shown, figure.subplots(len(shown), sharex=True, height_ratios=heights), strict=True))
    tops = thin(chart.tops, WIDTH)
    times = tops.ts_ns.astype("datetime64[ns]")
    _price(axes["price"], chart, times, tops, theme)
    _spread(axes["spread"], chart, times, tops.spread, theme)
    if "depth" in axes:
        _depth(figure, axes["depth"], chart, theme)
    if "age" in axes:
        _age(axes["age"], chart, times, tops.age_ms, theme)
    _marks(axes, chart, theme)
    _time_axis(axes[shown[-1]], chart)
    title = chart.name if chart.status is None else f"{chart.name}   {chart.status}"
    notes = "\n".join(_cut(note) for note in chart.notes)
    figure.text(0.01, 0.992, title, ha="left", va="top", fontsize=15, fontweight="bold")
    figure.text(0.01, 0.96, notes, ha="left", va="top", fontsize=10, color=theme.mid)
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.96 - 0.019 * len(chart.notes)))


def _cut(text: str, most: int = 170) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _price(axes: Axes, chart: Chart, times: Any, tops: Any, theme: Theme) -> None:
    axes.step(times, tops.mid, where="post", color=theme.mid, linewidth=0.7, label="mid", zorder=2)
    axes.step(times, tops.ask, where="post", color=theme.ask, label="best ask", zorder=3)
    axes.step(times, tops.bid, where="post", color=theme.bid, label="best bid", zorder=3)
    axes.set_title(f"Price{_in(chart.quote)}")


def _spread(axes: Axes, chart: Chart, times: Any, spread: Any, theme: Theme) -> None:
    axes.step(times, spread, where="post", color=theme.spread)
    axes.set_title(f"Spread{_in(chart.quote)}")
    if np.isfinite(spread).any():
        axes.set_ylim(min(0.0, float(np.nanmin(spread)) * 1.1), None)


def _depth(figure: Figure, axes: Axes, chart: Chart, theme: Theme) -> None:
    from matplotlib.colors import LogNorm

    assert chart.depth is not None
    sizes = np.ma.masked_where(~(chart.depth.sizes > 0), chart.depth.sizes)
    edges = chart.depth.ts_ns.astype("datetime64[ns]")
    norm = LogNorm(*_size_range(chart.depth.sizes))
    mesh = axes.pcolormesh(edges, chart.depth.prices, sizes, cmap="cividis", norm=norm, rasterized=True)
    axes.set_title(f"Size held in the book by price{_in(chart.quote)}")
    axes.grid(False)
    axes.set_ylim(float(chart.depth.prices[0]), float(chart.depth.prices[-1]))
    bar = figure.colorbar(mesh, cax=axes.inset_axes((1.008, 0.0, 0.012, 1.0)))
    bar.set_label(f"size{_in(chart.base)}")
    bar.outline.set_edgecolor(theme.grid)


def _size_range(sizes: Any) -> tuple[float, float]:
    held = sizes[sizes > 0]
    low, high = np.percentile(held, (2, 99.8)) if len(held) else (1.0, 10.0)
    return float(low), float(max(high, low * 10))


def _age(axes: Axes, chart: Chart, times: Any, ages: Any, theme: Theme) -> None:
    most = chart.age_limit_ms
    least = min(0.0, float(np.nanmin(ages))) if chart.has_ages else 0.0
    edges = (min(least, 0.0), chart.normal_max_ms, chart.degraded_max_ms, max(most, chart.degraded_max_ms))
    names = ("normal", "degraded", "unsafe")
    for low, high, colour, name in zip(edges, edges[1:], theme.bands, names, strict=False):
        axes.axhspan(low, high, color=colour, alpha=0.13, linewidth=0, zorder=0)
        if low < most:
            axes.annotate(
                name, (1.004, (low + min(high, most)) / 2), xycoords=("axes fraction", "data"),
                va="center", fontsize=9, color=theme.text, annotation_clip=False,
            )  # fmt: skip
    axes.plot(times, ages, drawstyle="steps-post", color=theme.age, linewidth=0.8)
    axes.set_ylim(least * 1.1, most)
    axes.set_title(age_title(chart))


def _marks(axes: dict[Panel, Axes], chart: Chart, theme: Theme) -> None:
    strip = axes["marks"]
    strip.set_axis_off()
    strip.set_ylim(0, 1)
    kinds: list[MarkKind] = [kind for kind in MARKS if any(mark.kind == kind for mark in chart.marks)]
    for kind in kinds:
        spans = [
            (np.datetime64(mark.start_ns, "ns"), np.datetime64(mark.end_ns, "ns"))
            for mark in chart.marks
            if mark.kind == kind
        ]
        for start, end in spans:
            strip.axvspan(start, end, color=theme.marks[kind], linewidth=1.5)
            for panel in axes.values():
                if panel is not strip:
                    panel.axvspan(start, end, color=theme.marks[kind], alpha=0.18, linewidth=0.8, zorder=1)
    _legend(axes, kinds, theme)


def _legend(axes: dict[Panel, Axes], kinds: list[MarkKind], theme: Theme) -> None:
    from matplotlib.patches import Patch

    handles, labels = axes["price"].get_legend_handles_labels()
    handles += [Patch(color=theme.marks[kind], alpha=0.6) for kind in kinds]
    labels += [MARKS[kind] for kind in kinds]
    axes["marks"].legend(
        handles, labels, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(labels), borderaxespad=0.1
    )


def _time_axis(axes: Axes, chart: Chart) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=5, maxticks=12, tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
    start, end = (np.datetime64(ns, "ns") for ns in chart.span_ns)
    axes.set_xlim(start, max(end, start + np.timedelta64(1, "ms")))
    axes.set_xlabel("time, UTC")


def _in(unit: str) -> str:
    return f", {unit}" if unit else ""
