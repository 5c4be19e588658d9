"""The check of a file of best prices, on files of known properties."""

from __future__ import annotations

from pathlib import Path

import bbo_files
import numpy as np
import pytest

from mm_framework.quality.bbo_file import BboFile
from mm_framework.quality.file_check import FileReport, check_file
from mm_framework.quality.settings import FileCheckSettings


def check(path: Path, *, all_runs: bool = False, **settings: float) -> FileReport:
    return check_file(BboFile(path), FileCheckSettings(**settings), all_runs=all_runs)


def failed(report: FileReport) -> set[str]:
    return {one.check for one in report.findings if one.result == "FAIL"}


def warned(report: FileReport) -> set[str]:
    return {one.check for one in report.warnings}


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bbo_files.clean_hour(tmp_path_factory.mktemp("bbo") / "hour.csv")


def test_the_bad_day_fails_by_share_and_jump(tmp_path: Path) -> None:
    report = check(bbo_files.bad_day(tmp_path / "bad.csv"))
    assert report.status == "FAIL"
    assert failed(report) == {"backward_share", "backward_jump"}
    assert f"{report.checks['backward']['share']:.2%}" == "5.90%"
    assert report.checks["backward"]["max_jump_ms"] == 19_606
    assert report.ages.p50_ms == pytest.approx(1306, abs=1)
    assert f"{report.ages.unsafe.share:.2%}" == "98.64%"
    assert "p50_ms" in warned(report)


def test_a_clean_hour_with_a_clock_refresh_each_quarter_is_one_run_and_passes(hour: Path) -> None:
    report = check(hour)
    assert (report.status, report.warnings) == ("PASS", ())
    assert (report.runs_detected, report.rows, report.span_s) == (1, 36_001, 3600.0)


def test_three_percent_backward_pass_with_a_warning(tmp_path: Path) -> None:
    report = check(bbo_files.clean_hour(tmp_path / "hour.csv", backward=1206))
    assert f"{report.checks['backward']['share']:.2%}" == "3.35%"
    assert report.status == "PASS"
    assert warned(report) == {"backward_share"}


def test_a_step_back_within_the_tolerance_is_none(tmp_path: Path) -> None:
    recv = bbo_files.times(1000)
    venue = recv.copy()
    venue[500] = venue[499] - 1.0
    venue[700] = venue[699] - 1.001
    lines = bbo_files.rows(recv, venue, recv * 0 + 5, recv - recv[0])
    report = check(bbo_files.write(tmp_path / "one.csv", lines))
    assert report.checks["backward"]["rows"] == 1


def rewritten(path: Path, hour: Path, changes: dict[int, dict[int, str]]) -> Path:
    """The first rows of the hour with cells changed: row -> column -> text."""
    lines = [line.split(",") for line in hour.read_text(encoding="utf-8").splitlines()[1:201]]
    for row, cells in changes.items():
        for column, text in cells.items():
            lines[row][column] = text
    return bbo_files.write(path, lines)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({5: "90010.0", 6: "90009.9"}, {"crossed", "spread"}),
        ({5: "90010.0", 6: "90010.0"}, {"spread"}),
        ({7: "0.00000000"}, {"size"}),
        ({8: "-1"}, {"size"}),
    ],
)
def test_what_no_market_gives_fails(
    tmp_path: Path, hour: Path, cells: dict[int, str], expected: set[str]
) -> None:
    assert failed(check(rewritten(tmp_path / "x.csv", hour, {50: cells}))) == expected


def test_cells_and_lines_that_cannot_be_read_are_counted_and_warned_about(tmp_path: Path, hour: Path) -> None:
    path = rewritten(tmp_path / "x.csv", hour, {10: {5: "1..2"}, 11: {7: "nan"}, 12: {1: " "}})
    with path.open("ab") as file:
        file.write(b"2025-10-09T08:53:20,17600000000")  # the last line is torn
    report = check(path)
    assert report.bad_cells == {"bid": 1, "bid_qty": 1, "recv_ts_ms": 1}
    assert (report.bad_lines, report.rows, report.status) == (1, 200, "PASS")
    assert warned(report) == {"cells", "lines"}


