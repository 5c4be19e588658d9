"""``mm analyze`` and ``mm qa``: their words, their numbers, their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bbo_files
import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import main


def mm(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in arguments])


def document(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    bbo_files.bad_day(folder / "bad.csv")
    bbo_files.clean_hour(folder / "hour.csv", step_ms=1000)
    bbo_files.earlier_file(folder / "earlier.csv")
    return folder


def test_the_known_bad_day_is_analyzed_to_its_known_numbers(folder: Path) -> None:
    result = mm("analyze", folder / "bad.csv")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "runs_detected=1" in lines
    assert "mode=latest_run" in lines
    assert any(line.startswith("p50_ms=1306.") for line in lines)
    assert "unsafe=9864 (98.64%)" in lines
    assert lines[-1].startswith("warning: the median age 1306 ms is above 250 ms")


def test_analyze_as_json_has_counts_and_shares(folder: Path) -> None:
    found = document(mm("analyze", folder / "hour.csv", "--json", "--all-runs"))
    assert (found["mode"], found["runs_detected"], found["count"]) == ("all_runs", 1, 3601)
    assert found["normal"] == {"count": 3601, "share": 1.0}
    assert found["max_ms"] == 10.0
    assert found["warnings"] == []


def test_the_limits_of_the_regimes_are_flags_and_must_not_overlap(folder: Path) -> None:
    found = document(
        mm("analyze", folder / "hour.csv", "--normal-max-ms", "8", "--degraded-max-ms", "9", "--json")
    )
    assert (found["normal"]["count"], found["degraded"]["count"], found["unsafe"]["count"]) == (
        900,
        1800,
        901,
    )
    refused = mm("analyze", folder / "hour.csv", "--latency-degraded-max-ms", "9")
    assert refused.exit_code == 2
    assert "degraded_max_ms 9 is below normal_max_ms 20" in refused.stderr


def test_an_earlier_file_is_analyzed_by_its_age(folder: Path) -> None:
    found = document(mm("analyze", "--file", folder / "earlier.csv", "--json"))
    assert (found["runs_detected"], found["p50_ms"], found["count"]) == (1, 12.5, 500)


def test_qa_tells_the_bad_day_and_is_strict_on_demand(folder: Path) -> None:
    result = mm("qa", folder / "bad.csv")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "qa_status=FAIL"
    assert "fail: the venue time goes back in 5.90% of the rows" in lines
    assert "fail: the venue time goes back by up to 19606 ms" in lines
    assert "warning: the median age is 1306 ms" in lines
    strict = mm("qa", folder / "bad.csv", "--strict", "--json")
    assert strict.exit_code == 1
    found = document(strict)
    assert (found["ok"], found["qa_status"]) == (False, "FAIL")
    assert len(found["worst_ages"]) == 10


def test_qa_passes_a_clean_hour_also_when_strict(folder: Path) -> None:
    result = mm("qa", folder / "hour.csv", "--strict")
    assert result.exit_code == 0
    assert {"qa_status=PASS", "runs_detected=1"} <= set(result.stdout.splitlines())
    assert "warning" not in result.stdout


@pytest.mark.parametrize("verb", ["qa", "analyze"])
def test_what_is_no_file_of_best_prices_is_one_line_and_unreadable(tmp_path: Path, verb: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    for path in (other, tmp_path / "absent.csv", tmp_path):
        result = mm(verb, path)
        assert result.exit_code == 4
        assert len(result.stderr.splitlines()) == 1
    assert mm(verb, "--all-runs").exit_code == 2
