"""A result in three spellings, in a folder that its content names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm_framework.errors import EnvironmentFailed
from mm_framework.research.document import Section, document_of, number, to_html, to_markdown, write

SECTIONS = [
    Section("Answer", ("a < b", "c")),
    Section("Table", (), ("name", "value"), (("x|y", "1"), ("<z>", "2"))),
]


def test_the_id_follows_from_the_content_alone() -> None:
    one, again, other = (document_of("features", {"x": x}) for x in (1, 1, 2))
    assert one == again
    assert one["id"] != other["id"]
    assert one["id"].startswith("features-")
    assert (one["format"], one["kind"]) == ("mm-research/1", "features")


def test_markdown_has_lists_and_tables() -> None:
    assert to_markdown("T", SECTIONS) == (
        "# T\n\n## Answer\n\n- a < b\n- c\n\n## Table\n\n"
        "| name | value |\n| --- | --- |\n| x\\|y | 1 |\n| <z> | 2 |\n"
    )


def test_html_escapes_and_needs_nothing_else() -> None:
    page = to_html("<T>", SECTIONS)
    assert "<title>&lt;T&gt;</title>" in page
    assert "<td>&lt;z&gt;</td>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_three_files_are_written_and_the_same_bytes_again(tmp_path: Path) -> None:
    document = document_of("features", {"x": 1.5})
    files = write(tmp_path / "new" / document["id"], document, "T", SECTIONS)
    assert [file.name for file in files] == ["research.json", "research.md", "research.html"]
    before = [file.read_bytes() for file in files]
    write(tmp_path / "new" / document["id"], document, "T", SECTIONS)
    assert [file.read_bytes() for file in files] == before
    assert json.loads(before[0]) == document


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed):
        write(tmp_path / "file" / "x", document_of("features", {}), "T", [])


def test_numbers_of_tables() -> None:
    assert (number(None), number(1.23456), number(2.0, 1)) == ("-", "1.2346", "2.0")
