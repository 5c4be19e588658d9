"""A data set in words and tables: distributions, what is missing, intervals a symbol, quality. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mm_framework.errors import StoreError

__all__ = ["read_dataset", "summary"]

_PERCENTILES: Final = (5, 25, 50, 75, 95)
_KEYS: Final = ("from_ts", "to_ts", "interval_sec", "total_intervals", "filtered_count", "intervals")


def read_dataset(path: Path) -> dict[str, Any]:
    """A data set file. Raises StoreError for what is none."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is no data set: {error}", path=path) from error
    lacking = [key for key in _KEYS if not isinstance(document, dict) or key not in document]
    if lacking:
        raise StoreError(
            f"{path} is no data set: it has no {', '.join(lacking)}; `mm calibrate dataset` makes one",
            path=path,
        )
    found: dict[str, Any] = document
    return found


def summary(document: Mapping[str, Any], name: str) -> str:
    """Markdown of a data set that is called ``name``."""
    intervals: Sequence[Mapping[str, Any]] = document["intervals"]
    parts = [
        f"# Data set {name}",
        f"{document['from_ts']} to {document['to_ts']}, intervals of {document['interval_sec']} s.",
        "## Quality",
        _quality(document),
        "## Intervals a symbol",
        _symbols(document, intervals),
        "## Targets",
        _distributions(intervals, "targets"),
        "## Features",
        _distributions(intervals, "features"),
        "## What it stands on",
        _sources(document),
    ]
    return "\n\n".join(parts) + "\n"


def _quality(document: Mapping[str, Any]) -> str:
    total, left_out = document["total_intervals"], document["filtered_count"]
    kept = total - left_out
    share = f" ({kept / total:.1%})" if total else ""
    lines = [f"{kept} of {total} intervals are kept{share}."]
    reasons = document.get("filtered", {})
    rows = [(name.replace("_", " "), count) for name, count in reasons.items()]
    if rows:
        lines.append(_table(("left out for", "intervals"), rows))
    torn = document.get("unreadable_lines", {})
    if torn:
        lines.append(_table(("file", "lines that cannot be read"), list(torn.items())))
    return "\n\n".join(lines)


def _symbols(document: Mapping[str, Any], intervals: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(one["symbol"] for one in intervals)
    fills, ticks = Counter[str](), Counter[str]()
    for one in intervals:
        fills[one["symbol"]] += one["sample_count"]["fills"]
        ticks[one["symbol"]] += one["sample_count"]["ticks"]
    symbols = document.get("symbols") or sorted(counts)
    rows = [(name, counts[name], fills[name], ticks[name]) for name in symbols]
    return _table(("symbol", "intervals", "fills", "ticks"), rows) if rows else "There is none."


def _distributions(intervals: Sequence[Mapping[str, Any]], group: str) -> str:
    names = list(intervals[0][group]) if intervals else []
    rows = [(name, *_numbers([one[group][name] for one in intervals])) for name in names]
    head = ("", "values", "missing", "mean", "deviation", *(f"{percent} %" for percent in _PERCENTILES))
    return _table(head, rows) if rows else "There is none."


def _numbers(values: Sequence[float | None]) -> tuple[object, ...]:
    kept = np.array([value for value in values if value is not None], dtype=float)
    missing = len(values) - len(kept)
    if not len(kept):
        return (0, missing, *("-" for _ in range(2 + len(_PERCENTILES))))
    spread = float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan
    return (
        len(kept),
        missing,
        _short(float(np.mean(kept))),
        _short(spread),
        *(_short(float(np.percentile(kept, percent))) for percent in _PERCENTILES),
    )


def _sources(document: Mapping[str, Any]) -> str:
    lines = [
        f"- run `{one['run_id']}` ({one['mode']})" + (f", data `{one['digest']}`" if one["digest"] else "")
        for one in document.get("runs", ())
    ]
    lines += [f"- `{one['file']}`, SHA-256 `{one['sha256']}`" for one in document.get("sources", ())]
    return "\n".join(lines) or "It does not say."


def _short(number: float) -> str:
    return "-" if math.isnan(number) else f"{number:.4g}"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
