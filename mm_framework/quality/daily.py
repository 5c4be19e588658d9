"""The daily report: every partition of a store judged anew, told to programs and to people.

reports = judge_store(store, make_checks, dates)
write_reports(folder, reports)          qa_2026-11-21.json .md .html
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.disk import replace_file, writing
from mm_framework.bundle.times import format_utc
from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.model.instrument import shard_of
from mm_framework.quality.judge import check_day, judge
from mm_framework.store.judge import DayRows
from mm_framework.store.manifest import Part, Stored, Verdict
from mm_framework.store.reader import Store

__all__ = ["DayReport", "PartitionReport", "judge_store", "update_store", "write_reports"]

MakeChecks = Callable[[], Sequence[QACheck]]
MAX_TOLD = 50


@attrs.frozen
class PartitionReport:
    """A partition: its verdict and what it rests on, by instrument and run."""

    stored: Stored
    verdict: Verdict
    findings: tuple[tuple[str, str, Finding], ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        venue, date, symbol = self.stored.partition
        return {
            "venue": venue,
            "date": date,
            "symbol": symbol,
            "rows": self.stored.rows,
            "digest": self.stored.digest,
            "qa_status": self.verdict.status,
            "qa_flags": list(self.verdict.flags),
            "excluded": [[format_utc(a), format_utc(b), flag] for a, b, flag in self.verdict.intervals],
            "excluded_s": round(sum(b - a for a, b, _ in self.verdict.intervals) / 1e9, 9),
            "findings": [
                {"instrument": instrument, "run": run, **attrs.asdict(finding)}
                for instrument, run, finding in self.findings
            ],
        }


@attrs.frozen
class DayReport:
    """A UTC date over all partitions."""

    date: str
    partitions: tuple[PartitionReport, ...]

    @property
    def status(self) -> str:
        """The worst status of the day."""
        return Verdict.worst(one.verdict for one in self.partitions).status

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "date": self.date,
            "qa_status": self.status,
            "rows": sum(one.stored.rows for one in self.partitions),
            "partitions": [one.to_json() for one in self.partitions],
        }


def judge_store(
    store: Store,
    make_checks: MakeChecks,
    dates: Sequence[str] = (),
    progress: Callable[[int], object] = lambda rows: None,
) -> list[DayReport]:
    """Judge every partition of the dates (all when empty). Raises StoreError for damage."""
    days: dict[str, list[PartitionReport]] = {}
    for stored in store.partitions():
        if not dates or stored.partition.date in dates:
            days.setdefault(stored.partition.date, []).append(_judged(store, stored, make_checks))
            progress(stored.rows)
    return [DayReport(date, tuple(days[date])) for date in sorted(days)]


def update_store(store: Store, reports: Sequence[DayReport]) -> None:
    """Put the verdicts into the store's manifest, and all findings into its table ``qa``.

    Raises EnvironmentFailed; the store is then as it was.
    """
    judged = [one for report in reports for one in report.partitions]
    verdicts = dict(store.manifest.verdicts)
    verdicts |= {str(one.stored.partition): one.verdict for one in judged}
    table = pa.Table.from_pylist([*_lines(judged)], schema=QA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    name = f"qa/{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    store.root.write(name, data)
    manifest = attrs.evolve(store.manifest, verdicts=verdicts, qa=name)
    manifest.write(store.root)
    if store.manifest.qa not in (None, name):
        store.root.remove(str(store.manifest.qa))


QA = pa.schema(
    [
        ("venue", pa.string()),
        ("date", pa.string()),
        ("instrument", pa.string()),
        ("run", pa.string()),
        ("check", pa.string()),
        ("result", pa.string()),
        ("flag", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("numbers", pa.string()),
        ("detail", pa.string()),
    ]
)


def write_reports(folder: Path, reports: Sequence[DayReport]) -> list[Path]:
    """``qa_<date>.json``, ``.md`` and ``.html`` of each day, each file at once. Raises EnvironmentFailed."""
    written = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        texts = {
            "json": json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n",
            "md": markdown(report),
            "html": page(report),
        }
        for ending, content in texts.items():
            written.append(folder / f"qa_{report.date}.{ending}")
            replace_file(written[-1], content.encode())
    return written


def markdown(report: DayReport) -> str:
    """The day as Markdown."""
    lines = [
        f"# Data quality of {report.date} (UTC): {report.status}",
        "",
        "| venue | symbol | rows | verdict | flags | left out, s |",
        "| --- | --- | ---: | --- | --- | ---: |",
    ]
    for cells in _rows(report):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for one in report.partitions:
        if one.findings:
            lines += ["", f"## {one.stored.partition.venue} {one.stored.partition.symbol}", ""]
            lines += [f"- {_sentence(*told)}" for told in one.findings[:MAX_TOLD]]
            if len(one.findings) > MAX_TOLD:
                lines.append(f"- and {len(one.findings) - MAX_TOLD} more: see the JSON file")
    return "\n".join([*lines, ""])


def page(report: DayReport) -> str:
    """The day as one HTML page that needs nothing else."""
    head = "".join(
        f"<th>{cell}</th>" for cell in ("venue", "symbol", "rows", "verdict", "flags", "left out, s")
    )
    rows = "".join(
        f'<tr class="{cells[3]}">' + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n"
        for cells in _rows(report)
    )
    details = "".join(
        f"<h2>{html.escape(str(one.stored.partition))}</h2>\n<ul>\n"
        + "".join(f"<li>{html.escape(_sentence(*told))}</li>\n" for told in one.findings[:MAX_TOLD])
        + "</ul>\n"
        for one in report.partitions
        if one.findings
    )
    title = f"Data quality of {report.date} (UTC): {report.status}"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n<style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n<table>\n<tr>{head}</tr>\n{rows}</table>\n{details}</html>\n"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #8884}"
    "td:nth-child(3),td:nth-child(6){text-align:right;font-variant-numeric:tabular-nums}"
    ".PASS td:nth-child(4){color:#1a7f37}.WARN td:nth-child(4){color:#9a6700}"
    ".QUARANTINE td:nth-child(4){color:#bc4c00}.REJECT td:nth-child(4){color:#d1242f;font-weight:bold}"
)


def _judged(store: Store, stored: Stored, make_checks: MakeChecks) -> PartitionReport:
    told: list[tuple[str, str, Finding]] = []
    verdicts = []
    for part in stored.parts:
        for day in _days(store, part):
            findings = check_day(day, make_checks())
            verdicts.append(judge(findings))
            told += [(day.instrument, part.run, finding) for finding in findings]
    return PartitionReport(stored, Verdict.worst(verdicts), tuple(told))


def _days(store: Store, part: Part) -> Iterator[DayRows]:
    rows = store.rows(part)
    offsets = next(one.offsets for one in store.manifest.inputs if one.run == part.run)
    for stretch in part.stretches:
        own = [
            one
            for (run, _), one in store.definitions.items()
            if run == part.run and one.id == stretch.instrument
        ]
        mine = (
            rows if len(part.stretches) == 1 else rows[np.isin(rows["instrument"], [o.number for o in own])]
        )
        yield DayRows(stretch.instrument, mine, own, dict(offsets.get(shard_of(own[0].number), ())))


def _rows(report: DayReport) -> Iterator[tuple[str, ...]]:
    for one in report.partitions:
        venue, _, symbol = one.stored.partition
        left_out = sum(b - a for a, b, _ in one.verdict.intervals) / 1e9
        flags = ", ".join(one.verdict.flags) or "-"
        yield venue, symbol, str(one.stored.rows), one.verdict.status, flags, f"{left_out:.3f}"


def _sentence(instrument: str, run: str, finding: Finding) -> str:
    numbers = ", ".join(f"{name} {value:g}" for name, value in finding.numbers.items())
    if finding.start_ns is None or finding.end_ns is None:
        when = "the day"
    else:
        when = f"{format_utc(finding.start_ns)}, {(finding.end_ns - finding.start_ns) / 1e9:g} s"
    told = f"{finding.result} {finding.flag} ({finding.check}) of {instrument} in {run}: {when}; {numbers}"
    return f"{told}; {finding.detail}" if finding.detail else told


def _lines(judged: Sequence[PartitionReport]) -> Iterator[dict[str, Any]]:
    for one in judged:
        for instrument, run, finding in one.findings:
            yield {
                "venue": one.stored.partition.venue,
                "date": one.stored.partition.date,
                "instrument": instrument,
                "run": run,
                **attrs.asdict(finding),
                "numbers": json.dumps(finding.numbers, sort_keys=True),
            }
