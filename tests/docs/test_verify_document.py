"""The keys of ``mm verify --json`` stand on the page of file formats."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import toy_venue as toy
from toy_venue import write_toy_run

from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.bundle.verify_report import Failure


@pytest.fixture
def section(page: Callable[[str], str]) -> str:
    _, _, after = page("file-formats").partition("## The document of mm verify\n")
    return re.split(r"\n## ", after, maxsplit=1)[0]


def keys(document: dict[str, Any]) -> Iterator[str]:
    """All but the ids of instruments and the names of reasons."""
    for key, value in document.items():
        yield key
        inner = list(value.values()) if key == "instruments" else [value]
        for one in inner:
            if isinstance(one, dict) and key != "fallbacks":
                yield from keys(one)


def test_every_key_of_the_document_stands_on_its_page(section: str, tmp_path: Path) -> None:
    run = write_toy_run(tmp_path / "r", {0: toy.toy_session(steps=100, disconnect_at=50)})
    document = verify(open_run(run), toy.toy_kits()).to_json()
    told = {*keys(document), *(field.name for field in attrs.fields(Failure))}
    assert {"book_digest", "crc_mismatch", "refreshes_joined", "expected"} <= told
    assert not [key for key in sorted(told) if f"`{key}`" not in section]


def test_every_kind_of_failure_stands_on_its_page(section: str) -> None:
    words = inspect.getdoc(Failure)
    assert words is not None
    kinds = re.search(r"``what``: ([^.]*)\.", words)
    assert kinds is not None
    found = kinds[1].replace("\n", " ").split(", ")
    assert len(found) == 11
    assert not [kind for kind in found if f"`{kind}`" not in section]
