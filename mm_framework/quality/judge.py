"""A day's verdict: checks find, the policy judges.

findings = check_day(day, checks)
verdict = judge(findings)

FAIL of an interval -> QUARANTINE, the interval out      FAIL of the day, ERROR -> REJECT
WARN -> WARN, allowed with its flag                      nothing -> PASS
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from mm_framework.contracts.qa_check import Finding, QABatch, QACheck, Result
from mm_framework.model.events import NULL, RowFlag
from mm_framework.store.judge import DayRows
from mm_framework.store.manifest import Verdict
from mm_framework.store.people import offset_at

__all__ = ["batches", "check_day", "judge"]


def batches(day: DayRows) -> Iterator[QABatch]:
    """The day as checks read it."""
    definitions = {one.number: one for one in day.definitions}
    for rows, tops in zip(day.pieces(), day.tops(), strict=True):
        tops = tops[tops["real"]]
        known = (tops["ts_venue_ns"] != NULL) & bool(day.offsets)
        raw = np.where(known, (tops["ts_recv_ns"] - tops["ts_venue_ns"]) / 1e6, np.nan)
        counted = rows["flags"] & RowFlag.SYNTHETIC == 0
        yield QABatch(
            definitions[int(rows["instrument"][0])],
            rows if counted.all() else rows[counted],
            tops,
            raw + offset_at(tops["ts_recv_ns"], day.offsets),
        )


def check_day(day: DayRows, checks: Sequence[QACheck]) -> list[Finding]:
    """What the checks find, check by check; one that raises is an ERROR of its own."""
    if not len(day.rows):
        return [Finding("rows", "FAIL", "empty", None, None, {"rows": 0})]
    broken: dict[str, Finding] = {}
    for batch in batches(day):
        for check in checks:
            if check.name not in broken:
                try:
                    check.take(batch)
                except Exception as error:
                    broken[check.name] = _error(check, error)
    found = [Finding("input", "WARN", flag, start, end, {}) for _, start, end, flag in day.notes]
    for check in checks:
        if check.name in broken:
            found.append(broken[check.name])
            continue
        try:
            found += check.findings()
        except Exception as error:
            found.append(_error(check, error))
    return found


def judge(findings: Iterable[Finding]) -> Verdict:
    """What the policy makes of findings."""
    found = list(findings)
    flags = tuple(sorted({one.flag for one in found if one.result != "PASS"}))
    intervals, tagged = _intervals(found, "FAIL"), _intervals(found, "WARN")
    of_day = {one.result for one in found if one.start_ns is None}
    if "ERROR" in of_day or "FAIL" in of_day:
        return Verdict("REJECT", flags, intervals, tagged)
    if intervals:
        return Verdict("QUARANTINE", flags, intervals, tagged)
    return Verdict("WARN" if "WARN" in of_day else "PASS", flags, (), tagged)


def _intervals(found: Iterable[Finding], result: Result) -> tuple[tuple[int, int, str], ...]:
    return tuple(
        sorted(
            (one.start_ns, one.end_ns, one.flag)
            for one in found
            if one.result == result and one.start_ns is not None and one.end_ns is not None
        )
    )


def _error(check: QACheck, error: Exception) -> Finding:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Finding(check.name, "ERROR", f"{check.name}_error", None, None, {}, text[:200])
