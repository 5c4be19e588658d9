"""``mm seal`` and ``mm prune``: documents, lines, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy_venue as toy
from click.testing import CliRunner, Result

from mm_framework.bundle.run import open_run
from mm_framework.cli import main
from mm_framework.cli.app import App


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a run of 2023 and one that was killed."""
    toy.write_toy_run(tmp_path / "runs" / "old", {0: toy.toy_session(steps=60)})
    toy.write_toy_run(tmp_path / "runs" / "killed", {0: toy.toy_session(steps=5)}, state="running")
    return tmp_path


def mm(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(data)])


def document(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_a_sealed_run_verifies_and_unseals(data: Path) -> None:
    told = document(mm(data, "seal", "old", "--json"))
    assert told["ok"] is True
    assert told["changed"] == ["shard_00.frames"]
    assert told["sealed_bytes"] < told["raw_bytes"]
    assert mm(data, "verify", "old").exit_code == 0
    shown = mm(data, "seal", "old")
    assert shown.exit_code == 0
    assert "0 segments sealed now, 1 in all" in shown.stdout
    assert "1 segments have their own files back" in mm(data, "seal", "old", "--undo").stdout


def test_a_run_that_was_killed_is_to_be_recovered_first(data: Path) -> None:
    result = mm(data, "seal", "killed")
    assert result.exit_code == 2
    assert "mm recover" in result.stderr
    assert mm(data, "seal", "absent").exit_code == 4


def test_prune_lists_and_only_removes_when_told_to(data: Path) -> None:
    told = document(mm(data, "prune", "--keep", "30d", "--json"))
    assert {run["run_id"]: run["verdict"] for run in told["runs"]} == {"killed": "crashed", "old": "remove"}
    assert (told["deleted"], told["removed"]) == (False, [])
    listed = mm(data, "prune", "--keep", "4w")
    assert "1 would be removed by --delete" in listed.stdout
    assert open_run(data / "runs" / "old")
    told = document(mm(data, "prune", "--keep", "12h", "--delete", "--json"))
    assert told["removed"] == ["old"]
    assert [path.name for path in (data / "runs").iterdir()] == ["killed"]


@pytest.mark.parametrize("age", ["30", "d", "-1d", "30 days", "1.5d"])
def test_an_age_has_a_unit(data: Path, age: str) -> None:
    result = mm(data, "prune", f"--keep={age}")
    assert result.exit_code == 2
    assert "is no age: give hours, days or weeks" in result.stderr
