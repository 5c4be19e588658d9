"""A picture of the demonstration as SVG: best bid, best ask and mid, fills, and where the book was lost.

Pure: times are monotonic ns, prices plain floats, since a picture has no last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import attrs

__all__ = ["Hole", "Mark", "Quote", "draw"]

WIDTH: Final = 960
HEIGHT: Final = 340
LEFT: Final = 78
RIGHT: Final = 12
TOP: Final = 26
BOTTOM: Final = 30
GRID: Final = 5
STEPS_S: Final = (1, 2, 5, 10, 20, 60, 120, 300, 600)
MARK_PX: Final = 3.2


@attrs.frozen
class Quote:
    """The best prices from this time on."""

    mono_ns: int
    bid: float
    ask: float


@attrs.frozen
class Mark:
    """A fill. ``side``: 1 bought, -1 sold; ``told`` is shown when the pointer rests on it."""

    mono_ns: int
    price: float
    side: int
    told: str


@attrs.frozen
class Hole:
    """A time without a trusted book, and why."""

    from_ns: int
    to_ns: int
    reason: str


@attrs.frozen
class _Frame:
    """From times and prices to pixels."""

    from_ns: int
    to_ns: int
    low: float
    high: float

    def x(self, mono_ns: int) -> float:
        share = (mono_ns - self.from_ns) / max(1, self.to_ns - self.from_ns)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, price: float) -> float:
        share = (price - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def draw(quotes: Sequence[Quote], marks: Sequence[Mark], holes: Sequence[Hole], span: tuple[int, int]) -> str:
    """The ``<svg>`` element for the times of ``span``. Its colours are classes that the page defines."""
    prices = [price for quote in quotes for price in (quote.bid, quote.ask)]
    prices += [mark.price for mark in marks]
    low, high = (min(prices), max(prices)) if prices else (0.0, 1.0)
    margin = (high - low) * 0.06 or 1.0
    frame = _Frame(*span, low - margin, high + margin)
    parts = [*_grid(frame), *(_hole(frame, hole) for hole in holes)]
    for name in ("bid", "ask", "mid"):
        parts.append(f'<path class="{name}" d="{_path(frame, quotes, holes, name)}"/>')
    parts += [_mark(frame, mark) for mark in marks]
    title = "Best bid, best ask and mid over time, with fills"
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">\n{body}\n</svg>'


def _grid(frame: _Frame) -> list[str]:
    parts = []
    for line in range(GRID):
        price = frame.low + (frame.high - frame.low) * (line + 0.5) / GRID
        y = frame.y(price)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{price:,.2f}</text>')
    span_s = (frame.to_ns - frame.from_ns) // 10**9
    step_s = next((step for step in STEPS_S if span_s / step <= 12), STEPS_S[-1])
    for second in range(0, span_s + 1, step_s):
        x = frame.x(frame.from_ns + second * 10**9)
        parts.append(f'<text x="{x}" y="{HEIGHT - 10}" text-anchor="middle">{second} s</text>')
    return parts


def _hole(frame: _Frame, hole: Hole) -> str:
    x, x2 = frame.x(hole.from_ns), frame.x(hole.to_ns)
    anchor, text_x = ("end", x2) if x > WIDTH * 0.8 else ("start", x)
    return (
        f'<rect class="hole" x="{x}" y="{TOP}" width="{max(2.0, round(x2 - x, 1))}"'
        f' height="{HEIGHT - TOP - BOTTOM}"/>'
        f'<text class="reason" x="{text_x}" y="{TOP - 8}" text-anchor="{anchor}">{escape(hole.reason)}</text>'
    )


def _path(frame: _Frame, quotes: Sequence[Quote], holes: Sequence[Hole], name: str) -> str:
    """Steps: a price holds until the next one, but for the holes; a book may come back with it."""
    parts: list[str] = []
    ends = [quote.mono_ns for quote in quotes[1:]] + [frame.to_ns]
    joined = False
    for quote, next_ns in zip(quotes, ends, strict=False):
        y = frame.y((quote.bid + quote.ask) / 2 if name == "mid" else getattr(quote, name))
        from_ns = quote.mono_ns
        for hole in holes:
            if from_ns <= hole.from_ns < next_ns:
                parts += _step(frame, from_ns, hole.from_ns, y, joined)
                from_ns, joined = hole.to_ns, False
        if from_ns < next_ns:
            parts += _step(frame, from_ns, next_ns, y, joined)
            joined = True
    return "".join(parts)


def _step(frame: _Frame, from_ns: int, to_ns: int, y: float, joined: bool) -> tuple[str, str]:
    """One price from a time to another, ``joined`` to the step before it."""
    return f"V{y}" if joined else f"M{frame.x(from_ns)} {y}", f"H{frame.x(to_ns)}"


def _mark(frame: _Frame, mark: Mark) -> str:
    x, y, r = frame.x(mark.mono_ns), frame.y(mark.price), MARK_PX
    tip, base = (y - r, y + r) if mark.side == 1 else (y + r, y - r)
    points = f"{x},{tip:.1f} {x - r:.1f},{base:.1f} {x + r:.1f},{base:.1f}"
    name = "buy" if mark.side == 1 else "sell"
    return f'<polygon class="{name}" points="{points}"><title>{escape(mark.told)}</title></polygon>'
