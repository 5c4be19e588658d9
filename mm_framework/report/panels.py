"""Which panels a chart has, from the top, and what stands over them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mm_framework.report.chart import Chart

__all__ = ["Panel", "age_title", "panels_of"]

Panel = Literal["marks", "price", "spread", "depth", "age"]


def panels_of(chart: Chart) -> list[Panel]:
    """In order; those of depth and age only where something is known of them."""
    shown: list[Panel] = ["marks", "price", "spread"]
    if chart.depth is not None:
        shown.append("depth")
    if chart.has_ages:
        shown.append("age")
    return shown


def age_title(chart: Chart) -> str:
    """Says how many ages lie above the panel, if any do."""
    above = int(np.count_nonzero(chart.tops.age_ms > chart.age_limit_ms))
    told = f" ({above} above {chart.age_limit_ms:.0f} ms)" if above else ""
    return f"Age of the data, ms{told}"
