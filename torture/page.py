"""Put the counts of a run of the trials into the page of reliability.

python torture/page.py build/torture.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "reliability.md"
BEGIN, END = "<!-- counts -->", "<!-- end of counts -->"


def table(report: dict[str, Any]) -> str:
    """The counts as Markdown."""
    extent = "everything" if report["minutes"] is None else f"{report['minutes']:g} minutes of it"
    lines = [
        f"Seed {report['seed']}, {report['day']}, Python {report['python']}, {extent}:",
        "",
        "| trial | tried | violations | seconds |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one['trial']} | {one['tried']:,} | {len(one['violations'])} | {one['seconds']:,.0f} |"
        for one in report["trials"]
    ]
    return "\n".join(lines)


def filled(page: str, report: dict[str, Any]) -> str:
    """The page with these counts. Raises ValueError when it has no place for them."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{table(report)}\n{END}{after}"


def main(path: str) -> None:
    """Rewrite the page."""
    PAGE.write_text(filled(PAGE.read_text(), json.loads(Path(path).read_text())))


if __name__ == "__main__":
    main(*sys.argv[1:])
