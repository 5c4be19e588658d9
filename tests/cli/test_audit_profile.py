"""``mm audit --profile``: over files of best prices, and over a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bbo_files
import pytest
from click.testing import CliRunner, Result
from processes import Emulated, emulated_kraken, ended_at

from mm_framework.cli import main

pytest.importorskip("mm_kraken")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_kraken(tmp_path_factory.mktemp("emulator"), "--rate", "50") as running:
        yield running


def mm(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in arguments])


def statuses(result: Result) -> dict[str, str]:
    document: dict[str, Any] = json.loads(result.stdout)
    return {gate["name"]: gate["status"] for gate in document["gates"]}


def test_an_hour_of_a_file_passes_and_its_capture_is_not_applicable(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "hour.csv")
    result = mm("audit", path, "--profile", "1h", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["ok"], document["profile"], document["capture"]) == (True, "1h", "not applicable")
    found = statuses(result)
    assert {name for name, word in found.items() if word == "N/A"} == {"capture", "reconnect_loop"}
    assert document["files"][0]["qa_status"] == "PASS"
    shown = mm("gate", path, "--profile", "1h")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1] == "profile 1h: PASS"


def test_a_bad_day_fails_with_its_gates_named(tmp_path: Path) -> None:
    path = bbo_files.bad_day(tmp_path / "bad.csv")
    result = mm("audit", path, "--profile", "24h")
    assert result.exit_code == 1
    last = result.stdout.splitlines()[-1]
    assert last == "profile 24h: FAIL: qa, hours, samples, p50_ms, p95_ms, p99_ms, unsafe"


def test_a_week_takes_seven_files(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "hour.csv", step_ms=10_000)
    result = mm("audit", path, path, "--profile", "7d", "--json")
    assert result.exit_code == 1
    assert statuses(result)["files"] == "FAIL"


def test_a_bundle_is_judged_by_the_gates_of_its_capture_and_by_what_it_recorded(
    emulated: Emulated, tmp_path: Path
) -> None:
    with ended_at(tmp_path / "runs" / "r1", 20_000):
        made = mm(
            "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1",
            "--channel", "ticker", "--data-dir", tmp_path,
        )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    result = mm("audit", "r1", "--profile", "1h", "--data-dir", tmp_path, "--json")
    assert result.exit_code == 1
    found = statuses(result)
    assert {"heartbeat_gaps", "crc", "fatal", "reconnects"} <= set(found)
    assert (found["hours"], found["samples"]) == ("FAIL", "FAIL")
    assert (found["runs_detected"], found["qa"], found["reconnect_loop"]) == ("PASS", "PASS", "PASS")
    document = json.loads(result.stdout)
    assert document["files"][0]["count"] > 20
    assert document["files"][0]["file"] == str(tmp_path / "runs" / "r1")
    assert [one["run_id"] for one in document["capture"]] == ["r1"]


def test_without_a_profile_one_run_is_named(tmp_path: Path) -> None:
    assert mm("audit", "--data-dir", tmp_path).exit_code == 2
    assert mm("audit", "a", "b", "--data-dir", tmp_path).exit_code == 2
    absent = mm("audit", "absent", "--profile", "1h", "--data-dir", tmp_path)
    assert absent.exit_code == 4
