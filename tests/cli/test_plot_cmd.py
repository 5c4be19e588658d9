"""``mm plot``: what it draws of each kind of target, what it writes, what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bbo_files
import pytest
import toy_store
from click.testing import CliRunner, Result
from sink_runs import SinkTape

from mm_framework.cli import main
from mm_framework.sinks.day_files import DayFiles

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")


def mm(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in arguments])


def plot(*arguments: str | Path) -> list[dict[str, Any]]:
    """The charts that are told."""
    result = mm("plot", *arguments, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["ok"] is True
    charts: list[dict[str, Any]] = document["charts"]
    assert all(Path(file).stat().st_size > 1000 for chart in charts for file in chart["files"])
    return charts


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    toy_store.build_toy(folder / "store", toy_store.toy_run(folder / "one", disconnect_at=60))
    return folder / "store"


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bbo_files.clean_hour(tmp_path_factory.mktemp("file") / "hour.csv", step_ms=1000)


def test_a_csv_gets_a_picture_and_a_page(csv_file: Path, tmp_path: Path) -> None:
    (chart,) = plot(csv_file, "--out", tmp_path / "out")
    assert (chart["name"], chart["qa_status"], chart["rows"]) == ("BTC/EUR", "PASS", 3601)
    png, page = (Path(file) for file in chart["files"])
    assert png.read_bytes().startswith(b"\x89PNG")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(tmp_path.rglob("*.*")) == sorted([png, page])


def test_format_and_theme_are_chosen(csv_file: Path, tmp_path: Path) -> None:
    for kind in ("png", "html"):
        (chart,) = plot(csv_file, "--out", tmp_path / kind, "--format", kind, "--theme", "dark")
        assert [Path(file).suffix for file in chart["files"]] == [f".{kind}"]
    assert 'data-theme="dark"' in next((tmp_path / "html").iterdir()).read_text(encoding="utf-8")


def test_a_day_is_chosen_by_its_utc_date(csv_file: Path, tmp_path: Path) -> None:
    (chart,) = plot(csv_file, "--out", tmp_path, "--format", "png", "--date", "2025-10-09")
    assert chart["rows"] == 3601
    other = mm("plot", csv_file, "--date", "2025-10-10", "--out", tmp_path / "none", "--json")
    assert (other.exit_code, json.loads(other.stdout)["ok"]) == (4, False)
    assert not (tmp_path / "none").exists()


def test_a_store_has_a_chart_an_instrument(store: Path, tmp_path: Path) -> None:
    charts = plot(store, "--out", tmp_path, "--format", "html")
    assert [one["name"] for one in charts] == ["toy:A/B", "toy:C/D"]
    assert charts[0]["qa_status"] == "QUARANTINE"
    assert charts[0]["marks"] >= 1


@pytest.mark.parametrize("words", [("toy:A/B", "--store", "{store}"), ("{store}", "toy:A/*")])
def test_instruments_of_a_store_are_chosen(store: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    given = [word.format(store=store) for word in words]
    (chart,) = plot(*given, "--out", tmp_path, "--format", "png", "--to", "2023-11-14")
    assert chart["name"] == "toy:A/B"
    assert chart["end_ns"] < toy_store.MIDNIGHT_NS


def test_a_day_folder_has_a_chart(tmp_path: Path) -> None:
    pytest.importorskip("mm_kraken")
    SinkTape.run("kraken", DayFiles(), tmp_path / "days", seconds=5, rate=10.0)
    folder = next((tmp_path / "days").glob("*/*/*/schema.json")).parent
    (chart,) = plot(folder, "--out", tmp_path / "out", "--format", "png")
    assert chart["rows"] > 10


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["{csv}", "toy:A/B"], 2, "recording of its own"),
        (["{csv}", "--store", "x"], 2, "recording of its own"),
        (["{csv}", "--date", "2025-10-09", "--from", "2025-10-09"], 2, "--date excludes"),
        (["{csv}", "--date", "2025-10-09T10"], 2, "give a UTC day"),
        (["{csv}", "--from", "2025-10-10", "--to", "2025-10-09"], 2, "is not before"),
        (["{store}", "toy:X/Y"], 2, "no instrument"),
        (["toy:A/B", "--store", "{missing}"], 4, "no store"),
        (["{missing}"], 4, ""),
        (["{missing}", "--store", "x"], 2, "--store belongs to an instrument"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    csv_file: Path, store: Path, tmp_path: Path, words: list[str], code: int, told: str
) -> None:
    given = [word.format(csv=csv_file, store=store, missing=tmp_path / "no") for word in words]
    result = mm("plot", *given, "--out", tmp_path / "out")
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_extra_it_says_what_to_install(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = mm("plot", csv_file, "--out", tmp_path / "out")
    assert (result.exit_code, "mm-framework[plot]" in result.stderr) == (5, True)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_an_error_of_this_machine(csv_file: Path, tmp_path: Path) -> None:
    (tmp_path / "way").write_text("")
    result = mm("plot", csv_file, "--out", tmp_path / "way" / "out", "--format", "png")
    assert (result.exit_code, "cannot write" in result.stderr) == (5, True)
