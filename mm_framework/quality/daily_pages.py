"""The daily report for people: Markdown, and one HTML page that needs nothing else.

With plots the Markdown shows pictures that lie beside it; the HTML has them inside. Both lead to their pages.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.times import format_utc
from mm_framework.contracts.qa_check import Finding
from mm_framework.quality.daily import DayReport, PartitionReport
from mm_framework.quality.timeline import timeline
from mm_framework.store.partitions import Partition

__all__ = ["Plot", "Plots", "markdown", "page"]

MAX_TOLD: Final = 50
"""Findings of a partition that are told one by one; the JSON file has all."""

_COLUMNS: Final = ("venue", "symbol", "rows", "verdict", "flags", "left out, s")
_STYLE: Final = (
    ":root{color-scheme:light dark;--line:#8884;--rec:#0072b255;--tag:#e69f00;--out:#d55e00}"
    "*{box-sizing:border-box}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .4rem;overflow-wrap:anywhere}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "td,th{padding:.3rem .6rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}"
    ":is(td,th):nth-child(3),:is(td,th):nth-child(6){text-align:right;font-variant-numeric:tabular-nums}"
    ".status{font-weight:600}.PASS .status{color:#1a7f37}.WARN .status{color:#9a6700}"
    ".QUARANTINE .status{color:#bc4c00}.REJECT .status{color:#d1242f}"
    "@media(prefers-color-scheme:dark){.PASS .status{color:#3fb950}.WARN .status{color:#d29922}"
    ".QUARANTINE .status{color:#f0883e}.REJECT .status{color:#ff7b72}}"
    ".day{display:block;width:100%;height:26px;border:1px solid var(--line)}"
    ".rec{fill:var(--rec)}.tag{fill:var(--tag)}.out{fill:var(--out)}.tick{stroke:var(--line)}"
    ".hours{display:flex;justify-content:space-between;font-size:.75rem;opacity:.75}"
    ".key{font-size:.85rem}.key i{display:inline-block;width:.9em;height:.9em;margin:0 .3em 0 1em}"
    "ul{padding-left:1.2rem}li{overflow-wrap:anywhere}img{max-width:100%;height:auto;margin-top:.6rem}"
)
_KEY: Final = (
    '<p class="key">times in UTC<i style="background:var(--rec)"></i>recorded'
    '<i style="background:var(--tag)"></i>warned about<i style="background:var(--out)"></i>left out</p>'
)
_HOURS: Final = '<div class="hours">' + "".join(f"<span>{n:02}:00</span>" for n in range(0, 25, 6)) + "</div>"


@attrs.frozen
class Plot:
    """The files of a chart of one instrument's day."""

    instrument: str
    png: Path
    html: Path


Plots = Mapping[Partition, Sequence[Plot]]
"""The charts of partitions."""


def markdown(report: DayReport, plots: Plots | None = None) -> str:
    """The day as Markdown; plots lie in or below the folder of the report."""
    lines = [
        f"# Data quality of {report.date} (UTC): {report.status}",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "| --- | --- | ---: | --- | --- | ---: |",
    ]
    for cells in _rows(report):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for one in report.partitions:
        charts = _charts(one, plots)
        if one.findings or charts:
            lines += ["", f"## {one.stored.partition.venue} {one.stored.partition.shown}", ""]
        lines += [
            f"[![{chart.instrument}](plots/{chart.png.name})](plots/{chart.html.name})\n" for chart in charts
        ]
        lines += [f"- {_sentence(*told)}" for told in one.findings[:MAX_TOLD]]
        if len(one.findings) > MAX_TOLD:
            lines.append(f"- and {len(one.findings) - MAX_TOLD} more: see the JSON file")
    return "\n".join([*lines, ""])


def page(report: DayReport, plots: Plots | None = None) -> str:
    """The day as one HTML page that needs nothing else; pictures of plots lead to their pages."""
    head = "".join(f"<th>{cell}</th>" for cell in _COLUMNS)
    rows = "".join(
        f'<tr class="{cells[3]}">'
        + "".join(f"<td{_class(place)}>{html.escape(cell)}</td>" for place, cell in enumerate(cells))
        + "</tr>\n"
        for cells in _rows(report)
    )
    details = "".join(_partition(one, _charts(one, plots)) for one in report.partitions)
    title = f"Data quality of {report.date} (UTC): {report.status}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{title}</h1>\n<div class="wide"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n'
        f"{_KEY}\n{details}</body>\n</html>\n"
    )


def _class(place: int) -> str:
    return ' class="status"' if _COLUMNS[place] == "verdict" else ""


def _partition(one: PartitionReport, charts: Sequence[Plot]) -> str:
    """The strip of the day, its charts, what was found."""
    name = html.escape(f"{one.stored.partition.venue} {one.stored.partition.shown}")
    status = f'<span class="status">{one.verdict.status}</span>'
    pictures = "".join(
        f'<a href="plots/{html.escape(chart.html.name)}"><img alt="{html.escape(chart.instrument)}"'
        f' src="data:image/png;base64,{base64.b64encode(chart.png.read_bytes()).decode()}"></a>\n'
        for chart in charts
    )
    told = "".join(f"<li>{html.escape(_sentence(*finding))}</li>\n" for finding in one.findings[:MAX_TOLD])
    if len(one.findings) > MAX_TOLD:
        told += f"<li>and {len(one.findings) - MAX_TOLD} more: see the JSON file</li>\n"
    return (
        f'<section class="{one.verdict.status}">\n<h2>{name} {status}</h2>\n'
        f"{timeline(one.stored, one.verdict)}{_HOURS}\n{pictures}"
        + (f"<ul>\n{told}</ul>\n" if told else "")
        + "</section>\n"
    )


def _charts(one: PartitionReport, plots: Plots | None) -> Sequence[Plot]:
    return (plots or {}).get(one.stored.partition, ())


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
