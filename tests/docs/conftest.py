"""What the documentation tests share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def generate(repository: Path) -> ModuleType:
    """`docs/generate.py` as a module, which imports others of its folder."""
    sys.path.append(str(repository / "docs"))
    spec = importlib.util.spec_from_file_location("docs_generate", repository / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def page(repository: Path) -> Any:
    """``page("errors")`` is the text of `docs/reference/errors.md`."""

    def read(name: str) -> str:
        return (repository / "docs" / "reference" / f"{name}.md").read_text(encoding="utf-8")

    return read


@pytest.fixture(scope="session")
def prose(repository: Path) -> dict[str, str]:
    """Every Markdown file that a reader may open, by its path in the repository."""
    folders = ("docs/**/*.md", "plugins/*/README.md", "changelog.d/*.md", "*.md")
    found = sorted(path for pattern in folders for path in repository.glob(pattern))
    return {path.relative_to(repository).as_posix(): path.read_text(encoding="utf-8") for path in found}
