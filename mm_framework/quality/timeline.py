"""A day of a partition as a strip: what was recorded, what is left out, what is warned about. Inline SVG."""

from __future__ import annotations

import html
from typing import Final

from mm_framework.bundle.times import DAY_NS, format_utc, parse_utc
from mm_framework.store.manifest import Stored, Verdict

__all__ = ["timeline"]

_WIDTH: Final = 1440
_HEIGHT: Final = 26
_LEAST: Final = 3
"""Widths are minutes; a shorter time is drawn this wide, so that it can be seen and pointed at."""


def timeline(stored: Stored, verdict: Verdict) -> str:
    """24 hours from midnight UTC; each time tells its reason when pointed at."""
    midnight = parse_utc(stored.partition.date)
    recorded = [
        (stretch.first_ns, stretch.last_ns + 1, f"recorded in {part.run}")
        for part in stored.parts
        for stretch in part.stretches
    ]
    rejected = recorded if verdict.status == "REJECT" else []
    layers = [
        ("rec", recorded),
        ("tag", verdict.tagged),
        ("out", [(a, b, f"left out: {', '.join(verdict.flags)}") for a, b, _ in rejected]),
        ("out", [(a, b, f"left out: {flag}") for a, b, flag in verdict.intervals]),
    ]
    spans = "".join(_span(kind, midnight, *span) for kind, found in layers for span in found)
    ticks = "".join(f'<path class="tick" d="M{60 * hour} 0V{_HEIGHT}"/>' for hour in range(6, 24, 6))
    return (
        f'<svg class="day" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="the day from 00:00 to 24:00 UTC">{spans}{ticks}</svg>'
    )


def _span(kind: str, midnight: int, start_ns: int, end_ns: int, told: str) -> str:
    left = max(0, start_ns - midnight) / DAY_NS * _WIDTH
    width = max(_LEAST, min(end_ns - midnight, DAY_NS) / DAY_NS * _WIDTH - left)
    left = min(left, _WIDTH - width)
    when = f"{format_utc(start_ns)[11:23]} to {format_utc(end_ns)[11:23]}"
    return (
        f'<rect class="{kind}" x="{left:.2f}" y="0" width="{width:.2f}" height="{_HEIGHT}">'
        f"<title>{html.escape(told)}, {when}</title></rect>"
    )
