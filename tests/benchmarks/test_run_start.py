"""``make bench-start``: what it measures ends where it says."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from mm_framework.kernels.mode import mode


def test_a_line_tells_medians_and_the_best_round() -> None:
    from run_start import told

    rounds = [{"seconds": one, "cpu_s": one / 2} for one in (3.0, 1.0, 2.0)]
    assert told("help", rounds) == {"workload": "help", "seconds": 2.0, "cpu_s": 1.0, "best": 1.0}


def test_the_first_event_is_the_first_step_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
    if mode() == "off":
        pytest.skip("MM_KERNELS=off: no engine is compiled")
    import run_start

    from mm_framework import cli
    from mm_framework.trading.compiled.run import CompiledRun

    steps: list[float] = []

    def step(run: object) -> int:
        steps.append(time.monotonic())
        return 0

    def command(words: list[str], **options: Any) -> None:
        assert words == ["backtest"]
        for _ in range(3):
            CompiledRun.go_on(None)  # type: ignore[arg-type]

    monkeypatch.setattr(CompiledRun, "go_on", step)
    monkeypatch.setattr(cli, "main", command)
    began_s = time.monotonic()
    found = run_start.first_event(["backtest"])
    assert len(steps) == 3
    assert began_s <= found["at_s"] <= steps[0]
    monkeypatch.setattr(cli, "main", lambda words, **options: None)
    with pytest.raises(RuntimeError, match="the compiled engine played nothing"):
        run_start.first_event([])


def test_a_workload_runs_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import run_start

    monkeypatch.setattr(run_start, "_workloads", lambda names, folder, rows: {"help": run_start.measure_help})
    monkeypatch.setattr(run_start, "kernels", lambda: "on")
    assert run_start.main(["help", "--rounds", "1"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert line["workload"] == "help"
    assert line["cpu_s"] > 0
    with pytest.raises(SystemExit):
        run_start.main(["sleep"])
