"""The frame of a page: style, policy, figures, plotly.js and the script that draws them, all inside."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib.resources import files

from mm_framework.report.offline import POLICY, embedded, plotly_js
from mm_framework.report.theme import THEMES, Theme
from mm_framework.results.figures import Figure

__all__ = ["plot", "plot_beside", "shell"]


def shell(title: str, under: str, body: str, figures: Mapping[str, Figure]) -> str:
    """The HTML. ``under``: a line below the title; ``figures`` by the ids that `plot` was given.

    Raises EnvironmentFailed without plotly.
    """
    library = plotly_js()
    own = files("mm_framework.results")
    script, style = (own.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    given = {"figures": dict(figures), "themes": {name: _colours(theme) for name, theme in THEMES.items()}}
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{name}</title>\n<style>{style}</style>\n</head>\n<body>\n'
        f'<header><div><h1>{name}</h1><p class="soft">{html.escape(under)}</p></div>'
        '<button id="theme" type="button">dark colours</button></header>\n'
        f"{body}<noscript><p>The charts need JavaScript; the tables do not.</p></noscript>\n"
        f'<script type="application/json" id="given">{embedded(given)}</script>\n'
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def plot(key: str, label: str, note: str = "") -> str:
    """The place of a figure; ``label``: what it shows, for readers who do not see it."""
    caption = f"<figcaption>{html.escape(note)}</figcaption>" if note else ""
    shown = html.escape(label)
    return f'<figure><div class="plot" id="{key}" role="img" aria-label="{shown}"></div>{caption}</figure>\n'


def plot_beside(key: str, label: str, tables: str, note: str = "") -> str:
    """The place of a figure, with tables beside it where there is room."""
    return f'<div class="pair">{plot(key, label, note)}<div>{tables}</div></div>\n'


def _colours(theme: Theme) -> dict[str, str]:
    """The roles of `figures` in a theme."""
    return {
        **{name: getattr(theme, name) for name in ("ground", "text", "grid", "bid", "ask", "mid", "spread")},
        "good": "#00856b" if theme.name == "light" else "#3cc79c",
        "more": "#56b4e9" if theme.name == "light" else "#0067a3",
        "less": "#ff9447" if theme.name == "light" else "#b34700",
        "cost": "#d9a3c7" if theme.name == "light" else "#7b4a75",
        "bid_soft": f"{theme.bid}33",
        "ask_soft": f"{theme.ask}33",
    }
