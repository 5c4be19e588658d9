"""What ``mm new-plugin`` makes, installed for real: its tests pass, ``mm`` finds it, linters are silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_environment import PluginEnvironment

from mm_framework.cli.new_plugin_cmd import render

KINDS = {"venue": "northex", "strategy": "wide_quotes", "sink": "trade_lines", "check": "wide_spread"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind, name in KINDS.items():
        render(kind, name, folder / name)
    return folder


@pytest.fixture(scope="module")
def environment(made: Path) -> PluginEnvironment:
    """An environment that has them all."""
    environment = PluginEnvironment(made / "environment")
    for name in KINDS.values():
        environment.install(made / name)
    return environment


@pytest.mark.parametrize("name", KINDS.values())
def test_its_own_tests_pass(made: Path, environment: PluginEnvironment, name: str) -> None:
    done = environment.pytest(cwd=made / name)
    assert done.returncode == 0, done.stdout
    assert " failed" not in done.stdout


def test_mm_finds_what_was_installed(made: Path, environment: PluginEnvironment) -> None:
    rows = json.loads(environment.mm("plugins", "list", "--check", "--json", cwd=made).stdout)["plugins"]
    found = {row["distribution"]: (row["state"], row.get("registers")) for row in rows}
    kinds = ("adapters", "normalizers", "sync_engines", "fee_models")
    assert found["mm-northex"] == ("loaded", [f"{kind}.northex" for kind in kinds])
    assert found["mm-wide-quotes"] == ("loaded", ["strategies.wide_quotes"])
    assert found["mm-trade-lines"] == ("loaded", ["sinks.trade_lines"])
    assert found["mm-wide-spread"] == ("loaded", ["qa_checks.wide_spread"])
    venues = json.loads(environment.mm("venues", "--json", cwd=made).stdout)["venues"]
    (venue,) = (venue for venue in venues if venue["name"] == "northex")
    assert [channel["proof"] for channel in venue["channels"]] == ["sequence", "ids"]
    shown = environment.mm("plugins", "show", "northex", cwd=made).stdout
    assert "--venue-northex-url" in shown


def test_what_it_imports_is_declared(made: Path, environment: PluginEnvironment, repository: Path) -> None:
    script = repository / "tests" / "matrix" / "imports.py"
    done = environment.run(["-P", str(script), *(f"mm_{name}" for name in KINDS.values())], made)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *KINDS.items(),
        ("venue", "ab"),
        ("venue", "a" * 24),
        ("strategy", "ab"),
        ("sink", "ab"),
        ("check", "ab"),
        ("check", "a_rather_long_name_of_it"),
        ("sink", "a_rather_long_name_of_it"),
        ("strategy", "a_rather_long_name_of_it"),
    ],
)
def test_ruff_has_nothing_to_say(tmp_path: Path, kind: str, name: str) -> None:
    render(kind, name, tmp_path / "made")
    for command in (("check",), ("format", "--diff")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=tmp_path / "made",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_mypy_has_nothing_to_say(made: Path, repository: Path) -> None:
    for name in KINDS.values():
        cache = repository / "build" / "mypy_new_plugins"
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--cache-dir", str(cache), "--follow-imports", "silent"],
            cwd=made / name,
            env={**os.environ, "MYPYPATH": str(repository)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
