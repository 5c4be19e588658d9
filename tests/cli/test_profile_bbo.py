"""``mm capture --profile bbo``: the collector of best prices, with the names of the earlier one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from processes import Emulated, emulated_kraken

from mm_framework.bundle.bbo_columns import BBO_COLUMNS as COLUMNS
from mm_framework.bundle.run import open_run
from mm_framework.cli import main
from mm_framework.quality.bbo_file import BboFile
from mm_framework.quality.file_check import check_file

pytest.importorskip("mm_kraken")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_kraken(tmp_path_factory.mktemp("emulator"), "--rate", "50") as running:
        yield running


def capture(emulated: Emulated, data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main,
        [
            "capture", "--profile", "bbo", "--endpoint", emulated.endpoint, "--data-dir", str(data_dir),
            "--max-seconds", "6", *arguments,
        ],
    )  # fmt: skip


def test_with_nothing_but_the_profile_the_csv_of_btc_eur_is_written_and_its_ages_are_told(
    emulated: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = capture(emulated, tmp_path / "data", "--summary-every", "1")
    assert result.exit_code == 0, result.stderr
    (path,) = tmp_path.glob("kraken_bbo_latency_*.csv")
    file = BboFile(path)
    report = check_file(file)
    assert file.header == COLUMNS
    assert (report.status, report.runs_detected, report.symbols) == ("PASS", 1, ("BTC/EUR",))
    assert report.rows > 50
    told = [json.loads(line) for line in result.stderr.splitlines() if '"event": "ages"' in line]
    assert len(told) >= 4
    assert told[-1]["count"] == report.rows
    assert told[-1]["p50_ms"] == pytest.approx(report.ages.p50_ms, abs=0.01)
    assert path.with_name(f"{path.name}.session.ndjson").exists()


def test_the_earlier_flags_and_an_out_file_are_taken(emulated: Emulated, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = capture(
        emulated, tmp_path / "data", "--sink", f"bbo-csv={out}", "--run-id", "r1",
        "--offset-refresh-seconds", "600", "--max-abs-clock-offset-ms", "1500",
        "--max-offset-jump-ms", "400", "--symbol", "btc/eur",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    clock = open_run(tmp_path / "data" / "runs" / "r1").manifest.config["clock"]
    names = ("offset_refresh_s", "max_abs_offset_ms", "max_offset_jump_ms")
    assert [clock[name]["value"] for name in names] == [600.0, 1500.0, 400.0]
    assert check_file(BboFile(out)).symbols == ("BTC/EUR",)
    again = capture(emulated, tmp_path / "data", "--sink", f"bbo-csv={out}", "--run-id", "r2")
    assert again.exit_code == 2
    assert "exists and is never overwritten" in again.stderr
