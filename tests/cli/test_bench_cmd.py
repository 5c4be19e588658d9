"""``mm bench`` against a real emulator: the figures are there; how good they are is not a test's matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm_framework.bundle.run import open_run
from mm_framework.cli import main


def test_each_rate_gives_a_row_and_the_bundle_can_be_kept(tmp_path: Path) -> None:
    arguments = ["bench", "--rate", "50", "--rate", "200", "--seconds", "2", "--keep", "--json"]
    result = CliRunner().invoke(main, [*arguments, "--data-dir", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["ok"], document["venue"], document["transport"]) == (True, "kraken", "websockets")
    slow, fast = document["rates"]
    assert fast["asked"] == 4 * slow["asked"]
    assert fast["frames_per_s"] > slow["frames_per_s"] > 0
    for row in (slow, fast):
        assert row["seconds"] == pytest.approx(2, abs=1.2)
        assert (row["gaps"], row["checksums_failed"], row["reconnects"]) == (0, 0, 0)
        assert row["cpu_us_per_frame"] > 0
        for name in ("recv_to_parsed_ms", "recv_to_applied_ms"):
            stage = row["stages"][name]
            assert 0 < stage["p50"] <= stage["p99"] <= stage["max"]
        assert row["loop_lag_ms"]["max"] >= row["loop_lag_ms"]["p50"]
    runs = sorted(Path(document["folder"]).iterdir())
    assert [run.name for run in runs] == ["rate-1", "rate-2"]
    assert open_run(runs[1]).manifest.state == "complete"


def test_the_table_is_for_people_and_nothing_is_left_behind(tmp_path: Path) -> None:
    arguments = ["capture-bench", "--rate", "50", "--seconds", "2", "--data-dir", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    assert "capture of an emulated kraken over websockets" in result.stdout
    assert "CPU us/frame" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_venue_that_nobody_emulates_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "--venue", "nowhere", "--data-dir", str(tmp_path)])
    assert result.exit_code in (2, 5)
    assert "nowhere" in result.stderr
    assert list(tmp_path.iterdir()) == []
