"""``mm verify``, ``inspect``, ``slice`` and ``recover``: one document, one line for errors, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy_venue as toy
from click.testing import CliRunner, Result

from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.plugins import Plugins


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the runs ``good`` and ``gap``; neither is changed by a test."""
    data = tmp_path_factory.mktemp("data")
    toy.write_toy_run(data / "runs" / "good", {0: toy.toy_session(steps=60, checkpoint_every=30)})
    toy.write_toy_run(data / "runs" / "gap", {0: toy.toy_session(steps=60, disconnect_at=30)})
    return data


def mm(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(data)])


def document(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_verify_says_yes_with_the_documented_keys(data: Path) -> None:
    result = mm(data, "verify", "good", "--json")
    assert result.exit_code == 0, result.output
    told = document(result)
    assert told["ok"] is True
    for key in ("frames", "gaps", "epochs", "crossed", "fallback_frames", "unproved_channels"):
        assert key in told
    assert set(told["totals"]) == {"records", "errors", "crc_mismatch"}
    assert set(told["checksums"]) == {"verified", "failed"}
    book = told["instruments"]["toy:A/B"]
    assert {"bid", "ask", "bid_size", "ask_size", "book_digest"} <= set(book)
    assert all(isinstance(book[key], str) for key in ("bid", "ask", "bid_size", "ask_size"))


def test_verify_takes_a_path_and_answers_to_its_earlier_names(data: Path) -> None:
    assert mm(data / "elsewhere", "verify", str(data / "runs" / "good")).exit_code == 0
    assert mm(data, "capture-verify", "good", "--summary-only").exit_code == 0


@pytest.mark.parametrize(
    "verb", ["capture-verify", "capture-audit", "capture-latency-report", "capture-inspect"]
)
def test_the_earlier_flag_names_the_run(data: Path, verb: str) -> None:
    path = str(data / "runs" / "good")
    plain, earlier = mm(data, verb, path, "--json"), mm(data, verb, "--run-dir", path, "--json")
    assert (earlier.exit_code, earlier.stdout) == (plain.exit_code, plain.stdout)
    assert document(earlier)["run_id"] == "good"
    both = mm(data, verb, path, "--run-dir", path)
    assert both.exit_code == 2
    assert "RUN and --run-dir both name the recording" in both.stderr
    nothing = mm(data, verb)
    assert nothing.exit_code == 2


def test_slice_takes_the_earlier_flag(data: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "cut")
    good = str(data / "runs" / "good")
    result = mm(
        data, "capture-slice", "--run-dir", good, "--from-index", "29", "--to-index", "39", "--out", out
    )
    assert result.exit_code == 0, result.stderr


def test_verify_says_no_and_names_the_frame(data: Path) -> None:
    result = mm(data, "verify", "gap")
    assert result.exit_code == 1
    assert "continuity is lost, RESET" in result.stdout
    assert "gap: NOT OK: 1 failures" in result.stdout
    assert document(mm(data, "verify", "gap", "--json"))["failures"][0]["reason"] == "RESET"


def test_a_summary_leaves_out_single_instruments_and_failures(data: Path) -> None:
    told = document(mm(data, "verify", "gap", "--json", "--summary-only"))
    assert "instruments" not in told
    assert "failures" not in told
    assert told["n_failures"] == 1
    assert "RESET" not in mm(data, "verify", "gap", "--summary-only").stdout


@pytest.mark.parametrize("verb", ["verify", "inspect", "recover"])
def test_what_is_no_bundle_is_one_line_and_exit_code_4(data: Path, verb: str) -> None:
    result = mm(data, verb, "absent", "--json")
    assert result.exit_code == 4
    assert document(result)["exit_code"] == 4
    assert result.stderr.count("\n") == 1
    assert "there is no run bundle" in result.stderr


def test_a_run_of_a_venue_without_plugin_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", Plugins(()))
    result = mm(data, "verify", "good")
    assert result.exit_code == 2
    assert "there is no venue 'toy' among the installed plugins" in result.stderr


def test_inspect_tells_what_a_bundle_holds(data: Path) -> None:
    told = document(mm(data, "inspect", "good", "--json"))
    assert told["kinds"]["control"]["records"] == 2
    assert told["records"] == sum(kind["records"] for kind in told["kinds"].values())
    assert told["shards"][0]["first_wall"].startswith("2023-11-14T22:13:20.001")
    text = mm(data, "inspect", "good").stdout
    assert "toy:A/B" in text
    assert "checkpoint" in text


def test_inspect_shows_records_by_kind_from_an_index_on(data: Path) -> None:
    told = document(
        mm(
            data,
            "inspect",
            "good",
            "--records",
            "--kind",
            "frame",
            "--from-index",
            "20",
            "--limit",
            "3",
            "--json",
        )
    )
    assert [record["kind"] for record in told["records"]] == ["frame"] * 3
    assert told["records"][0]["index"] >= 20
    assert json.loads(told["records"][0]["text"])
    text = mm(data, "inspect", "good", "--records", "--kind", "sent").stdout
    assert '"op":"sub"' in text


def test_inspect_shows_rows(data: Path) -> None:
    told = document(mm(data, "inspect", "good", "--rows", "--limit", "8", "--json"))
    assert len(told["rows"]) == 8
    levels = [row for row in told["rows"] if row["kind"] == "level"]
    assert levels[0]["instrument"] == "toy:A/B"
    assert isinstance(levels[0]["price"], str)
    assert "snapshot_start" in mm(data, "inspect", "good", "--rows", "--limit", "8").stdout


def test_slice_cuts_by_time_index_and_mono(data: Path, tmp_path: Path) -> None:
    for number, bounds in enumerate(
        (
            ("--from", "2023-11-14T22:13:20.030Z", "--to", "2023-11-14T22:13:20.040Z"),
            ("--from-index", "29", "--to-index", "39"),
            ("--from-mono", "1030000000", "--to-mono", "1040000000"),
        )
    ):
        out = tmp_path / f"part{number}"
        result = mm(data, "slice", "good", "--out", str(out), *bounds, "--json")
        assert result.exit_code == 0, result.output
        assert document(result) == {"ok": True, "run": str(out), "records": 10}
        assert mm(data, "verify", str(out)).exit_code == 0


@pytest.mark.parametrize(
    "bounds", [(), ("--from-index", "1", "--to-mono", "5"), ("--from", "2023-11-14", "--from-index", "1")]
)
def test_slice_needs_one_kind_of_range(data: Path, tmp_path: Path, bounds: tuple[str, ...]) -> None:
    result = mm(data, "slice", "good", "--out", str(tmp_path / "part"), *bounds)
    assert result.exit_code == 2
    assert "give one range" in result.stderr


def test_slice_refuses_a_bad_name_and_a_bad_time(data: Path) -> None:
    assert (
        "run id 'con' cannot be used" in mm(data, "slice", "good", "--out", "con", "--from-index", "1").stderr
    )
    result = mm(data, "slice", "good", "--out", "part", "--from", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is not ISO 8601" in result.stderr


def test_recover_tells_what_it_cut(tmp_path: Path) -> None:
    path = toy.write_toy_run(tmp_path / "runs" / "r", {0: toy.toy_session(steps=20)}, state="running")
    log = path / "capture" / "shard_00.frames"
    log.write_bytes(log.read_bytes()[:-1])
    result = mm(tmp_path, "recover", "r")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("r: running -> recovered\ncut ")
    again = document(mm(tmp_path, "recover", "r", "--json"))
    assert again["rewritten"] == []
    assert again["lost_bytes"] > 0
    whole = toy.write_toy_run(tmp_path / "runs" / "w", {0: toy.toy_session(steps=20)})
    assert "nothing was lost" in mm(tmp_path, "recover", str(whole)).stdout
