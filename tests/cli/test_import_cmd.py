"""``mm import``: one document, one line for errors, exit codes; nothing half-made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import data_sets
import pytest
import toy_venue as toy
from click.testing import CliRunner, Result

from mm_framework import __version__
from mm_framework.bundle.run import open_run
from mm_framework.cli import main
from mm_framework.cli.app import App


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording without receive times: a snapshot, changes, a frame of nothing that we know."""
    market = toy.ToyMarket("A/B", seed=4)
    frames = [market.snapshot(), *(market.step() for _ in range(20)), b'{"ch":"news"}']
    path = tmp_path / "frames"
    path.write_bytes(b"\n".join(frames) + b"\n")
    return path


def mm(tmp_path: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--data-dir", str(tmp_path / "data")])


def document(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def runs(tmp_path: Path) -> list[str]:
    folder = tmp_path / "data" / "runs"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_a_recording_becomes_a_run_that_verifies(tmp_path: Path, recording: Path) -> None:
    result = mm(tmp_path, "import", recording, "--venue", "toy", "--out", "first")
    assert result.exit_code == 0, result.output
    assert "first: 26 records, 22 frames (21 data, 0 control, 0 heartbeats, 1 unknown" in result.stdout
    assert "instruments: toy:A/B" in result.stdout
    assert "untimed" in result.stdout
    assert "next: mm verify" in result.stdout
    verified = mm(tmp_path, "verify", "first", "--json")
    assert verified.exit_code == 0
    assert document(verified)["checksums"] == {"verified": 21, "failed": 0}


def test_the_document_says_what_came_of_it_and_the_manifest_who_made_it(
    tmp_path: Path, recording: Path
) -> None:
    result = mm(tmp_path, "import", recording, "--venue", "toy", "--out", "first", "--json")
    told = document(result)
    assert told["ok"] is True
    assert told["run_id"] == "first"
    assert told["records"] == 26
    assert told["instruments"] == ["toy:A/B"]
    assert told["untimed"] is True
    assert told["steps_back"] == 0
    assert told["counts"]["unknown"] == 1
    manifest = open_run(Path(told["path"])).manifest
    assert manifest.state == "imported"
    assert manifest.made_by == f"mm-framework {__version__}"
    assert manifest.config["data"]["dir"]["origin"] == "flag --data-dir"


def test_options_reach_the_import(tmp_path: Path, recording: Path) -> None:
    rule = "fixed:1700000000000000000"
    result = mm(
        tmp_path, "import", recording, "--venue", "toy", "--out", tmp_path / "elsewhere" / "named",
        "--format", "raw", "--symbol", "toy:A/B", "--assume-receive", rule, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    run = open_run(tmp_path / "elsewhere" / "named")
    assert run.manifest.assume_receive == rule
    assert (run.manifest.source or {})["symbols"] == ["toy:A/B"]
    assert document(result)["untimed"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--venue", "toy"], 2, "name the new run with --out"),
        (["--out", "x"], 2, "name the venue that was recorded with --venue"),
        (["--venue", "moon", "--out", "x"], 2, "there is no venue 'moon' among the installed plugins"),
        (["--venue", "toy", "--out", "../x/.."], 2, "cannot be used"),
        (["--venue", "toy", "--out", "x", "--format", "tar"], 2, "'tar' is not one of 'auto', 'raw'"),
        (["--venue", "toy", "--out", "x", "--format", "log"], 4, "frames, line 1: no line of format log"),
        (["--venue", "toy", "--out", "x", "--symbol", "C/D"], 2, "the recording has no data of toy:C/D"),
        (["--venue", "toy", "--out", "x", "--symbol", "mars:A/B"], 2, "not of venue toy"),
        (["--venue", "toy", "--out", "x", "--assume-receive", "noon"], 2, "expected venue, or fixed:NS"),
        (["--venue", "toy", "--out", "x", "--assume-receive", "venue"], 2, "has a venue time"),
    ],
)
def test_what_cannot_be_imported_is_one_line_an_exit_code_and_no_run(
    tmp_path: Path, recording: Path, arguments: list[str], code: int, line: str
) -> None:
    result = mm(tmp_path, "import", recording, *arguments)
    assert result.exit_code == code, result.output
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
    assert runs(tmp_path) == []


def test_a_file_that_is_not_there_is_unreadable_input(tmp_path: Path) -> None:
    result = mm(tmp_path, "import", tmp_path / "nothing", "--venue", "toy", "--out", "x", "--json")
    assert result.exit_code == 4
    assert document(result)["exit_code"] == 4


def test_an_existing_run_is_refused(tmp_path: Path, recording: Path) -> None:
    assert mm(tmp_path, "import", recording, "--venue", "toy", "--out", "first").exit_code == 0
    result = mm(tmp_path, "import", recording, "--venue", "toy", "--out", "first")
    assert result.exit_code == 2
    assert "exists and is never overwritten" in result.stderr
    assert runs(tmp_path) == ["first"]


def test_a_data_set_says_itself_whose_it_is(tmp_path: Path) -> None:
    trades = data_sets.gz(tmp_path / "trades.csv.gz", data_sets.TRADE_HEADER, data_sets.trade_lines(5))
    result = mm(tmp_path, "import", trades, "--format", "tardis-csv", "--out", "first", "--json")
    told = document(result)
    assert told["instruments"] == ["deribit:BTC-PERPETUAL"]
    assert told["counts"]["trades"] == 5
    renamed = mm(
        tmp_path, "import", trades, "--format", "tardis-csv", "--venue", "toy", "--out", "again", "--json"
    )
    assert document(renamed)["instruments"] == [toy.ToyAdapter().instrument_id("BTC-PERPETUAL")]
    assert mm(tmp_path, "verify", "first").exit_code == 0


def test_a_recording_needs_its_venue_and_a_damaged_zip_is_unreadable_input(
    tmp_path: Path, recording: Path
) -> None:
    missing = mm(tmp_path, "import", recording, "--out", "first")
    assert missing.exit_code == 2
    assert "name the venue that was recorded with --venue" in missing.stderr
    name = "BTCUSDT-aggTrades-2026-11-01"
    path = data_sets.archive(tmp_path / "spot", name, [f"1,1.5,1,1,1,{data_sets.T0_US},True,True"])
    path.with_name(f"{name}.zip.CHECKSUM").write_text(f"{'0' * 64}  {name}.zip\n")
    result = mm(tmp_path, "import", path, "--format", "binance-zip", "--out", "first")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert "its .CHECKSUM says 000000000000" in result.stderr
    assert runs(tmp_path) == []


def test_candles_become_files_of_the_day_folders(tmp_path: Path) -> None:
    line = f"{data_sets.T0_US},4.15,4.16,4.14,4.155,539.23,{data_sets.T0_US + 1},2240.39,13,401.82,1669.98,0"
    zipped = data_sets.archive(tmp_path / "in", "BTCUSDT-1m-2023-11", [line])
    told = document(mm(tmp_path, "import", zipped, "--format", "binance-zip", "--venue", "binance", "--json"))
    (path,) = told["paths"]
    assert told["candles"] == 1
    assert Path(path) == tmp_path / "data/binance/BTCUSDT/20231115/history/candles_1m_BTCUSDT_20231115.csv.gz"
    assert Path(path).is_file()
    trades = data_sets.archive(tmp_path / "in", "BTCUSDT-trades-2023-11", ["1,1,1,1,1,True"])
    mixed = mm(tmp_path, "import", zipped, trades, "--format", "binance-zip", "--venue", "binance")
    assert mixed.exit_code == 2
    assert "import them apart" in mixed.stderr
    assert runs(tmp_path) == []
