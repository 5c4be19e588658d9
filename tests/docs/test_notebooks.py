"""Notebooks run from the first cell to the last, in an empty folder, and are kept without what they print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mm_kraken")
pytest.importorskip("duckdb")
pytest.importorskip("polars")
pytest.importorskip("matplotlib")

RUNNER = """
import ast, json, sys
space = {"__name__": "__main__"}
with open(sys.argv[1], encoding="utf-8") as file:
    cells = json.load(file)
for number, text in enumerate(cells):
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"cell {number}", "exec"), space)
    if last is not None:
        space[f"out_{number}"] = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), space)
chart = space["chart"]
told = {"usable": space["usable"], "everything": space["everything"], "png": chart._repr_png_()[:4].hex(),
        "answer": space["answer"].to_pylist(), "sides": space["sides"]["side"].to_list(),
        "trusted": space["book"].trusted, "marks": [mark.text for mark in chart.marks]}
print(json.dumps(told, default=str))
"""


def notebook(repository: Path) -> Path:
    return repository / "docs" / "notebooks" / "ask-a-store.ipynb"


def test_a_notebook_is_kept_without_outputs(repository: Path) -> None:
    cells = json.loads(notebook(repository).read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_the_notebook_does_what_it_says(repository: Path, tmp_path: Path) -> None:
    cells = json.loads(notebook(repository).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (tmp_path / "cells.json").write_text(json.dumps(code), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", RUNNER, "cells.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert 0 < told["usable"] <= told["everything"]
    assert sum(row["n"] for row in told["answer"]) == told["everything"]
    assert told["sides"] == ["buy", "sell"]
    assert told["trusted"] is True
    assert told["png"] == "89504e47"
    assert any(mark.startswith("reset") for mark in told["marks"])
