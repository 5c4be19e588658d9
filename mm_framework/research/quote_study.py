"""The study of ``mm research calibrate``: A, k and sigma of a range of time and of windows along it. Pure.

A window knows what was received before its end and nothing else: it is what a strategy could have known then.
`study` gives the document, `sections` the page that tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import numpy as np

from mm_framework.bundle.times import format_utc
from mm_framework.research.bursts import Bursts, Exposure, bursts_of, exposure_of
from mm_framework.research.calibration import (
    Cells,
    Fitted,
    block_fits,
    cells_of,
    fit_cells,
    fit_regression,
    sigma_of,
)
from mm_framework.research.columns import Columns, DataNote
from mm_framework.research.document import Section, document_of, number
from mm_framework.research.settings import CalibrationSettings
from mm_framework.values import to_json

__all__ = ["own_quotes", "sections", "study"]

_S: Final = 10**9
_SIDES: Final = {"asks": (1,), "bids": (-1,), "both": (1, -1)}
_SIGMA_APARTS_S: Final = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
_ASSUMPTIONS: Final = (
    "Distances are from the mid just before a burst as it was received here; where prints arrive before the"
    " book that they met, or after the one that they left, distances are off by as much as the mid moved.",
    "Quotes are exposed while there is a mid. Reaching a price is not a fill: a place in the queue lowers A.",
    "The rate of both sides together is that of one side, if they are alike.",
    "The exponential law is fitted over the distances given; look at the table of cells before you believe"
    " it.",
    "A window knows what was received before its end.",
)


def own_quotes(summary: Mapping[str, Any], instrument: str) -> list[dict[str, Any]]:
    """What the summary of a result knows of own quotes in a market, by strategy: the rate A exp(-k distance)
    at which they were filled first (None for too few fills), and the cells that it was fitted to.
    """
    accounts = [one for one in summary["accounts"] if one["instrument"] == instrument]
    return [{name: one[name] for name in ("strategy", "own_rate", "by_distance")} for one in accounts]


def study(
    columns: Columns,
    note: DataNote,
    settings: CalibrationSettings,
    result: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit a whole range of time, then windows of its past. ``result``: the document of a backtest, whose own
    quotes are told beside, in its own ticks.
    """
    bursts, exposure = bursts_of(columns), exposure_of(columns)
    span = (int(columns.ts_ns[0]), columns.end_ns + 1)
    sides = {name: _side(name, bursts, exposure, span, settings) for name in _SIDES}
    sigma = sigma_of(columns, settings.sigma_s, *span)
    return document_of(
        "calibrate",
        {
            "data": attrs.asdict(note),
            "settings": {name: to_json(value) for name, value in attrs.asdict(settings).items()},
            "bursts": {"used": len(bursts), "prints": bursts.prints, "prints_left_out": bursts.unsaid},
            "sides": sides,
            "sigma_ticks_per_sqrt_s": sigma,
            "sigma_by_time_apart": {
                f"{apart:g}": sigma_of(columns, apart, *span) for apart in _SIGMA_APARTS_S
            },
            "strategy_settings": _strategy_settings(sides["both"]["fit"], sigma),
            "windows": _windows(columns, bursts, exposure, span, settings),
            "own_quotes": None
            if result is None
            else {
                "intents": result["hashes"]["intents"],
                "strategies": own_quotes(result["summary"], note.instrument),
            },
            "assumptions": list(_ASSUMPTIONS),
        },
    )


def _side(
    name: str, bursts: Bursts, exposure: Exposure, span: tuple[int, int], settings: CalibrationSettings
) -> dict[str, Any]:
    """The fit of one side, or of both as if they were one that is exposed twice."""
    cells, seconds = _cells(name, bursts, exposure, span, settings)
    fitted, line = fit_cells(cells, seconds), fit_regression(cells, seconds)
    told: dict[str, Any] = {
        "seconds": seconds,
        "fit": None if fitted is None else attrs.asdict(fitted),
        "regression": None if line is None else {"a": line[0], "k": line[1]},
        "cells": _table(cells, fitted),
    }
    if fitted is None:
        return told
    ways = len(_SIDES[name])
    k, a = block_fits(cells, exposure, span, settings.block_s, settings.resamples, settings.seed)
    return {**told, "intervals": {"k": _interval(k), "a": _interval(a / ways)}}


def _cells(
    name: str, bursts: Bursts, exposure: Exposure, span: tuple[int, int], settings: CalibrationSettings
) -> tuple[Cells, float]:
    """The bursts of a side in a half-open time, and the time that its quotes were exposed."""
    own = np.isin(bursts.side, _SIDES[name]) & (bursts.ts_ns >= span[0]) & (bursts.ts_ns < span[1])
    cells = cells_of(
        bursts.reach[own], bursts.ts_ns[own], settings.min_ticks, settings.cell_ticks, settings.max_ticks
    )
    seconds = float(exposure.seconds(np.array([span[0]]), np.array([span[1]]))[0])
    return cells, seconds * len(_SIDES[name])


def _interval(values: Any) -> list[float] | None:
    good = values[np.isfinite(values)]
    if len(good) < 0.9 * len(values):
        return None
    return [float(value) for value in np.quantile(good, [0.025, 0.975])]


