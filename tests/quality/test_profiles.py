"""Acceptance profiles: each gate fails by its own fault, with the right numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import bbo_files
import numpy as np
import pytest

from mm_framework.bundle.audit import GateResult
from mm_framework.bundle.bbo_columns import BBO_COLUMNS as COLUMNS
from mm_framework.quality.bbo_file import BboFile
from mm_framework.quality.profiles import PROFILES, FileEvidence, gather_file, judge

HOUR_MS = 3_600_000.0


def quotes_file(
    path: Path, hours: float, count: int, age_ms: Any = 8.0, start_ms: float = bbo_files.START_MS
) -> Path:
    """A clean file of ``count`` rows over ``hours``; ``age_ms``: a number or one a row."""
    recv = start_ms + np.linspace(0, hours * HOUR_MS, count)
    ages = np.broadcast_to(np.asarray(age_ms, dtype=float), count)
    stamp = "2025-10-09T08:53:20.000000+00:00"
    lines = [
        f"{stamp},{one:.3f},{stamp},{one - 8:.3f},BTC/EUR,{90000 + n % 50 / 10:.1f},90010.0,0.5,1.25,8.000,"
        f"{age:.3f},{one - start_ms:.3f}\n"
        for n, (one, age) in enumerate(zip(recv.tolist(), ages.tolist(), strict=True))
    ]
    path.write_text(f"{','.join(COLUMNS)}\n{''.join(lines)}", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> FileEvidence:
    """A day of half a million rows, ages with two long tails that the profile allows."""
    ages = np.full(500_000, 8.0)
    ages[::20], ages[::30] = 90.0, 300.0
    path = quotes_file(tmp_path_factory.mktemp("day") / "day.csv", 24.0, 500_000, ages)
    path.with_name("day.csv.session.ndjson").write_text(session(()), encoding="utf-8")
    return gather_file(BboFile(path))


def session(losses_s: tuple[float, ...]) -> str:
    lines: list[dict[str, Any]] = [{"event": "schema", "version": 1}]
    for at in losses_s:
        lines.append({"event": "connection_lost", "planned": False, "recv_ts_ms": f"{at * 1e3:.3f}"})
    lines.append({"event": "connection_lost", "planned": True, "recv_ts_ms": "1.000"})
    return "".join(f"{json.dumps(line)}\n" for line in lines) + '{"event": "torn'


def failed(results: list[GateResult], word: str = "FAIL") -> set[str]:
    return {one.name for one in results if one.status == word}


def test_a_good_day_passes_every_gate_of_the_day(day: FileEvidence) -> None:
    results = judge(PROFILES["24h"], [day])
    assert {one.status for one in results} == {"PASS"}
    assert day.hours == pytest.approx(24.0)
    assert len(day.hours_p95_ms) == 24
    by_name = {one.name: one for one in results}
    assert (by_name["samples"].value, by_name["samples"].limit) == (500_000, 500_000)
    assert by_name["unsafe"].value == pytest.approx(0.0667, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"count": 499_999}, "samples"),
        ({"p50_ms": 15.001}, "p50_ms"),
        ({"p95_ms": 100.001}, "p95_ms"),
        ({"p99_ms": 400.001}, "p99_ms"),
    ],
)
def test_a_number_beyond_its_limit_fails_its_gate_alone(
    day: FileEvidence, change: dict[str, Any], gate: str
) -> None:
    report = attrs.evolve(day.report, ages=attrs.evolve(day.report.ages, **change))
    assert failed(judge(PROFILES["24h"], [attrs.evolve(day, report=report)])) == {gate}


def test_limits_belong_to_the_good_side(day: FileEvidence) -> None:
    ages = attrs.evolve(day.report.ages, p50_ms=15.0, p95_ms=100.0, p99_ms=400.0)
    short = attrs.evolve(day, first_ms=0.0, last_ms=23.5 * HOUR_MS)
    same = attrs.evolve(short, report=attrs.evolve(day.report, ages=ages))
    assert failed(judge(PROFILES["24h"], [same])) == set()
    assert failed(judge(PROFILES["24h"], [attrs.evolve(same, last_ms=23.5 * HOUR_MS - 60_000)])) == {"hours"}


def test_too_many_unsafe_rows(day: FileEvidence) -> None:
    unsafe = attrs.evolve(day.report.ages.unsafe, share=0.0801)
    report = attrs.evolve(day.report, ages=attrs.evolve(day.report.ages, unsafe=unsafe))
    assert failed(judge(PROFILES["24h"], [attrs.evolve(day, report=report)])) == {"unsafe"}


def test_more_than_one_run_and_a_failed_check(day: FileEvidence) -> None:
    two = attrs.evolve(day, report=attrs.evolve(day.report, runs_detected=2))
    assert failed(judge(PROFILES["24h"], [two])) == {"runs_detected"}
    finding = attrs.evolve(day.report.findings[1], result="FAIL")
    bad = attrs.evolve(day, report=attrs.evolve(day.report, findings=(finding,)))
    assert failed(judge(PROFILES["24h"], [bad])) == {"qa"}


def test_an_hour_twice_as_slow_as_the_median_hour_fails(day: FileEvidence) -> None:
    hours = (*[40.0] * 23, 80.0)
    assert failed(judge(PROFILES["24h"], [attrs.evolve(day, hours_p95_ms=hours)])) == set()
    worse = attrs.evolve(day, hours_p95_ms=(*hours[:-1], 80.001))
    assert failed(judge(PROFILES["24h"], [worse])) == {"worst_hour_p95_ms"}


def test_the_worst_hour_is_found_in_the_rows_of_a_file(tmp_path: Path) -> None:
    """Four hours and a rest of 20 minutes, which is part of the fourth: that one alone has a slow tail."""
    hour, count = 1200, 5200
    ages = np.full(count, 8.0)
    ages[3 * hour :: 10] = 16.0  # a tenth of its rows, so its 95th percentile
    at_limit = gather_file(BboFile(quotes_file(tmp_path / "limit.csv", 4 + 1 / 3, count, ages)))
    assert at_limit.hours_p95_ms == (8.0, 8.0, 8.0, 16.0)
    assert "worst_hour_p95_ms" not in failed(judge(PROFILES["24h"], [at_limit]))
    ages[3 * hour :: 10] = 16.5
    slower = gather_file(BboFile(quotes_file(tmp_path / "slower.csv", 4 + 1 / 3, count, ages)))
    assert slower.hours_p95_ms[-1] == 16.5
    assert "worst_hour_p95_ms" in failed(judge(PROFILES["24h"], [slower]))
    ages[: 2 * hour : 10] = 16.5  # half the hours are like it now: the median is between them
    usual = gather_file(BboFile(quotes_file(tmp_path / "usual.csv", 4 + 1 / 3, count, ages)))
    assert "worst_hour_p95_ms" not in failed(judge(PROFILES["24h"], [usual]))


def test_a_silence_and_repeated_reconnects_are_red_flags(day: FileEvidence) -> None:
    odd = attrs.evolve(day, silences=1, longest_silence_s=60.001, losses_s=(0.0, 5000.0))
    results = judge(PROFILES["24h"], [odd])
    assert failed(results) == set()
    assert failed(results, "WARN") == {"silence_s", "reconnect_loop"}
    once = attrs.evolve(day, losses_s=(5.0,))
    assert failed(judge(PROFILES["24h"], [once]), "WARN") == set()


def test_three_losses_in_ten_minutes_are_a_loop(day: FileEvidence) -> None:
    loop = attrs.evolve(day, losses_s=(0.0, 300.0, 599.0))
    assert failed(judge(PROFILES["24h"], [loop])) == {"reconnect_loop"}
    slower = attrs.evolve(day, losses_s=(0.0, 300.0, 600.0))
    assert failed(judge(PROFILES["24h"], [slower])) == set()


def test_an_hour_needs_58_minutes_and_its_part_of_the_samples(tmp_path: Path) -> None:
    count = PROFILES["1h"].least_samples
    good = gather_file(BboFile(quotes_file(tmp_path / "a.csv", 59 / 60, count)))
    assert failed(judge(PROFILES["1h"], [good])) == set()
    assert failed(judge(PROFILES["1h"], [good]), "N/A") == {"reconnect_loop"}
    poor = gather_file(BboFile(quotes_file(tmp_path / "b.csv", 57.9 / 60, count - 1)))
    assert failed(judge(PROFILES["1h"], [poor])) == {"hours", "samples"}


def test_a_week_is_seven_days_that_each_pass_with_little_between_them(day: FileEvidence) -> None:
    day_ms = 24 * HOUR_MS
    week = [attrs.evolve(day, first_ms=n * day_ms, last_ms=(n + 1) * day_ms) for n in range(7)]
    assert failed(judge(PROFILES["7d"], week)) == set()
    assert failed(judge(PROFILES["7d"], week[:6])) == {"files"}
    holes = [attrs.evolve(one, last_ms=one.last_ms - 0.35 * HOUR_MS) for one in week]
    assert failed(judge(PROFILES["7d"], holes)) == {"uptime"}
    silent = [attrs.evolve(one, silent_s=900.0) for one in week]
    assert failed(judge(PROFILES["7d"], silent)) == {"uptime"}
    results = judge(PROFILES["7d"], week)
    assert len(results) == 7 * 11 + 2


def test_hours_silences_and_losses_are_read_from_the_files(tmp_path: Path) -> None:
    count = 9001
    ages = np.repeat([5.0, 30.0, 7.0], count // 3 + 1)[:count]
    path = quotes_file(tmp_path / "x.csv", 2.6, count, ages)
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(text[:4000] + text[4100:]), encoding="utf-8")
    path.with_name("x.csv.session.ndjson").write_text(session((10.5,)), encoding="utf-8")
    found = gather_file(BboFile(path))
    assert found.hours == pytest.approx(2.6)
    assert found.hours_p95_ms == (30.0, 30.0, 7.0)
    assert (found.silences, found.losses_s) == (1, (10.5,))
    assert found.longest_silence_s == found.silent_s == pytest.approx(2.6 * 3600 / 9000 * 101, abs=0.01)


def test_a_file_without_rows_fails(tmp_path: Path) -> None:
    found = gather_file(BboFile(bbo_files.write(tmp_path / "none.csv", [])))
    assert {"runs_detected", "qa", "hours", "samples", "p50_ms"} <= failed(judge(PROFILES["1h"], [found]))
