"""The page "Add a venue" is executed: its files are written, its commands run, in the order of the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from page_reader import follow

PAGE = "docs/how-to/add-a-venue.md"
ANSWERS_NO = {"mm verify lost"}
"""The commands that the page says to leave with exit code 1."""


def test_the_page_does_what_it_says(repository: Path, tmp_path: Path) -> None:
    ran = follow((repository / PAGE).read_text(encoding="utf-8"), tmp_path, ANSWERS_NO)
    assert ran[0] == "mm new-plugin venue quayside"
    assert ran[-2:] == ["mm import quayside.log --venue quayside --out second", "mm verify second"]
    assert set(ran) > ANSWERS_NO
    for command in (("check",), ("format", "--diff")):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "mm-quayside"]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
