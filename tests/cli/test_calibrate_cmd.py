"""``mm calibrate dataset`` and ``summary``: files, flags, exit codes, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mm_framework.calibrate.lines import TickLine, encode, file_name, iso
from mm_framework.cli import main

T = 1_795_132_800_000  # 2026-11-20
RANGE = ("--from-ts", "2026-11-20", "--to-ts", "2026-11-20T00:10:00")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["calibrate", *arguments])


def logged(folder: Path, *symbols: str) -> Path:
    folder.mkdir()
    with (folder / file_name("pipeline_ticks", T)).open("wb") as file:
        for number in range(60):
            for symbol in symbols:
                at = T + number * 1000
                file.write(encode(TickLine(at, iso(at), symbol, {}, {}, 5.0, True, 1.0, False, False)))
    return folder


def test_a_data_set_and_its_summary_are_written(tmp_path: Path) -> None:
    feeds = logged(tmp_path / "feeds", "A", "B", "C")
    out = ("--feeds-dir", str(feeds), "--output-dir", str(tmp_path / "sets"))
    result = invoke("dataset", *RANGE, "--interval-sec", "60", "--symbols", "A,B", *out, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    path = tmp_path / "sets" / "calib_20261120_000000_20261120_001000.json"
    assert told == {
        "ok": True,
        "path": str(path),
        "intervals": 2,
        "total_intervals": 20,
        "filtered_count": 18,
        "filtered": {"too_few_ticks": 18},
    }
    assert json.loads(path.read_text())["symbols"] == ["A", "B"]
    again = path.read_bytes()
    for symbols in (("--symbols", "A", "--symbols", "B"), ("--symbols", "A", "B"), ("--symbols=A", "B")):
        path.unlink()
        assert invoke("dataset", *RANGE, *symbols, "--interval-sec", "60", *out).exit_code == 0
        assert path.read_bytes() == again, "the same logs give the same bytes"
    shown = invoke("summary", str(path), "--output-dir", str(tmp_path / "reports"))
    assert shown.exit_code == 0, shown.stderr
    report = tmp_path / "reports" / "calib_summary_calib_20261120_000000_20261120_001000.md"
    assert "2 of 20 intervals are kept" in report.read_text()
    assert report.read_text() in shown.stdout


def test_nothing_kept_is_a_no(tmp_path: Path) -> None:
    feeds = logged(tmp_path / "feeds", "A")
    where = ("--feeds-dir", str(feeds), "--output-dir", str(tmp_path / "sets"))
    result = invoke("dataset", "--from-ts", "2026-11-20T12:00", "--to-ts", "2026-11-20T13:00", *where)
    assert result.exit_code == 1
    assert "0 of 0 intervals kept" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("dataset", "--from-ts", "2026-11-21", "--to-ts", "2026-11-20"), 2, "is not before"),
        (("dataset", *RANGE, "A", "--symbols", "B"), 2, "unexpected extra argument (A)"),
        (("dataset", "--from-ts", "noon", "--to-ts", "2026-11-20"), 2, "ISO 8601"),
        (("dataset", *RANGE, "--feeds-dir", "nowhere"), 4, "--calibration-logs"),
        (("summary", "nowhere.json"), 4, "is no data set"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == exit_code
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert words in line
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
