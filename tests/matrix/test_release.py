"""What a release says beside its wheels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _release(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "release"))


def test_fragments_are_gathered_by_kind(tmp_path: Path) -> None:
    from make_release import changes

    for name, text in {"b.added": "two\n", "a.added": "one\n", "x.fixed": "mended\n", "README": "no"}.items():
        (tmp_path / f"{name}.md").write_text(text)
    assert changes(tmp_path) == "### Added\n\n- one\n- two\n\n### Fixed\n\n- mended\n"


def test_every_fragment_of_this_repository_has_a_kind(repository: Path) -> None:
    from make_release import KINDS

    names = {path.name for path in (repository / "changelog.d").iterdir()} - {"README.md"}
    assert [name for name in names if name.split(".")[1:-1] not in [[kind] for kind in KINDS]] == []


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    from make_release import sums

    (tmp_path / "x.whl").write_bytes(b"wheel")
    assert sums(tmp_path) == f"{hashlib.sha256(b'wheel').hexdigest()}  x.whl\n"
