"""The key of the engine's code covers every module of the package that goes into it."""

from __future__ import annotations

import ast
from pathlib import Path

import mm_framework
from mm_framework.kernels.cache import ENGINE, GROUPS
from mm_framework.kernels.loader import ENGINE_MODULES

PACKAGE = Path(mm_framework.__file__).parent


def imported(path: Path) -> set[Path]:
    """The modules of the framework that a module takes names from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mm_framework."):
            base = PACKAGE.joinpath(*str(node.module).split(".")[1:])
            names = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
            found |= {name for name in names if name.exists()}
    return found


def test_what_compiled_modules_import_is_in_the_key() -> None:
    covered = {path for pattern in GROUPS[ENGINE] for path in PACKAGE.glob(pattern)}
    waiting = [PACKAGE / "trading" / "compiled" / f"{name}.py" for name in ENGINE_MODULES]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in seen and path.parent.name == "compiled":
            seen.add(path)
            assert path in covered, path
            outside = {one for one in imported(path) if one.parent.name not in ("kernels", "model")}
            assert outside <= covered, (path, outside - covered)
            waiting += outside
    assert len(seen) > 10


def test_the_key_names_no_file_that_is_not_there() -> None:
    assert all(list(PACKAGE.glob(pattern)) for pattern in GROUPS[ENGINE])