def _table(cells: Cells, fitted: Fitted | None, most: int = 40) -> list[dict[str, Any]]:
    """Bursts by cell, beside what the law expects."""
    counts = np.bincount(cells.index)[:most] if len(cells.index) else np.empty(0, np.int64)
    rows = []
    for place, count in enumerate(counts.tolist()):
        begins = cells.min_ticks + place * cells.width_ticks
        expected = None
        if fitted is not None:
            ends = np.exp(-fitted.k * np.array([begins, begins + cells.width_ticks]))
            expected = float(fitted.a * fitted.seconds * (ends[0] - ends[1]))
        rows.append({"from_ticks": begins, "bursts": count, "expected": expected})
    return rows


def _strategy_settings(fit: dict[str, Any] | None, sigma: float | None) -> dict[str, float | None]:
    """As the strategies' settings are called."""
    return {
        "a_per_s": None if fit is None else fit["a"],
        "k_per_tick": None if fit is None else fit["k"],
        "sigma_ticks_per_sqrt_s": sigma,
    }


def _windows(
    columns: Columns,
    bursts: Bursts,
    exposure: Exposure,
    span: tuple[int, int],
    settings: CalibrationSettings,
) -> list[dict[str, Any]]:
    length, every = round(settings.window_s * _S), round(settings.every_s * _S)
    found = []
    for end in range(span[0] + length, span[1] + 1, every):
        within = (end - length, end)
        cells, seconds = _cells("both", bursts, exposure, within, settings)
        fitted = fit_cells(cells, seconds)
        found.append(
            {
                "end": format_utc(end),
                "bursts": len(cells.index),
                "a": None if fitted is None else fitted.a,
                "k": None if fitted is None else fitted.k,
                "sigma": sigma_of(columns, settings.sigma_s, *within),
            }
        )
    return found


def sections(document: dict[str, Any]) -> list[Section]:
    """The page of a calibration."""
    settings = document["strategy_settings"]
    bursts, data = document["bursts"], document["data"]
    return [
        Section(
            "Answer",
            (
                *(f"{name} = {number(value)}" for name, value in settings.items()),
                f"A tick is {data['tick']}, {data['tick_source']}: "
                + ("the venue's." if data["tick_source"] == "told" else "say so to the strategy, `tick`."),
                f"{bursts['used']} bursts of {bursts['prints']} prints; {bursts['prints_left_out']} prints"
                " left out: no aggressor told, or no mid before.",
            ),
        ),
        Section(
            "Sides",
            ("asks are lifted by buyers, bids hit by sellers; distances from the mid, in ticks.",),
            ("side", "k", "95 %", "A, 1/s", "95 %", "bursts", "exposed, s", "k, line", "A, line"),
            tuple(_side_row(name, one) for name, one in document["sides"].items()),
        ),
        *_own(document["own_quotes"]),
        Section(
            "Sigma by the time between two mids",
            ("A mid that bounces between two prices has more of it over short times.",),
            ("s apart", "ticks per sqrt(s)"),
            tuple((name, number(value)) for name, value in document["sigma_by_time_apart"].items()),
        ),
        Section(
            "Both sides by distance",
            (),
            ("from, ticks", "bursts", "the law expects"),
            tuple(
                (f"{row['from_ticks']:g}", str(row["bursts"]), number(row["expected"], 1))
                for row in document["sides"]["both"]["cells"]
            ),
        ),
        Section(
            "Windows of the past",
            (),
            ("end", "bursts", "A, 1/s", "k", "sigma"),
            tuple(
                (row["end"], str(row["bursts"]), *(number(row[name]) for name in ("a", "k", "sigma")))
                for row in document["windows"]
            ),
        ),
        Section("Data", tuple(f"{key}: {value}" for key, value in document["data"].items())),
        Section("Settings", tuple(f"{key}: {value}" for key, value in document["settings"].items())),
        Section("Assumptions", tuple(document["assumptions"])),
    ]


def _own(told: dict[str, Any] | None) -> list[Section]:
    if told is None:
        return []
    rows = []
    for one in told["strategies"]:
        rate, cells = one["own_rate"] or {}, one["by_distance"]
        quotes, filled = (str(sum(cell[name] for cell in cells)) for name in ("quotes", "filled"))
        rows.append(
            (one["strategy"], number(rate.get("k_per_tick")), number(rate.get("a_per_s")), quotes, filled)
        )
    return [
        Section(
            "Own quotes",
            (
                "How often quotes of a backtest were filled first, by their distance from the mid as they"
                " came to rest, in ticks of its result: other than the prints above this knows the queue.",
                f"The backtest whose intents have the hash {told['intents']}.",
            ),
            ("strategy", "k", "A, 1/s", "quotes", "filled"),
            tuple(rows),
        )
    ]


def _side_row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    fit, line = one["fit"] or {}, one["regression"] or {}
    between = {
        key: "-" if value is None else f"{value[0]:.4f} to {value[1]:.4f}"
        for key, value in one.get("intervals", {"k": None, "a": None}).items()
    }
    return (
        name,
        number(fit.get("k")),
        between["k"],
        number(fit.get("a")),
        between["a"],
        str(fit.get("bursts", "-")),
        number(one["seconds"], 1),
        number(line.get("k")),
        number(line.get("a")),
    )
