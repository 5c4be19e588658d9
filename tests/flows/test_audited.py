"""Real processes are audited: one that stood still, one that was killed, one whose venue hung up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from processes import capture_process, emulated_kraken, wait_for_beats, wait_for_frames, wait_for_text

from mm_framework.cli import main

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="needs signals that stop and continue a process"),
]


def audit(path: Path) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Exit code, document, and the status of each gate."""
    result = CliRunner().invoke(main, ["audit", str(path), "--json"])
    document = json.loads(result.stdout)
    return result.exit_code, document, {gate["name"]: gate["status"] for gate in document["gates"]}


def finished(process: subprocess.Popen[str], code: int) -> None:
    _, err = process.communicate(timeout=240)
    assert process.returncode == code, err


def test_a_process_that_stood_still_fails_the_gates_of_heartbeats_and_lag(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r1"
    with emulated_kraken(tmp_path) as emulated:
        process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1")
        wait_for_frames([run], [process])
        wait_for_beats(run, 2)
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        wait_for_beats(run, 2)
        process.send_signal(signal.SIGTERM)
        finished(process, 0)
    code, document, words = audit(run)
    assert code == 1
    assert {words[name] for name in ("heartbeat_gaps", "loop_lag_max")} == {"FAIL"}
    assert {words[name] for name in ("drops", "crc", "fatal", "ended")} == {"PASS"}
    assert document["gaps_over_threshold"] >= 1
    assert document["max_gap_seconds"] > 2.9
    assert document["latency"]["loop_lag_ms"]["max"] > 2000


def test_a_killed_run_is_audited_and_warned_about(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r1"
    with emulated_kraken(tmp_path) as emulated:
        process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1")
        wait_for_frames([run], [process])
        wait_for_beats(run, 2)
        process.kill()
        finished(process, -signal.SIGKILL)
    code, document, words = audit(run)
    assert document["hb_count"] >= 2
    assert document["state"] == "running"
    assert words["ended"] == "WARN"
    assert {words[name] for name in ("reconnects", "disconnected", "drops", "crc", "fatal")} == {"PASS"}
    assert code == int("FAIL" in words.values())
    assert not (run / "latency_report.json").exists()
    latency = CliRunner().invoke(main, ["latency", str(run), "--json"])
    assert json.loads(latency.stdout)["hb_count"] == document["hb_count"]


def test_a_venue_that_hangs_up_fails_the_gate_of_reconnects(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r1"
    with emulated_kraken(tmp_path, "--fault", "disconnect@1,disconnect@2") as emulated:
        process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1")
        wait_for_text(run / "connections.ndjson", '"event":"open"', 3)
        wait_for_beats(run, 2)
        process.send_signal(signal.SIGTERM)
        finished(process, 0)
    code, document, words = audit(run)
    assert code == 1
    assert (words["reconnects"], words["disconnected"], words["ended"]) == ("FAIL", "FAIL", "PASS")
    assert document["latency"]["reconnects"]["by_reason"].keys() == {"remote_closed"}
    report = json.loads((run / "latency_report.json").read_bytes())
    assert report["reconnects"] == document["latency"]["reconnects"]
