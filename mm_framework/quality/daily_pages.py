"""The daily report for people: Markdown, and one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from mm_framework.bundle.times import format_utc
from mm_framework.contracts.qa_check import Finding
from mm_framework.quality.daily import DayReport

__all__ = ["markdown", "page"]

MAX_TOLD: Final = 50
"""Findings of a partition that are told one by one; the JSON file has all."""

_COLUMNS: Final = ("venue", "symbol", "rows", "verdict", "flags", "left out, s")
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #8884}"
    ":is(td,th):nth-child(3),:is(td,th):nth-child(6){text-align:right;font-variant-numeric:tabular-nums}"
    ".PASS td:nth-child(4){color:#1a7f37}.WARN td:nth-child(4){color:#9a6700}"
    ".QUARANTINE td:nth-child(4){color:#bc4c00}.REJECT td:nth-child(4){color:#d1242f;font-weight:bold}"
)


def markdown(report: DayReport) -> str:
    """The day as Markdown."""
    lines = [
        f"# Data quality of {report.date} (UTC): {report.status}",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "| --- | --- | ---: | --- | --- | ---: |",
    ]
    for cells in _rows(report):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for one in report.partitions:
        if one.findings:
            lines += ["", f"## {one.stored.partition.venue} {one.stored.partition.shown}", ""]
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
        f"<h2>{html.escape(f'{one.stored.partition.venue} {one.stored.partition.shown}')}</h2>\n<ul>\n"
        + "".join(f"<li>{html.escape(_sentence(*told))}</li>\n" for told in one.findings[:MAX_TOLD])
        + "</ul>\n"
        for one in report.partitions
        if one.findings
    )
    title = f"Data quality of {report.date} (UTC): {report.status}"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1>\n<table>\n<tr>{head}</tr>\n{rows}</table>\n{details}</html>\n"
    )


def _rows(report: DayReport) -> Iterator[tuple[str, ...]]:
    for one in report.partitions:
        venue, symbol = one.stored.partition.venue, one.stored.partition.shown
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
