"""The shadow gate by hand, at its boundaries, on logs of several runs; and `mm audit --profile shadow`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mm_framework.calibrate.lines import RunLine, TickLine, encode, file_name, iso
from mm_framework.calibrate.shadow import gather, judge
from mm_framework.cli import main
from mm_framework.errors import StoreError

T = 1_795_132_800_000  # 2026-11-20
MINUTE = 60_000


def tick(ts: int, *, fetch: float | None = 0.0, total: float | None = 10.0, **more: Any) -> TickLine:
    given: dict[str, Any] = {"cache_hit": True, "cache_age_ms": 5.0, "deadline_miss": False, **more}
    stages = {"e2e_total": 1.0} if fetch is None else {"e2e_total": 1.0, "fetch_md": fetch}
    return TickLine(ts, iso(ts), "A", stages, {}, total, used_stale=False, **given)


def hour(begin: int = T, last: int = 60 * MINUTE, **more: Any) -> list[TickLine]:
    """101 lines over an hour."""
    return [tick(begin + last * number // 100, **more) for number in range(101)]


def write(folder: Path, lines: list[TickLine], *runs: RunLine) -> Path:
    folder.mkdir(exist_ok=True)
    for line in lines:
        with (folder / file_name("pipeline_ticks", line.ts)).open("ab") as file:
            file.write(encode(line))
    with (folder / "runs.jsonl").open("ab") as file:
        file.writelines(map(encode, runs))
    return folder


def failed(folder: Path, run: str | None = None) -> list[str]:
    return [result.name for result in judge(gather(folder, run)) if result.status != "PASS"]


def test_an_hour_within_all_limits_passes(tmp_path: Path) -> None:
    assert failed(write(tmp_path, hour())) == []


@pytest.mark.parametrize(
    ("lines", "gates"),
    [
        (hour(last=60 * MINUTE - 1), ["minutes"]),
        (hour(fetch=35.0, total=150.0), []),
        (hour(fetch=35.1), ["fetch_md_p95_ms"]),
        (hour(total=150.1), ["tick_total_p95_ms"]),
        (hour(total=None), ["tick_total_p95_ms"]),
        (hour(fetch=None, cache_hit=False, cache_age_ms=None), ["hit_ratio", "fetch_md_p95_ms"]),
        ([*hour()[:71], *hour(cache_hit=False)[71:]], []),
        ([*hour()[:70], *hour(cache_hit=False)[70:]], ["hit_ratio"]),
        ([*hour()[:95], *hour(fetch=40.0)[95:]], ["fetch_md_p95_ms"]),
        ([*hour()[:96], *hour(fetch=40.0)[96:]], []),
        ([*hour()[:2], *hour(deadline_miss=True)[2:3], *hour()[3:]], []),
        ([*hour()[:2], *hour(deadline_miss=True)[2:5], *hour()[5:]], ["deadline_miss_rate"]),
    ],
)
def test_each_limit_is_its_own(tmp_path: Path, lines: list[TickLine], gates: list[str]) -> None:
    write(tmp_path, lines)
    assert failed(tmp_path) == gates


def test_a_run_is_told_from_others_in_its_folder(tmp_path: Path) -> None:
    later = T + 24 * 60 * MINUTE
    write(tmp_path, hour(fetch=99.0), RunLine(T, "bad", "live"))
    write(tmp_path, hour(later), RunLine(later, "good", "live"))
    assert failed(tmp_path, "good") == []
    assert failed(tmp_path, "bad") == ["fetch_md_p95_ms"]
    with pytest.raises(StoreError, match="names no run 'other'; it names bad, good"):
        gather(tmp_path, "other")


def test_torn_lines_are_counted(tmp_path: Path) -> None:
    write(tmp_path, hour())
    with (tmp_path / file_name("pipeline_ticks", T)).open("ab") as file:
        file.write(b'{"ts":17')
    assert (gather(tmp_path).unreadable, gather(tmp_path).lines) == (1, 101)


class TestCommand:
    def told(self, *words: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(main, ["audit", *words, "--profile", "shadow", "--json"])
        return result.exit_code, json.loads(result.stdout) if result.stdout else {}

    def test_a_folder(self, tmp_path: Path) -> None:
        code, document = self.told(str(write(tmp_path, hour())))
        assert (code, document["ok"], document["profile"], document["lines"]) == (0, True, "shadow", 101)
        assert [gate["name"] for gate in document["gates"]] == [
            *("minutes", "hit_ratio", "fetch_md_p95_ms", "tick_total_p95_ms", "deadline_miss_rate")
        ]

    def test_a_run_that_fails_is_1(self, tmp_path: Path) -> None:
        write(tmp_path, hour(fetch=50.0), RunLine(T, "r1", "live"))
        code, document = self.told("r1", "--calibration-feeds-dir", str(tmp_path))
        assert (code, document["ok"], document["run"]) == (1, False, "r1")

    def test_without_a_log_it_is_4_and_says_what_to_do(self, tmp_path: Path) -> None:
        words = ["audit", "r1", "--profile", "shadow", "--calibration-feeds-dir", str(tmp_path)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 4
        assert "run with --calibration-logs" in result.stderr

    def test_it_is_about_one_run(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(main, ["audit", "a", "b", "--profile", "shadow"])
        assert result.exit_code == 2
