"""The check of one file of best prices: is it whole, and could a market have looked like that?

    report = check_file(BboFile(path), settings)       report.status is PASS or FAIL

The limits are those of `FileCheckSettings`; what is not a reason to fail is a warning beside the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import attrs
import numpy as np

from mm_framework.quality.bbo_file import BboFile, Quotes
from mm_framework.quality.checks import Backward, Duplicates, Gaps, Prices, Unchanged, WorstAges
from mm_framework.quality.latency import Ages, AgesReport
from mm_framework.quality.runs import split_runs
from mm_framework.quality.settings import FileCheckSettings, LatencySettings

__all__ = ["FileReport", "Finding", "RunChecks", "check_file"]

Mode = Literal["latest_run", "all_runs"]


@attrs.frozen
class Finding:
    """What one limit says: ``value`` was found, ``limit`` is allowed."""

    check: str
    result: Literal["PASS", "WARN", "FAIL"]
    value: float
    limit: float
    text: str


@attrs.frozen
class FileReport:
    """A checked file. ``rows``: those that were checked, of ``rows_in_file``.

    ``columns``: 12 or 11; ``bad_cells``: cells that cannot be read, by column; both they and ``bad_lines``
    are of the whole file.
    """

    file: str
    columns: int
    mode: Mode
    runs_detected: int
    rows_in_file: int
    rows: int
    bad_lines: int
    bad_cells: dict[str, int]
    span_s: float
    symbols: tuple[str, ...]
    ages: AgesReport
    checks: dict[str, Any]
    worst_ages: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Literal["PASS", "FAIL"]:
        """The verdict."""
        return "FAIL" if any(one.result == "FAIL" for one in self.findings) else "PASS"

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the operator should look at."""
        return tuple(one for one in self.findings if one.result == "WARN")

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {"qa_status": self.status, **attrs.asdict(self)}


class RunChecks:
    """All properties of one or more runs of a file."""

    def __init__(self, settings: FileCheckSettings, latency: LatencySettings) -> None:
        self.prices, self.unchanged, self.duplicates = Prices(), Unchanged(), Duplicates()
        self.backward = Backward(settings.backward_tolerance_ms)
        self.gaps = Gaps(settings.gap_s * 1e3)
        self.worst = WorstAges(settings.stale_age_ms)
        self.ages = Ages(latency)
        self.rows = 0
        self.span_ms = 0.0
        self._first_ms: float | None = None

    def add(self, quotes: Quotes, symbols: list[str]) -> None:
        """The next rows of a run."""
        self.rows += len(quotes)
        self._time(quotes)
        for whole in (self.prices, self.duplicates):
            whole.add(quotes)
        self.worst.add(quotes, symbols)
        self.ages.add(quotes.age_ms)
        for symbol, part in _by_symbol(quotes):
            for each in (self.backward, self.gaps, self.unchanged):
                each.add(symbol, part)

    def next_run(self) -> None:
        """Another run begins: nothing is held against the rows before it."""
        self._first_ms = None
        for one in (self.backward, self.gaps, self.unchanged):
            one.forget()

    def _time(self, quotes: Quotes) -> None:
        """Add to the time that the runs span."""
        times = quotes.recv_ms[~np.isnan(quotes.recv_ms)]
        if len(times):
            if self._first_ms is not None:
                self.span_ms += max(0.0, float(times[0]) - self._first_ms)
            self.span_ms += max(0.0, float(times[-1] - times[0]))
            self._first_ms = float(times[-1])

    def to_json(self) -> dict[str, Any]:
        """The numbers, by check."""
        return {
            "crossed": self.prices.crossed,
            "spread_not_positive": self.prices.spread_not_positive,
            "size_not_positive": self.prices.size_not_positive,
            "duplicates": self.duplicates.rows,
            "backward": {
                "rows": self.backward.rows,
                "of": self.backward.timed,
                "share": self.backward.share,
                "max_jump_ms": round(self.backward.max_jump_ms, 3),
            },
            "gaps": {"count": self.gaps.count, "max_ms": round(self.gaps.max_ms, 3)},
            "unchanged_max_ms": round(self.unchanged.max_ms, 3),
            "stale_rows": self.worst.stale,
        }


