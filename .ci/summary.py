"""Print the counts of JUnit reports and, last, one list of skipped checks with their reasons."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path


def main(folder: Path) -> None:
    """Read every ``*.xml`` of ``folder``; the same skip in several reports is listed once."""
    skipped: dict[tuple[str, str], list[str]] = {}
    for report in sorted(folder.glob("*.xml")):
        outcomes: Counter[str] = Counter()
        for case in ET.parse(report).iter("testcase"):
            tags = {child.tag: child for child in case}
            failed = "failure" in tags or "error" in tags
            outcomes["failed" if failed else "skipped" if "skipped" in tags else "passed"] += 1
            if "skipped" in tags:
                reason = tags["skipped"].get("message") or "no reason given"
                name = f"{case.get('classname', '')}::{case.get('name', '')}".removeprefix("::")
                skipped.setdefault((name, reason), []).append(report.stem)
        print(
            f"{report.stem}: "
            + ", ".join(f"{outcomes[word]} {word}" for word in ("passed", "failed", "skipped"))
        )
    print(f"skipped checks: {len(skipped) or 'none'}")
    for (name, reason), reports in sorted(skipped.items()):
        print(f"  {name} [{', '.join(reports)}]: {reason}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
