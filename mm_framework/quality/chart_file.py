"""The charts of a CSV of best prices: one a symbol, with its runs, its silences and the file's verdict."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.bundle.times import FIRST_NS, LAST_NS
from mm_framework.errors import StoreError
from mm_framework.quality.bbo_file import BboFile, Quotes
from mm_framework.quality.file_check import FileReport, check_file
from mm_framework.quality.settings import FileCheckSettings, LatencySettings
from mm_framework.report.chart import Chart, Mark, Tops
from mm_framework.report.marks import mark, within

__all__ = ["charts_of_file"]


def charts_of_file(
    path: Path,
    settings: FileCheckSettings | None = None,
    latency: LatencySettings | None = None,
    from_ns: int = FIRST_NS,
    to_ns: int = LAST_NS,
    progress: Callable[[int], object] = lambda rows: None,
) -> list[Chart]:
    """All symbols of the file between two times of capture (half-open), by ``capture_time_utc``.

    Raises StoreError for what is no such file, and when it has no row then.
    """
    settings, latency = settings or FileCheckSettings(), latency or LatencySettings()
    parts: dict[int, list[tuple[int, Tops]]] = {}

    def keep(run: int, quotes: Quotes) -> None:
        times = _captured_ns(quotes)
        for symbol in np.unique(quotes.symbol).tolist():
            rows = (quotes.symbol == symbol) & (times >= from_ns) & (times < to_ns)
            if rows.any():
                tops = Tops(times[rows], quotes.bid[rows], quotes.ask[rows], quotes.age_ms[rows])
                parts.setdefault(symbol, []).append((run, tops))

    file = BboFile(path)
    report = check_file(file, settings, latency, all_runs=True, listener=keep, progress=progress)
    if not parts:
        raise StoreError(f"{path} has no row in that time: it holds {_told_span(report)}", path=path)
    return [
        _chart(file.symbols[symbol], [*_runs(parts[symbol])], report, settings, latency)
        for symbol in sorted(parts)
    ]


def _captured_ns(quotes: Quotes) -> npt.NDArray[np.int64]:
    """The time of capture of each row; of receipt where it cannot be read. Times do not go back."""
    received = np.nan_to_num(quotes.recv_ms * 1e6, nan=0.0).astype(np.int64)
    try:
        captured = quotes.captured.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
        times = captured.fill_null(0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        times = received
    return np.maximum.accumulate(np.where(times > 0, times, received))


def _runs(parts: list[tuple[int, Tops]]) -> Iterator[Tops]:
    """The rows of each run, as one stretch; a row does not come before the one before it."""
    last = FIRST_NS
    for run in sorted({run for run, _ in parts}):
        own = [tops for number, tops in parts if number == run]
        columns: list[Any] = [
            np.concatenate([getattr(one, name) for one in own]) for name in ("ts_ns", "bid", "ask", "age_ms")
        ]
        columns[0] = np.maximum.accumulate(np.maximum(columns[0], last))
        last = int(columns[0][-1])
        yield Tops(*columns)


def _chart(
    symbol: str,
    runs: list[Tops],
    report: FileReport,
    settings: FileCheckSettings,
    latency: LatencySettings,
) -> Chart:
    tops = Tops.joined(runs)
    base, _, quote = symbol.partition("/")
    found = [f"{one.result}: {one.text}" for one in report.findings if one.result != "PASS"]
    rows = sum(map(len, runs))
    times = f"{rows} rows in {len(runs)} {'run' if len(runs) == 1 else 'runs'} of {Path(report.file).name}"
    return Chart(
        name=symbol,
        tops=tops,
        rows=rows,
        quote=quote,
        base=base if quote else "",
        status=report.status,
        notes=[times, *([f"of the file: {'; '.join(found)}"] if found else [])],
        marks=within(_marks(runs, settings), int(tops.ts_ns[0]), int(tops.ts_ns[-1])),
        normal_max_ms=latency.normal_max_ms,
        degraded_max_ms=latency.degraded_max_ms,
    )


def _marks(runs: list[Tops], settings: FileCheckSettings) -> Iterator[Mark]:
    """Where one run ended and the next began, and silences within a run."""
    for before, after in itertools.pairwise(runs):
        yield mark(int(before.ts_ns[-1]), int(after.ts_ns[0]), "gap", "connection lost")
    for run in runs:
        silent = np.flatnonzero(np.diff(run.ts_ns) > settings.gap_s * 1e9)
        for place in silent.tolist():
            yield mark(int(run.ts_ns[place]), int(run.ts_ns[place + 1]), "gap", "no row")


def _told_span(report: FileReport) -> str:
    return f"{report.rows_in_file} rows" if report.rows_in_file else "none at all"
