"""Print the counts of JUnit reports and, last, one list of skipped checks, by reason."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from pathlib import Path


def main(folder: Path) -> None:
    """Read every ``*.xml`` of ``folder``; a check that several reports skipped is listed once."""
    skipped: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for report in sorted(folder.glob("*.xml")):
        outcomes: Counter[str] = Counter()
        for case in ET.parse(report).iter("testcase"):
            tags = {child.tag: child for child in case}
            failed = "failure" in tags or "error" in tags
            outcomes["failed" if failed else "skipped" if "skipped" in tags else "passed"] += 1
            if "skipped" in tags:
                reason = tags["skipped"].get("message") or "no reason given"
                name = f"{case.get('classname', '')}::{case.get('name', '')}".removeprefix("::")
                skipped[reason][name].append(report.stem)
        counts = ", ".join(f"{outcomes[word]} {word}" for word in ("passed", "failed", "skipped"))
        print(f"{report.stem}: {counts}")
    print(f"skipped checks: {sum(map(len, skipped.values())) or 'none'}")
    for reason, names in sorted(skipped.items()):
        print(f"  {reason}: {len(names)}")
        for name, reports in sorted(names.items()):
            print(f"    {name} ({', '.join(reports)})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
