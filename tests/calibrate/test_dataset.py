"""Intervals from logs: targets and features by hand, filters with their reasons, grids, damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mm_framework.calibrate.dataset import Cut, Wanted, build, name_of
from mm_framework.calibrate.lines import FillLine, RunLine, TickLine, encode, file_name, iso
from mm_framework.calibrate.summary import read_dataset, summary
from mm_framework.errors import StoreError

T = 1_795_132_800_000  # 2026-11-20
SECOND = 1000
WANTED = Wanted(T, T + 600 * SECOND)


def tick(ts: int, symbol: str = "A", **more: Any) -> TickLine:
    given: dict[str, Any] = {
        "tick_total_ms": 10.0,
        "cache_hit": True,
        "cache_age_ms": 5.0,
        "used_stale": False,
        "deadline_miss": False,
        **more,
    }
    return TickLine(ts=ts, ts_iso=iso(ts), symbol=symbol, stage_latencies={}, stage_p95_ms={}, **given)


def fill(
    ts: int, side: str, price: float, qty: float, mid: float, symbol: str = "A", **more: Any
) -> FillLine:
    given: dict[str, Any] = {"maker": True, "taker": False, "slip_bps": -1.0, "fee": 0.0, **more}
    return FillLine(
        ts=ts,
        ts_iso=iso(ts),
        symbol=symbol,
        side="BUY" if side == "BUY" else "SELL",
        price=price,
        qty=qty,
        queue_pos_est=None,
        quote_price=price,
        mid_at_quote=mid,
        mid_now=mid,
        spread_at_quote_bps=1.0,
        latency_ms=1.0,
        **given,
    )


def write(folder: Path, *lines: FillLine | TickLine) -> Path:
    for line in lines:
        kind = "fills" if isinstance(line, FillLine) else "pipeline_ticks"
        with (folder / file_name(kind, line.ts)).open("ab") as file:
            file.write(encode(line))
    return folder


def ticks(
    count: int = 20, begin: int = T, step: int = 1000, symbol: str = "A", **more: Any
) -> list[TickLine]:
    return [tick(begin + number * step, symbol, **more) for number in range(count)]


def test_an_interval_by_hand(tmp_path: Path) -> None:
    write(
        tmp_path,
        fill(T + 1000, "BUY", 100.0, 2.0, 101.0, fee=0.5),
        fill(T + 2000, "SELL", 104.0, 1.0, 103.0, maker=False, taker=True, slip_bps=4.0, fee=1.0),
        *ticks(19, quotes=1),
        tick(T + 19_000, tick_total_ms=90.0, cache_hit=False, cache_age_ms=None, used_stale=True, quotes=1),
    )
    (one,) = build(tmp_path, WANTED)["intervals"]
    # buy: 2 (101 - 100) = 2; held: 2 (103 - 101) = 4; sell: -1 (103 - 104) = 1; fees 1.5; turnover 304
    assert one["targets"] == {
        "net_bps": pytest.approx(1e4 * 5.5 / 304),
        "slippage_bps": 1.5,
        "fill_rate": 2 / 20,
        "taker_share": 0.5,
    }
    assert one["features"] == {
        "latency_p95_ms": 10.0,
        "cache_hit_ratio": 0.95,
        "cache_age_avg_ms": 5.0,
        "deadline_miss_rate": 0.0,
        "stale_rate": 0.05,
    }
    assert one["sample_count"] == {"fills": 2, "ticks": 20}
    assert (one["symbol"], one["interval_start"], one["interval_end"], one["interval_sec"]) == (
        *("A", "2026-11-20T00:00:00Z", "2026-11-20T00:05:00Z"),
        300,
    )


def test_without_fills_and_quotes_targets_are_null(tmp_path: Path) -> None:
    (one,) = build(write(tmp_path, *ticks()), WANTED)["intervals"]
    assert set(one["targets"].values()) == {None}


def test_a_position_is_carried_into_the_next_interval(tmp_path: Path) -> None:
    later = T + 300 * SECOND
    write(
        tmp_path,
        fill(T, "BUY", 100.0, 1.0, 100.0),
        fill(later, "SELL", 110.0, 1.0, 110.0),
        *ticks(),
        *ticks(begin=later),
    )
    first, second = build(tmp_path, WANTED, [])["intervals"]
    assert first["targets"]["net_bps"] == 0.0
    assert second["targets"]["net_bps"] == pytest.approx(1e4 * 10 / 110)


def write_runs(folder: Path, *starts: int) -> None:
    lines = [encode(RunLine(at, f"r{number}", "live")) for number, at in enumerate(starts)]
    (folder / "runs.jsonl").write_bytes(b"".join(lines))


def test_a_run_begins_without_the_position_of_the_one_before(tmp_path: Path) -> None:
    later = T + 300 * SECOND
    write(
        tmp_path,
        fill(T, "BUY", 100.0, 5.0, 100.0),
        fill(later, "SELL", 200.0, 1.0, 200.0),
        *ticks(),
        *ticks(begin=later),
    )
    write_runs(tmp_path, T, later)
    first, second = build(tmp_path, WANTED)["intervals"]
    assert (first["targets"]["net_bps"], second["targets"]["net_bps"]) == (0.0, 0.0)


def test_a_range_within_a_run_begins_with_the_position_that_the_run_had(tmp_path: Path) -> None:
    yesterday, within = T - 3600 * SECOND, T + 60 * SECOND
    write(
        tmp_path,
        fill(yesterday - SECOND, "BUY", 90.0, 7.0, 90.0),
        fill(yesterday + SECOND, "BUY", 100.0, 1.0, 100.0),
        fill(within, "SELL", 110.0, 1.0, 110.0),
        fill(within, "BUY", 10.0, 1.0, 10.0, symbol="B"),
        *ticks(begin=within),
    )
    write_runs(tmp_path, yesterday - 2 * SECOND, yesterday)
    document = build(tmp_path, Wanted(T, T + 300 * SECOND, symbols=("A",)))
    (one,) = document["intervals"]
    assert one["targets"]["net_bps"] == pytest.approx(1e4 * 10 / 110)
    assert one["sample_count"]["fills"] == 1
    assert [source["file"] for source in document["sources"]] == [
        "fills_20261119.jsonl",
        "fills_20261120.jsonl",
        "pipeline_ticks_20261120.jsonl",
    ]


def test_two_runs_over_the_same_time_are_not_counted_twice(tmp_path: Path) -> None:
    write(tmp_path, *ticks(), *ticks(symbol="B"), *ticks())
    with pytest.raises(StoreError, match="two runs logged A at 2026-11-20T00:00:00Z"):
        build(tmp_path, WANTED)
    assert len(build(tmp_path, Wanted(T, T + 600 * SECOND, symbols=("B",)))["intervals"]) == 1


def test_a_later_run_may_be_of_an_earlier_time(tmp_path: Path) -> None:
    write(tmp_path, *ticks(begin=T + 300 * SECOND), *ticks(begin=T))
    write(tmp_path, *ticks(begin=T + 350 * SECOND, symbol="B"), *ticks(begin=T + 10 * SECOND, symbol="B"))
    assert len(build(tmp_path, WANTED)["intervals"]) == 4, "nobody says where runs begin"
    write_runs(tmp_path, T + 300 * SECOND, T)
    assert len(build(tmp_path, WANTED)["intervals"]) == 4


def test_a_hole_over_the_end_of_an_interval_is_in_both(tmp_path: Path) -> None:
    write(tmp_path, *ticks(20, T + 270 * SECOND), *ticks(20, T + 310 * SECOND))
    document = build(tmp_path, WANTED)
    assert (document["intervals"], document["filtered"]) == ([], {"ws_gap": 2})
    assert len(build(tmp_path, WANTED, [])["intervals"]) == 2, "unless the run says that there was none"


def test_a_hole_of_hours_is_one_within_a_run_and_none_between_two(tmp_path: Path) -> None:
    later = T + 7200 * SECOND
    wanted = Wanted(T, later + 300 * SECOND)
    write(tmp_path, *ticks(), *ticks(begin=later + 60 * SECOND))
    write_runs(tmp_path, T)
    assert build(tmp_path, wanted)["filtered"]["ws_gap"] == 2
    write_runs(tmp_path, T, later)
    assert "ws_gap" not in build(tmp_path, wanted)["filtered"]


@pytest.mark.parametrize(
    ("lines", "cuts", "reason"),
    [
        (ticks(9), None, "too_few_ticks"),
        ([*ticks(18), *ticks(1, T + 18_000, deadline_miss=True)], None, "deadline_misses"),
        ([*ticks(10), *ticks(10, T + 9_000 + 5_001)], None, "ws_gap"),
        (ticks(20), [(T + 1000, T + 6001)], "ws_gap"),
        (ticks(10, tick_total_ms=1e308, cache_age_ms=1e308), None, "not_finite"),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(
    tmp_path: Path, lines: list[TickLine], cuts: list[Cut] | None, reason: str
) -> None:
    wanted = Wanted(T, T + 300 * SECOND)
    document = build(write(tmp_path, *lines), wanted, cuts)
    assert document["intervals"] == []
    assert document["filtered"] == {reason: 1}
    assert (document["total_intervals"], document["filtered_count"]) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "cuts"),
    [
        (ticks(10), None),
        ([*ticks(19), *ticks(1, T + 19_000, deadline_miss=True)], None),
        ([*ticks(10), *ticks(10, T + 9_000 + 5_000)], None),
        (ticks(20), [(T + 1000, T + 6000)]),
        ([*ticks(10), *ticks(10, T + 100_000)], []),
    ],
)
def test_boundaries_belong_to_what_is_kept(
    tmp_path: Path, lines: list[TickLine], cuts: list[Cut] | None
) -> None:
    document = build(write(tmp_path, *lines), Wanted(T, T + 300 * SECOND), cuts)
    assert (len(document["intervals"]), document["filtered_count"]) == (1, 0)


def test_days_without_logs_are_counted_and_symbols_chosen(tmp_path: Path) -> None:
    far = T + 3 * 86_400 * SECOND
    write(tmp_path, *ticks(), *ticks(begin=far), *ticks(symbol="B"))
    wanted = Wanted(T, far + 300 * SECOND, symbols=("A",))
    document = build(tmp_path, wanted)
    assert document["symbols"] == ["A"]
    assert [one["interval_start"] for one in document["intervals"]] == [
        "2026-11-20T00:00:00Z",
        "2026-11-23T00:00:00Z",
    ]
    assert document["total_intervals"] == 3 * 288 + 1
    assert document["filtered"] == {"too_few_ticks": 3 * 288 - 1}


def test_it_says_what_it_comes_from(tmp_path: Path) -> None:
    write(tmp_path, *ticks())
    (tmp_path / "runs.jsonl").write_bytes(
        encode(RunLine(T, "r1", "replay", "ab" * 32)) + encode(RunLine(T + 10**9, "later", "live"))
    )
    with (tmp_path / file_name("pipeline_ticks", T)).open("ab") as file:
        file.write(b'{"ts":\n')
    document = build(tmp_path, WANTED)
    assert document["runs"] == [{"run_id": "r1", "mode": "replay", "digest": "ab" * 32}]
    assert [one["file"] for one in document["sources"]] == ["pipeline_ticks_20261120.jsonl"]
    assert document["unreadable_lines"] == {"pipeline_ticks_20261120.jsonl": 1}
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_no_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--calibration-logs"):
        build(tmp_path, WANTED)


def test_its_name_has_both_times() -> None:
    assert name_of(Wanted(T, T + 86_400_000)) == "calib_20261120_000000_20261121_000000.json"


class TestSummary:
    def test_it_tells_quality_symbols_and_distributions(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            fill(T, "BUY", 100.0, 1.0, 100.5),
            *ticks(),
            *ticks(5, T + 300 * SECOND),
            *ticks(symbol="B"),
        )
        text = summary(build(tmp_path, WANTED, []), "calib_x")
        assert "# Data set calib_x" in text
        assert "2 of 4 intervals are kept (50.0%)." in text
        assert "| too few ticks | 2 |" in text
        assert "| A | 1 | 1 | 20 |" in text
        assert "| B | 1 | 0 | 20 |" in text
        assert "| net_bps | 1 | 1 | 50 | - | 50 | 50 | 50 | 50 | 50 |" in text
        assert "| latency_p95_ms | 2 | 0 | 10 | 0 | 10 |" in text

    def test_an_empty_one_says_so(self, tmp_path: Path) -> None:
        text = summary(build(write(tmp_path, *ticks(1)), WANTED), "x")
        assert "0 of 2 intervals are kept (0.0%)." in text
        assert "There is none." in text

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"from_ts": 1}'])
    def test_what_is_no_data_set_is_named(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "x.json"
        path.write_text(content)
        with pytest.raises(StoreError, match="is no data set"):
            read_dataset(path)
