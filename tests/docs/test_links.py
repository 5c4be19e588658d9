"""Links between the pages of this repository lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

LINK = re.compile(r"(?<!\!)\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors that headings give, as GitHub and the documentation's builder make them."""
    plain = (
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip() for heading in HEADING.findall(text)
    )
    return {re.sub(r"\s+", "-", heading) for heading in plain}


def test_every_relative_link_leads_to_a_file_and_a_heading(repository: Path, prose: dict[str, str]) -> None:
    broken = []
    for name, text in prose.items():
        for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (repository / name).parent / path if path else repository / name
            if not file.exists():
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
                broken.append(f"{name}: {target} (no such heading)")
    assert not broken


def test_every_page_is_in_the_navigation(repository: Path) -> None:
    navigation = (repository / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    listed = set(re.findall(r"[\w/-]+\.md", navigation))
    present = {path.relative_to(repository / "docs").as_posix() for path in repository.glob("docs/**/*.md")}
    assert listed <= present
    notes = {name for name in present if re.match(r"decisions/\d", name)}
    assert present - notes <= listed


def test_every_decision_is_in_the_list_of_decisions(repository: Path, prose: dict[str, str]) -> None:
    index = prose["docs/decisions/index.md"]
    notes = sorted(path.name for path in repository.glob("docs/decisions/[0-9]*.md"))
    numbers = [note[:4] for note in notes]
    assert len({*numbers}) == len(numbers), "two notes have one number"
    assert all(f"({note})" in index for note in notes)


def test_every_plugin_says_what_it_is_and_asks_for_this_core(repository: Path) -> None:
    for project in repository.glob("plugins/*/pyproject.toml"):
        data = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        assert any(text.startswith("mm-framework>=") and "<" in text for text in data["dependencies"])
        assert list(data["entry-points"]) == ["mm_framework.v1"]
        assert len((project.parent / "README.md").read_text(encoding="utf-8").splitlines()) > 10
