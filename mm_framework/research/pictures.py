"""Pictures of research, drawn by matplotlib in the style of the charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm_framework.report.png import drawn
from mm_framework.report.theme import THEMES
from mm_framework.research.paper_market import Path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["paper_market_picture"]


def paper_market_picture(
    path: Path, profits: Mapping[str, npt.NDArray[np.float64]], title: str, theme: str = "light"
) -> bytes:
    """A PNG: one path with its quotes and inventory, and the final profits of all paths by policy.

    The same data gives the same bytes. Raises EnvironmentFailed without matplotlib.
    """
    colours = THEMES[theme]

    def draw(figure: Figure) -> None:
        top, middle, bottom = figure.subplots(3, 1, height_ratios=[2.4, 1.0, 1.6])
        top.plot(path.times_s, path.mid, color=colours.mid, label="mid")
        top.plot(path.times_s, path.centre, color=colours.spread, label="centre of the quotes")
        top.plot(path.times_s, path.bid, color=colours.bid, label="bid")
        top.plot(path.times_s, path.ask, color=colours.ask, label="ask")
        top.set(title=title, ylabel="price")
        top.legend(ncols=4, loc="lower left")
        middle.step(path.times_s, path.held, where="post", color=colours.age)
        middle.set(ylabel="inventory", xlabel="time, s")
        low = min(float(values.min()) for values in profits.values())
        high = max(float(values.max()) for values in profits.values())
        edges = np.linspace(low, high if high > low else low + 1.0, 101)
        for (name, values), colour in zip(profits.items(), (colours.bid, colours.ask), strict=True):
            label = f"{name}: {values.mean():.2f} on average, standard deviation {values.std(ddof=1):.2f}"
            bottom.hist(values, bins=edges.tolist(), alpha=0.55, color=colour, label=label)
        bottom.set(ylabel="paths", xlabel="profit at the end")
        bottom.legend(loc="upper right")

    return drawn(draw, colours)
