"""Every plugin of the repository has a cell of its own, and programs run without settings from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_a_cell_installs_the_core_and_its_plugins() -> None:
    from run_matrix import Cell

    assert Cell("core").wheels == ("mm_framework",)
    assert Cell("x", ("mm_x",)).wheels == ("mm_framework", "mm_x")
    broken = Cell("broken", ("mm_x",), broken=True)
    assert (broken.packages, broken.wheels) == (
        ("mm_framework", "mm_x"),
        ("mm_framework", "mm_x", "mm_broken"),
    )


def test_help_names_a_cell_for_the_core_each_plugin_all_and_a_broken_one(repository: Path) -> None:
    script = repository / "tests" / "matrix" / "run_matrix.py"
    text = subprocess.run(
        [sys.executable, script, "--help"], check=True, capture_output=True, text=True
    ).stdout
    plugins = {path.parent.name for path in repository.glob("plugins/*/pyproject.toml")}
    assert {"core", "all", "broken", *plugins} <= set(text.replace(",", " ").split())


def test_an_unknown_cell_is_refused(repository: Path) -> None:
    script = repository / "tests" / "matrix" / "run_matrix.py"
    found = subprocess.run([sys.executable, script, "mm_krakn"], capture_output=True, text=True)
    assert found.returncode == 2
    assert "no such cell: mm_krakn" in found.stderr


def test_programs_see_no_setting_but_the_folder_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    from environments import run

    monkeypatch.setenv("MM_DATA_DIR", "x")
    monkeypatch.setenv("MM_KERNEL_CACHE", "y")
    code = "import os; print(sorted(name for name in os.environ if name.startswith('MM_')))"
    assert run(Path(sys.executable), "-c", code).strip() == "['MM_KERNEL_CACHE']"


def test_another_exit_code_than_the_expected_one_is_an_error(tmp_path: Path) -> None:
    from environments import run

    assert run(Path(sys.executable), "-c", "print(1); raise SystemExit(3)", expect=3).strip() == "1"
    with (tmp_path / "log.txt").open("w") as log, pytest.raises(subprocess.CalledProcessError):
        run(Path(sys.executable), "-c", "print('said'); raise SystemExit(3)", log=log)
    assert (tmp_path / "log.txt").read_text().strip() == "said"


def test_ours_and_the_tools_of_this_repository_are_no_third_party_packages(tmp_path: Path) -> None:
    from environments import third_party

    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = ['attrs>=1', 'mm-framework>=0.1']\n[project.optional-dependencies]\n"
        "testing = ['pytest']\ndev = ['ruff', 'mm-framework[testing]']\ndocs = ['mkdocs']\n"
    )
    assert third_party([tmp_path]) == (["attrs>=1"], ["pytest"])
