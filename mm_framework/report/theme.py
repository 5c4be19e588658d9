"""Colours of charts: told apart by readers with any colour vision, on light and on dark ground.

The hues are those of Okabe and Ito (2008); the map of sizes is cividis.
"""

from __future__ import annotations

from typing import Final

import attrs

from mm_framework.report.chart import MarkKind

__all__ = ["THEMES", "Theme"]


@attrs.frozen
class Theme:
    """Colours as ``#rrggbb``; ``bands``: ground of normal, degraded and unsafe ages."""

    name: str
    ground: str
    text: str
    grid: str
    bid: str
    ask: str
    mid: str
    spread: str
    age: str
    bands: tuple[str, str, str]
    marks: dict[MarkKind, str]


THEMES: Final = {
    "light": Theme(
        name="light",
        ground="#ffffff",
        text="#24292f",
        grid="#e4e7eb",
        bid="#0072b2",
        ask="#d55e00",
        mid="#7a7f85",
        spread="#7b4a75",
        age="#24292f",
        bands=("#009e73", "#e69f00", "#d55e00"),
        marks={"out": "#d55e00", "warned": "#e69f00", "gap": "#7a7f85"},
    ),
    "dark": Theme(
        name="dark",
        ground="#14181d",
        text="#e6e9ed",
        grid="#2c333b",
        bid="#56b4e9",
        ask="#ff9447",
        mid="#9aa2ab",
        spread="#d9a3c7",
        age="#e6e9ed",
        bands=("#009e73", "#e69f00", "#d55e00"),
        marks={"out": "#ff7a33", "warned": "#f0c04a", "gap": "#9aa2ab"},
    ),
}
"""By their names."""
