"""A made-up day of best prices with everything that a chart can show."""

from __future__ import annotations

import numpy as np

from mm_framework.bundle.times import DAY_NS
from mm_framework.report.chart import Chart, Depth, Mark, Tops

START_NS = 1_763_683_200 * 10**9
"""2025-11-21, midnight UTC."""
SPIKE = 60.0
WORST_AGE_MS = 900.0


def tops(rows: int = 5_000, seed: int = 1) -> Tops:
    """Best prices of a day; the row at a third has the spread `SPIKE`, that at a quarter the worst age."""
    random = np.random.default_rng(seed)
    times = START_NS + np.sort(random.integers(0, DAY_NS, rows))
    mid = 90_000 + np.cumsum(random.normal(0, 1.0, rows))
    spread = np.abs(random.normal(1.5, 1, rows)) + 0.1
    spread[rows // 3] = SPIKE
    ages = random.gamma(4, 3, rows)
    ages[rows // 4] = WORST_AGE_MS
    return Tops(times, mid - spread / 2, mid + spread / 2, ages)


def depth(columns: int = 50, rows: int = 20) -> Depth:
    """Sizes that fall with the distance from the middle; the first column is not known."""
    edges = np.linspace(START_NS, START_NS + DAY_NS, columns + 1).astype(np.int64)
    prices = np.linspace(89_900, 90_100, rows + 1)
    away = np.abs(np.arange(rows) - rows / 2)[:, None]
    sizes = (10.0 / (1 + away) * np.ones((1, columns))).astype(np.float32)
    sizes[:, 0] = np.nan
    return Depth(edges, prices, sizes)


def chart(rows: int = 5_000, *, with_depth: bool = True, name: str = "kraken:BTC/EUR") -> Chart:
    """The day with a hole from 14:24 to 14:52, and one time of each kind of mark."""
    whole = tops(rows)
    hour = 3600 * 10**9
    hole = (START_NS + int(14.4 * hour), START_NS + int(14.9 * hour))
    parts = whole.part(whole.ts_ns < hole[0]), whole.part(whole.ts_ns >= hole[1])
    return Chart(
        name=name,
        tops=Tops.joined(parts),
        rows=rows,
        quote="EUR",
        base="BTC",
        status="QUARANTINE",
        notes=[f"a day of {rows} best prices", "flags: crossed"],
        depth=depth() if with_depth else None,
        marks=[
            Mark(START_NS + 2 * hour, START_NS + 3 * hour, "out", "checksum_mismatch, 1 h 0 min"),
            Mark(START_NS + 8 * hour, START_NS + 8 * hour + 1, "out", "crossed, 0.001 µs"),
            Mark(START_NS + 11 * hour, START_NS + 12 * hour, "warned", "latency <b>unsafe</b>"),
            Mark(*hole, "gap", "not recorded, 30 min 0 s"),
        ],
    )
