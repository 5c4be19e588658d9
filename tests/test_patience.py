"""No test gives up on a machine that is slow: limits are there for what never ends."""

from __future__ import annotations

import re
from pathlib import Path

LEAST_S = 60
LIMITS = re.compile(r"(?:mark\.timeout\(|communicate\(timeout=|\btimeout=)([0-9]+)")


def test_limits_of_tests_are_generous(repository: Path) -> None:
    folders = [repository / "tests", *repository.glob("plugins/*/tests")]
    found = [
        f"{path.relative_to(repository)}: {limit[0]}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for limit in LIMITS.finditer(path.read_text(encoding="utf-8"))
        if 0 < int(limit[1]) < LEAST_S
    ]
    assert not found, f"give at least {LEAST_S} s: {found}"
