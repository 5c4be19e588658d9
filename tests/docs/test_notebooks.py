"""Notebooks run from the first cell to the last, in an empty folder, and are kept without what they print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
exec(sys.argv[2], space)
print(json.dumps(space["told"], default=str))
"""
STORE = """
told = {"usable": usable, "everything": everything, "png": chart._repr_png_()[:4].hex(),
        "answer": answer.to_pylist(), "sides": sides["side"].to_list(),
        "trusted": book.trusted, "marks": [mark.text for mark in chart.marks]}
"""
MAKER = """
told = {"ok": result.ok, "fills": len(fills), "known": [one.markout.mean for one in curves],
        "queues": totals, "page": Path("report.html").read_text(encoding="utf-8")[:15]}
"""
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def cells_of(name: str) -> list[dict[str, Any]]:
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run(name: str, folder: Path, tell: str) -> Any:
    """What ``tell`` finds after the last cell."""
    (folder / "cells.json").write_text(json.dumps(["".join(one["source"]) for one in cells_of(name)]))
    command = [sys.executable, "-W", "error", "-c", RUNNER, "cells.json", tell]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    code = cells_of(name)
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_a_store_is_asked(tmp_path: Path) -> None:
    told = run("ask-a-store", tmp_path, STORE)
    assert 0 <= told["usable"] <= told["everything"], "how much passes depends on the machine's delays"
    assert told["everything"] > 0
    assert sum(row["n"] for row in told["answer"]) == told["everything"]
    assert told["sides"] == ["buy", "sell"]
    assert told["trusted"] is True
    assert told["png"] == "89504e47"
    assert any(mark.startswith("reset") for mark in told["marks"])


def test_a_maker_is_played(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    told = run("backtest-a-maker", tmp_path, MAKER)
    assert told["ok"] is True
    assert told["fills"] > 0
    assert all(mean is not None for mean in told["known"])
    assert sorted(told["queues"]) == ["optimistic", "power", "risk_averse"]
    assert all(fills > 0 for fills, _ in told["queues"].values())
    assert told["page"] == "<!doctype html>"
