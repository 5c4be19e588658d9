"""An import is found wherever it stands; undeclared is what no requirement of the distribution brings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``ware`` of the distribution ``Soft.Ware``, which requires ``a-b``, and ``c`` by extras."""
    info = tmp_path / "soft_ware-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: Soft.Ware\nVersion: 1\nRequires-Dist: A_B>=1; python_version > '3'\n"
        "Requires-Dist: c; extra == 'fast'\nRequires-Dist: d; extra == 'dev'\n"
    )
    (tmp_path / "ware").mkdir()
    (tmp_path / "ware" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "ware"


PROVIDERS = {"ware": ["Soft.Ware"], "ab": ["a.b"], "c": ["c"], "d": ["d"], "pair": ["other", "a-b"]}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os, json.decoder", []),
        ("import ware.deep\nfrom . import x\nfrom .y import z", []),
        ("import ab", []),
        ("from c.d import e", []),
        ("import pair", []),
        ("import d", ["ware/__init__.py:1: d"]),
        ("import os\nimport unknown.part", ["ware/__init__.py:2: unknown"]),
        ("def f():\n    class C:\n        from d import x", ["ware/__init__.py:3: d"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import d\nelse:\n    import e", [
            "ware/__init__.py:5: e"
        ]),
    ],
)  # fmt: skip
def test_what_no_requirement_brings_is_found(installed: Path, source: str, found: list[str]) -> None:
    from imports import undeclared

    (installed / "__init__.py").write_text(source)
    assert list(undeclared("ware", PROVIDERS)) == found


def test_modules_below_the_package_are_read(installed: Path) -> None:
    from imports import undeclared

    (installed / "sub").mkdir()
    (installed / "sub" / "m.py").write_text("import d")
    assert list(undeclared("ware", PROVIDERS)) == ["ware/sub/m.py:1: d"]


def test_a_package_that_is_not_installed_is_an_error() -> None:
    from imports import undeclared

    with pytest.raises(AssertionError, match="no_such_package is not installed"):
        list(undeclared("no_such_package", PROVIDERS))


def test_an_import_is_told_with_its_line() -> None:
    from imports import imports

    tree = ast.parse("import a.b as c, d\ntry:\n    from e.f import g\nexcept ImportError:\n    import h")
    assert list(imports(tree)) == [(1, "a"), (1, "d"), (3, "e"), (5, "h")]