def test_an_empty_cell_is_something_that_the_venue_did_not_say(tmp_path: Path, hour: Path) -> None:
    changes = {row: {2: "", 3: "", 7: "", 9: "", 10: ""} for row in range(100)}
    report = check(rewritten(tmp_path / "x.csv", hour, changes))
    assert (report.bad_cells, report.status) == ({}, "PASS")
    assert (report.ages.count, report.checks["backward"]["of"]) == (100, 100)


def test_repeated_rows_silences_and_stale_rows_are_warnings(tmp_path: Path, hour: Path) -> None:
    lines = [line.split(",") for line in hour.read_text(encoding="utf-8").splitlines()[1:401]]
    late = [f"{float(line[1]) + 61_000:.3f}" for line in lines[200:]]
    for line, text in zip(lines[200:], late, strict=True):
        line[1], line[10] = text, "1000.001"
    lines.append(list(lines[-1]))
    report = check(bbo_files.write(tmp_path / "x.csv", lines))
    assert report.status == "PASS"
    assert warned(report) == {"duplicates", "gaps", "stale", "p50_ms"}
    assert report.checks["duplicates"] == 1
    assert report.checks["gaps"] == {"count": 1, "max_ms": 61_100.0}
    assert report.checks["stale_rows"] == 201


def test_the_ten_worst_ages_name_their_rows(tmp_path: Path, hour: Path) -> None:
    changes = {row: {10: f"{row}.5"} for row in range(100, 112)}
    report = check(rewritten(tmp_path / "x.csv", hour, changes))
    assert [one["row"] for one in report.worst_ages] == list(range(112, 102, -1))
    assert report.worst_ages[0]["age_ms"] == 111.5
    assert report.worst_ages[0]["capture_time_utc"].startswith("2025-10-09T08:53")


def two_runs(path: Path) -> Path:
    recv = bbo_files.times(400)
    e2e = np.concatenate((np.arange(200) * 100.0, np.arange(200) * 100.0))
    venue = recv.copy()
    venue[200:] -= 30_000.0  # between the runs nothing is held against anything
    lines = bbo_files.rows(recv, venue, np.repeat([10.0, 30.0], 200), e2e)
    lines[20][5] = "99999"
    return bbo_files.write(path, lines)


def test_the_latest_run_is_checked_unless_all_are_asked_for(tmp_path: Path) -> None:
    path = two_runs(tmp_path / "two.csv")
    latest, every = check(path), check(path, all_runs=True)
    assert (latest.mode, latest.runs_detected, latest.rows, latest.status) == ("latest_run", 2, 200, "PASS")
    assert (every.mode, every.runs_detected, every.rows) == ("all_runs", 2, 400)
    assert failed(every) == {"crossed", "spread"}
    assert every.checks["backward"]["rows"] == 0


def test_symbols_are_streams_of_their_own(tmp_path: Path) -> None:
    recv = bbo_files.times(300)
    age = recv * 0 + 5
    a = bbo_files.rows(recv, recv, age, recv - recv[0])
    b = bbo_files.rows(recv, recv - 500, age, recv - recv[0], symbol="ETH/EUR")
    lines = [row for pair in zip(a, b, strict=True) for row in pair]
    report = check(bbo_files.write(tmp_path / "two.csv", lines))
    assert report.symbols == ("BTC/EUR", "ETH/EUR")
    assert report.checks["backward"] == {"rows": 0, "of": 600, "share": 0.0, "max_jump_ms": 0.0}
    assert (report.checks["duplicates"], report.status) == (0, "PASS")


def test_a_file_without_rows_fails(tmp_path: Path) -> None:
    report = check(bbo_files.write(tmp_path / "none.csv", []))
    assert (failed(report), report.runs_detected) == ({"rows"}, 0)


def test_the_limits_are_settings(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "hour.csv", backward=1206)
    assert failed(check(path, backward_share_max=0.03)) == {"backward_share"}
    assert warned(check(path, backward_share_warn=0.04)) == set()


def test_the_longest_time_without_a_change(tmp_path: Path) -> None:
    recv = bbo_files.times(100)
    lines = bbo_files.rows(recv, recv, recv * 0, recv - recv[0])
    for line in lines[30:71]:
        line[5:7] = lines[30][5:7]
    report = check(bbo_files.write(tmp_path / "same.csv", lines))
    assert report.checks["unchanged_max_ms"] == 4000.0
