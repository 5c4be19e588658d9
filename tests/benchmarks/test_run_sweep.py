"""``make bench-sweep``: what it says of a sweep follows from what the processes used."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


def test_use_is_processor_time_over_wall_time_and_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import run_sweep
    from store_day import Day

    asked: list[tuple[str, ...]] = []
    used, passed = iter([5.0, 8.0]), iter([100.0, 102.0])

    def command(*words: str) -> dict[str, Any]:
        asked.append(words)
        return {"played": 3}

    monkeypatch.setattr(run_sweep, "make", lambda build, rows: Day(Path("day"), rows + 1, 0, 1))
    monkeypatch.setattr(run_sweep, "_mm", command)
    monkeypatch.setattr(run_sweep, "_cpu_s", lambda: next(used))
    monkeypatch.setattr(run_sweep, "time", SimpleNamespace(perf_counter=lambda: next(passed)))
    assert run_sweep.main(["--points", "3", "--workers", "2", "--rows", "10"]) == 0
    about, line, words = capsys.readouterr().out.splitlines()
    assert json.loads(about)["bench"] == "machine"
    assert json.loads(line) == {
        "bench": "sweep", "points": 3, "rows": 11, "workers": 2, "wall_s": 2.0, "cpu_s": 3.0, "use": 0.75,
    }  # fmt: skip
    assert words == "3 runs of 11 rows: 2.0 s, 3.0 s of CPU, use 0.75 of 2"
    assert [one[0] for one in asked] == ["store", "sweep"]
    assert "order-latency.seed=0,1,2" in asked[1]
