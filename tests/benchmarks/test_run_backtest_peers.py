"""``make bench-backtest-peers``: both sides by turns on one tape, ratios of single rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_both_sides_are_asked_in_turn_and_compared_round_by_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import run_backtest_peers as bench

    asked: list[str] = []

    def told(command: list[str], name: str) -> dict[str, Any]:
        asked.append(name)
        if name == bench.THEIRS:
            with np.load(command[3]) as file:
                assert len(file["data"]) > 1000
            tick, lot, low, high = map(float, command[4:8])
            assert 0 < tick < low < high
            assert lot > 0
        seconds = {"seconds": 2.0 if name == bench.THEIRS else 0.5, "cpu_seconds": 1.0, "engine": "compiled"}
        return {"rows": 1000, "empty": seconds, "every": seconds}

    monkeypatch.setattr(bench, "environment", lambda folder, requirements: Path("python"))
    monkeypatch.setattr(bench, "told_by", told)
    saved, page = tmp_path / "x.json", tmp_path / "x.md"
    command = ["--quick", "--rounds", "2", "--json", str(saved), "--markdown", str(page)]
    assert bench.main(command) == 0
    assert asked == ["hftbacktest", "ours", "ours", "hftbacktest"]
    assert "| every | ours, compiled | 2 000 | 1 000 | 4.00x (4.00 to 4.00) | 1.00x" in page.read_text()
    assert len(json.loads(saved.read_text())["rounds"]["ours"]) == 2


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import run_backtest_peers as bench

    def missing(folder: Path, requirements: Path) -> Path:
        raise bench.Unavailable("hftbacktest could not be installed: no network")

    monkeypatch.setattr(bench, "environment", missing)
    assert bench.main(["--quick"]) == bench.UNAVAILABLE
    assert "could not be installed" in capsys.readouterr().err
