"""The page "Write a check" is executed, in the order of the page."""

from __future__ import annotations

from pathlib import Path

from page_reader import follow


def test_the_page_does_what_it_says(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs/how-to/write-a-check.md").read_text(encoding="utf-8")
    ran = follow(page, tmp_path)
    assert [line.split()[:2] for line in ran][::3] == [["mm", "new-plugin"], ["mm", "plugins"]]
