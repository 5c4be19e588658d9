"""Boxes and arrows as SVG: a grid of boxes, arrows between their borders, labels in the middle.

    draw("title", [Box("a", 0, 0, ("A",)), Box("b", 1, 0, ("B",))], [Arrow("a", "b", ("goes",))])

The text of a drawing is a function of its boxes and arrows alone, so that a test can compare it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

import attrs

__all__ = ["Arrow", "Box", "draw"]

LINE: Final = 16
"""Height of a line of text."""
LABEL: Final = 13
"""Height of a line of a label."""
LETTER: Final = (8.4, 6.4)
"""Width of a letter of a title and of small print, on the safe side."""
MARGIN: Final = 28
APART: Final = 9
"""Half the distance of two arrows that go between the same boxes."""

STYLE: Final = (
    "text{font:13px ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2430;"
    "text-anchor:middle}"
    ".title{font-weight:600}.small{font-size:11px;fill:#5b6475}"
    ".label{font-size:11px;fill:#3b4a6b;paint-order:stroke;stroke:#fff;stroke-width:4px;"
    "stroke-linejoin:round}"
    "rect{fill:#f3f5f9;stroke:#8a94a8}.pure{fill:#e8f1ff;stroke:#5b82c4}.truth{fill:#fff3d6;stroke:#c79a2b}"
    ".end{fill:#eeeeee;stroke:#8a94a8}.paper{fill:#fff;stroke:none}"
    "path{fill:none;stroke:#5b6475;stroke-width:1.3}.head{fill:#5b6475;stroke:none}"
)

Point = tuple[float, float]


@attrs.frozen
class Box:
    """A box at a column and a row of the grid. ``lines``: a title, then small print. ``tone``: a class."""

    name: str
    column: float
    row: float
    lines: tuple[str, ...]
    tone: str = ""

    @property
    def size(self) -> Point:
        """Width and height."""
        width = max(len(line) * LETTER[n > 0] for n, line in enumerate(self.lines))
        return width + 24, len(self.lines) * LINE + 18


@attrs.frozen
class Arrow:
    """From one box to another, to itself, or, without a start, in from outside."""

    start: str | None
    end: str
    labels: tuple[str, ...] = ()
    bend: float = 0.0


def draw(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], cell: Point = (190, 110)) -> str:
    """The drawing as an SVG document. Raises KeyError for an arrow to a box that is not there."""
    places = {box.name: _Placed.at(box, cell) for box in boxes}
    pairs = {(arrow.start, arrow.end) for arrow in arrows}
    top = max((box.row for box in boxes), default=0) / 2
    lines, labels = [], []
    for arrow in arrows:
        way, spot = _way(
            arrow, places, twin=(arrow.end, arrow.start) in pairs, below=_is_low(arrow, boxes, top)
        )
        lines.append(f'<path d="{way}" marker-end="url(#head)"/>')
        labels += _label(spot, arrow.labels)
    width = max(p.x + p.width / 2 for p in places.values()) + MARGIN
    height = max(p.y + p.height / 2 for p in places.values()) + 2 * MARGIN
    body = "\n".join([*lines, *itertools.chain.from_iterable(map(_box, places.values())), *labels])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" role="img"'
        f' width="{_n(width)}" height="{_n(height)}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>\n'
        f'<rect class="paper" width="100%" height="100%" rx="8"/>\n{body}\n</svg>\n'
    )


@attrs.frozen
class _Placed:
    """A box with its middle and its size."""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def at(cls, box: Box, cell: Point) -> _Placed:
        x = MARGIN + (box.column + 0.5) * cell[0]
        return cls(box, x, MARGIN + (box.row + 0.5) * cell[1], *box.size)

    def border(self, towards: Point) -> Point:
        """Where a line from the middle towards a point leaves the box."""
        dx, dy = towards[0] - self.x, towards[1] - self.y
        scale = min(
            self.width / 2 / abs(dx) if dx else math.inf, self.height / 2 / abs(dy) if dy else math.inf
        )
        return self.x + dx * scale, self.y + dy * scale


def _is_low(arrow: Arrow, boxes: Iterable[Box], middle: float) -> bool:
    """Whether loops and arrows from outside belong below the box: it stands in the lower half."""
    return any(box.name == arrow.end and box.row > middle for box in boxes)


def _way(arrow: Arrow, places: Mapping[str, _Placed], *, twin: bool, below: bool) -> tuple[str, Point]:
    """The path of an arrow, and where its label stands."""
    end = places[arrow.end]
    if arrow.start == arrow.end:
        return _loop(end, 1 if below else -1, arrow.labels)
    if arrow.start is None:
        return _from_outside(end, 1 if below else -1)
    start = places[arrow.start]
    dx, dy = end.x - start.x, end.y - start.y
    length = math.hypot(dx, dy)
    aside = (-dy / length, dx / length)
    shift = APART if twin else 0.0
    middle = (
        (start.x + end.x) / 2 + aside[0] * (shift + 2 * arrow.bend),
        (start.y + end.y) / 2 + aside[1] * (shift + 2 * arrow.bend),
    )
    first, last = (_moved(p.border(middle), aside, 0 if arrow.bend else shift) for p in (start, end))
    # Where arrows cross or go side by side, their labels stand nearer to where they begin.
    t = 0.28 if dx and dy else 0.36 if twin else 0.5
    spot = (_between(first[0], middle[0], last[0], t), _between(first[1], middle[1], last[1], t))
    return f"M{_p(first)} Q{_p(middle)} {_p(last)}", spot


def _between(first: float, middle: float, last: float, t: float) -> float:
    """A point of the curve, ``t`` from 0 to 1."""
    return (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last


def _loop(at: _Placed, down: int, labels: Sequence[str]) -> tuple[str, Point]:
    edge = at.y + down * at.height / 2
    x = at.x + at.width / 4
    far = edge + down * 30
    lines = (len(labels) - 1) * LABEL / 2
    way = f"M{_p((x - 14, edge))} C{_p((x - 18, far))} {_p((x + 18, far))} {_p((x + 14, edge))}"
    return way, (x, far + down * lines)


def _from_outside(at: _Placed, down: int) -> tuple[str, Point]:
    edge, x = at.y + down * at.height / 2, at.x - at.width / 4
    far = edge + down * 44
    return f"M{_p((x, far))} L{_p((x, edge))}", (x, far + down * 8)


def _moved(point: Point, aside: Point, by: float) -> Point:
    return point[0] + aside[0] * by, point[1] + aside[1] * by


def _box(placed: _Placed) -> list[str]:
    box, left = placed.box, placed.x - placed.width / 2
    top = placed.y - placed.height / 2
    tone = f' class="{box.tone}"' if box.tone else ""
    texts = [
        f'<text class="{"small" if n else "title"}" x="{_n(placed.x)}" y="{_n(top + 9 + LINE * (n + 0.75))}">'
        f"{escape(line)}</text>"
        for n, line in enumerate(box.lines)
    ]
    size = f'width="{_n(placed.width)}" height="{_n(placed.height)}"'
    return [f'<rect{tone} x="{_n(left)}" y="{_n(top)}" {size} rx="6"/>', *texts]


def _label(spot: Point, labels: Sequence[str]) -> list[str]:
    up = (len(labels) - 1) * LABEL / 2
    return [
        f'<text class="label" x="{_n(spot[0])}" y="{_n(spot[1] + 4 - up + LABEL * n)}">{escape(label)}</text>'
        for n, label in enumerate(labels)
    ]


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
