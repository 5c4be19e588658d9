"""The daily report: every partition of a store judged anew, told to programs and to people.

reports = judge_store(store, make_checks, dates)
write_reports(folder, reports)          qa_2026-11-21.json .md .html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.disk import replace_file, writing
from mm_framework.bundle.times import DAY_NS, format_utc
from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.model.instrument import shard_of
from mm_framework.quality.judge import check_day, judge
from mm_framework.store.judge import DayRows, notes_of
from mm_framework.store.manifest import Part, Stored, StoreManifest, Verdict
from mm_framework.store.reader import Store
from mm_framework.store.root import Root, locked

if TYPE_CHECKING:
    from mm_framework.quality.daily_pages import Plots

__all__ = ["DayReport", "PartitionReport", "judge_store", "update_store", "write_reports"]

MakeChecks = Callable[[], Sequence[QACheck]]


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

    A partition that a build changed since it was judged keeps the verdict of the build. Raises
    EnvironmentFailed for the disk or a build at work; the store is then as it was.
    """
    with locked(store.root):
        manifest = StoreManifest.read(store.root) or store.manifest
        now = {one.partition: one.digest for one in manifest.partitions()}
        found = [one for report in reports for one in report.partitions]
        judged = [one for one in found if now.get(one.stored.partition) == one.stored.digest]
        verdicts = {str(one.stored.partition): one.verdict for one in judged}
        name = _write_findings(store.root, judged)
        before, verdicts = manifest.qa, {**manifest.verdicts, **verdicts}
        attrs.evolve(manifest, verdicts=verdicts, qa=name).write(store.root)
        if before not in (None, name):
            store.root.remove(str(before))


def _write_findings(root: Root, judged: Sequence[PartitionReport]) -> str:
    """The table ``qa``; its name."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([*_lines(judged)], schema=QA), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    name = f"qa/{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    root.write(name, data)
    return name


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


def write_reports(folder: Path, reports: Sequence[DayReport], plots: Plots | None = None) -> list[Path]:
    """``qa_<date>.json``, ``.md`` and ``.html`` of each day, each file at once. Raises EnvironmentFailed.

    ``plots``: charts by partition, whose files lie in ``plots`` of the folder.
    """
    from mm_framework.quality.daily_pages import markdown, page

    written = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        texts = {
            "json": json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n",
            "md": markdown(report, plots),
            "html": page(report, plots),
        }
        for ending, content in texts.items():
            written.append(folder / f"qa_{report.date}.{ending}")
            replace_file(written[-1], content.encode())
    return written


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
    source = next(one for one in store.manifest.inputs if one.run == part.run)
    for stretch in part.stretches:
        own = [
            one
            for (run, _), one in store.definitions.items()
            if run == part.run and one.id == stretch.instrument
        ]
        mine = (
            rows if len(part.stretches) == 1 else rows[np.isin(rows["instrument"], [o.number for o in own])]
        )
        offsets = dict(source.offsets.get(shard_of(own[0].number), ()))
        notes = notes_of(source.notes, stretch.instrument, stretch.first_ns // DAY_NS)
        yield DayRows(stretch.instrument, mine, own, offsets, notes)


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
