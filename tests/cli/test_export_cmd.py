"""``mm export`` and ``mm capture --sink``: the same files from a live run and from its bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="module")
def data_dir(emulated: Emulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the run ``r1`` and, beside it, what its sinks wrote."""
    folder = tmp_path_factory.mktemp("data")
    with ended_at(folder / "runs" / "r1", 60_000):
        result = invoke(
            folder, "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1",
            "--channel", "book", "--channel", "trade", "--channel", "ticker",
            "--sink", f"bbo-csv={folder / 'live.csv'}",
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return folder


def invoke(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(data_dir)])


def refused(result: Result, exit_code: int, *words: str) -> None:
    assert result.exit_code == exit_code, result.stderr
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.lower().startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert all(word in errors[0] for word in words), errors[0]


def test_a_live_csv_and_an_export_are_the_same_bytes(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.csv"
    result = invoke(data_dir, "export", "r1", "--to", "bbo-csv", "--out", str(out), "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document == {
        "ok": True, "run_id": "r1", "sink": "bbo-csv", "paths": [str(out), f"{out}.session.ndjson"],
    }  # fmt: skip
    live = data_dir / "live.csv"
    assert out.read_bytes() == live.read_bytes()
    assert len(out.read_text().splitlines()) > 20
    session = Path(f"{out}.session.ndjson").read_bytes()
    assert session == live.with_name("live.csv.session.ndjson").read_bytes()


def test_the_settings_of_the_run_stand_in_its_manifest_and_hold_for_the_export(
    emulated: Emulated, tmp_path: Path
) -> None:
    with ended_at(tmp_path / "runs" / "book", 20_000):
        result = invoke(
            tmp_path, "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "book",
            "--channel", "book", "--channel", "ticker",
            "--sink", f"bbo-csv={tmp_path / 'live.csv'}", "--sink-bbo-csv-source", "book",
        )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert (
        invoke(tmp_path, "export", "book", "--to", "bbo-csv", "--out", str(tmp_path / "a.csv")).exit_code == 0
    )
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "live.csv").read_bytes()
    other = invoke(
        tmp_path, "export", "book", "--to", "bbo-csv", "--out", str(tmp_path / "b.csv"),
        "--sink-bbo-csv-source", "ticker",
    )  # fmt: skip
    assert other.exit_code == 0, other.stderr
    assert (tmp_path / "b.csv").read_bytes() != (tmp_path / "a.csv").read_bytes()


def test_an_existing_output_is_refused_and_nothing_else_is_left(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    result = invoke(data_dir, "export", "r1", "--to", "bbo-csv", "--out", str(tmp_path / "x.csv"))
    refused(result, 2, "x.csv exists and is never overwritten", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "mine"


def test_an_existing_session_file_is_refused_too(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv.session.ndjson").write_text("mine")
    result = invoke(data_dir, "export", "r1", "--to", "bbo-csv", "--out", str(tmp_path / "x.csv"))
    refused(result, 2, "x.csv.session.ndjson exists")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv.session.ndjson"]


def test_an_unknown_sink_names_the_near_ones(data_dir: Path, tmp_path: Path) -> None:
    refused(invoke(data_dir, "export", "r1", "--to", "bbo-cvs"), 2, "no sink 'bbo-cvs'", "bbo-csv")


def test_a_run_that_is_not_there_cannot_be_read(data_dir: Path) -> None:
    refused(invoke(data_dir, "export", "r9", "--to", "bbo-csv"), 4, "r9")


@pytest.mark.parametrize("word", ["=x.csv", "bbo-csv=", ""])
def test_a_sink_needs_a_name_and_if_any_a_path(tmp_path: Path, word: str) -> None:
    refused(invoke(tmp_path, "capture", "kraken:BTC/EUR", "--sink", word), 2, "NAME=PATH")


def test_a_sink_that_cannot_be_opened_ends_the_capture_before_it_begins(
    emulated: Emulated, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text("mine")
    result = invoke(
        tmp_path, "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r2",
        "--sink", f"bbo-csv={tmp_path / 'x.csv'}", "--max-seconds", "1",
    )  # fmt: skip
    refused(result, 2, "x.csv exists")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_a_run_that_cannot_be_made_leaves_no_file_of_a_sink(
    emulated: Emulated, data_dir: Path, tmp_path: Path
) -> None:
    result = invoke(
        data_dir, "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1",
        "--sink", f"bbo-csv={tmp_path / 'x.csv'}", "--max-seconds", "1",
    )  # fmt: skip
    refused(result, 2, "r1 exists")
    assert list(tmp_path.iterdir()) == []


def test_events_for_another_tool_are_written_and_described(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "btc.npz"
    wanted = ("export", "r1", "--to", "hftbacktest", "--out", str(out))
    result = invoke(data_dir, *wanted, "--qa", "any", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["paths"] == [str(out)]
    assert document["source"]["instruments"] == ["kraken:BTC/EUR"]
    with np.load(out) as file:
        assert len(file["data"]) == document["rows"] > 100
    refused(invoke(data_dir, *wanted), 2, "never overwritten")


def test_options_of_the_formats_are_refused_for_sinks(data_dir: Path, tmp_path: Path) -> None:
    sink = ("--to", "bbo-csv", "--out", str(tmp_path / "x.csv"))
    refused(invoke(data_dir, "export", "r1", *sink, "--from", "2026-01-01"), 2, "--from", "mm slice")
    refused(invoke(data_dir, "export", *sink), 2, "name its id or path")
    npz = ("--to", "hftbacktest", "--out", str(tmp_path / "x.npz"))
    refused(invoke(data_dir, "export", "r1", "--store", "s", *npz), 2, "exclude one another")
    refused(
        invoke(data_dir, "export", "r1", *npz, "--from", "2026-01-02", "--until", "2026-01-01"), 2, "--until"
    )
    refused(invoke(data_dir, "export", *npz), 4, "store")
    assert list(tmp_path.iterdir()) == []