def check_file(
    file: BboFile,
    settings: FileCheckSettings | None = None,
    latency: LatencySettings | None = None,
    *,
    all_runs: bool = False,
    listener: Callable[[int, Quotes], object] = lambda run, quotes: None,
    progress: Callable[[int], object] = lambda _: None,
) -> FileReport:
    """Read the file and check its latest contiguous run, or all.

    ``listener`` hears the run and the rows of each part, ``progress`` numbers of rows.

    Raises StoreError when the file cannot be read.
    """
    settings, latency = settings or FileCheckSettings(), latency or LatencySettings()
    checks, run = RunChecks(settings, latency), 1
    for number, quotes in split_runs(file.quotes()):
        if number != run:
            run = number
            if all_runs:
                checks.next_run()
            else:
                checks = RunChecks(settings, latency)
        checks.add(quotes, file.symbols)
        listener(number, quotes)
        progress(len(quotes))
    numbers = checks.to_json()
    return FileReport(
        file=str(file.path),
        columns=len(file.header),
        mode="all_runs" if all_runs else "latest_run",
        runs_detected=run if file.rows else 0,
        rows_in_file=file.rows,
        rows=checks.rows,
        bad_lines=file.bad_lines,
        bad_cells=dict(sorted(file.bad_cells.items())),
        span_s=round(checks.span_ms / 1e3, 3),
        symbols=tuple(file.symbols),
        ages=(ages := checks.ages.report()),
        checks=numbers,
        worst_ages=tuple(checks.worst.rows),
        findings=tuple(_findings(file, checks, ages, numbers["duplicates"], settings, latency)),
    )


def _findings(
    file: BboFile,
    checks: RunChecks,
    ages: AgesReport,
    duplicates: int,
    settings: FileCheckSettings,
    latency: LatencySettings,
) -> Iterator[Finding]:
    prices, back = checks.prices, checks.backward
    yield _limit("rows", "FAIL", float(checks.rows == 0), 0, "the file holds no row")
    yield _limit("crossed", "FAIL", prices.crossed, 0, f"{prices.crossed} rows have the bid above the ask")
    yield _limit(
        "spread",
        "FAIL",
        prices.spread_not_positive,
        0,
        f"{prices.spread_not_positive} rows have a spread that is not positive",
    )
    yield _limit(
        "size",
        "FAIL",
        prices.size_not_positive,
        0,
        f"{prices.size_not_positive} rows have a size that is not positive",
    )
    told = f"the venue time goes back in {back.share:.2%} of the rows"
    over: Literal["WARN", "FAIL"] = "FAIL" if back.share > settings.backward_share_max else "WARN"
    limit = settings.backward_share_max if over == "FAIL" else settings.backward_share_warn
    yield _limit("backward_share", over, back.share, limit, told)
    told = f"the venue time goes back by up to {back.max_jump_ms:.0f} ms"
    yield _limit("backward_jump", "FAIL", back.max_jump_ms, settings.backward_jump_max_ms, told)
    yield _limit("duplicates", "WARN", duplicates, 0, f"{duplicates} rows repeat another")
    lines = file.bad_lines
    yield _limit("lines", "WARN", lines, 0, f"{lines} lines have another number of cells than the header")
    cells = file.bad_cells.total()
    where = ", ".join(f"{name} {count}" for name, count in sorted(file.bad_cells.items()))
    yield _limit("cells", "WARN", cells, 0, f"{cells} cells cannot be read: {where}")
    gaps = checks.gaps
    told = f"{gaps.count} silences of more than {settings.gap_s:g} s, the longest {gaps.max_ms / 1e3:.1f} s"
    yield _limit("gaps", "WARN", gaps.max_ms / 1e3, settings.gap_s, told)
    stale = checks.worst.stale / ages.count if ages.count else 0.0
    told = f"{stale:.2%} of the rows are older than {settings.stale_age_ms:g} ms"
    yield _limit("stale", "WARN", stale, settings.stale_share_warn, told)
    p50 = ages.p50_ms or 0.0
    yield _limit("p50_ms", "WARN", p50, latency.warn_p50_ms, f"the median age is {p50:.0f} ms")


def _limit(check: str, over: Literal["WARN", "FAIL"], value: float, limit: float, text: str) -> Finding:
    return Finding(check, over if value > limit else "PASS", value, limit, text)


def _by_symbol(quotes: Quotes) -> Iterator[tuple[int, Quotes]]:
    present = np.unique(quotes.symbol).tolist()
    for symbol in present:
        yield symbol, quotes if len(present) == 1 else quotes.part(quotes.symbol == symbol)
