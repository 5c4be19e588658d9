"""From chunks to lines: what a line says, which wake-ups it stands for, what is left at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mm_framework.calibrate.chunk import Chunk, Fetched, Filled, Tick
from mm_framework.calibrate.dataset import Wanted, build
from mm_framework.calibrate.log import CalibrationLog
from mm_framework.calibrate.run_log import Deadline, RunLog, RunName, slip_bps

MIDNIGHT = 1_795_132_800_000  # 2026-11-20, ms
MS = 1_000_000
DEADLINE = Deadline(150.0)


def tick(
    ms: int,
    symbol: str = "BTC/EUR",
    *,
    quotes: int = 0,
    total_ms: float | None = None,
    fetched: Fetched | None = None,
    stages: Mapping[str, int] | None = None,
) -> Tick:
    total_ns = None if total_ms is None else round(total_ms * MS)
    return Tick(
        (MIDNIGHT + ms) * MS,
        f"test:{symbol}",
        symbol,
        99.0,
        1.0,
        101.0,
        1.0,
        quotes,
        total_ns=total_ns,
        stages=stages or {},
        fetched=fetched,
    )


def fill(ms: int, side: int, price: float, *, mid: float | None = 100.0, maker: bool = True) -> Filled:
    return Filled(
        (MIDNIGHT + ms) * MS,
        "test:BTC/EUR",
        "BTC/EUR",
        "s",
        1,
        side,
        price,
        0.5,
        0.02,
        maker,
        price,
        mid,
        None if mid is None else 0.2,
        mid,
        3 * MS,
        0.7 if maker else None,
    )


def written(folder: Path, *chunks: Chunk, every: int = 10) -> dict[str, list[dict[str, Any]]]:
    log = RunLog(CalibrationLog(folder), RunName("r1", "replay", "ab"), DEADLINE, every)
    for chunk in chunks:
        log.on_chunk(chunk)
    log.close()
    files = sorted(folder.glob("*.jsonl"))
    return {path.name: [json.loads(line) for line in path.read_bytes().splitlines()] for path in files}


def test_each_tenth_wake_up_of_a_symbol_is_a_line_and_no_quote_is_lost(tmp_path: Path) -> None:
    ticks = [tick(at, symbol, quotes=2) for at in range(25) for symbol in ("A", "B")]
    files = written(tmp_path, Chunk(0, ticks[:13]), Chunk(0, ticks[13:]))
    lines = files["pipeline_ticks_20261120.jsonl"]
    for symbol in ("A", "B"):
        mine = [line for line in lines if line["symbol"] == symbol]
        assert [(line["ts"] - MIDNIGHT, line["ticks"], line["quotes"]) for line in mine] == [
            (9, 10, 20),
            (19, 10, 20),
            (24, 5, 10),
        ]
    assert files["runs.jsonl"] == [{"ts": MIDNIGHT, "run_id": "r1", "mode": "replay", "digest": "ab"}]


def test_midnight_begins_new_files_and_loses_nothing(tmp_path: Path) -> None:
    ticks, fills = (
        [tick(at) for at in range(-30, 30)],
        [fill(at, 1, 99.9) for at in range(-30, 30)],
    )
    files = written(tmp_path, Chunk(0, ticks[:40], fills[:20]), Chunk(0, ticks[40:], fills[20:]), every=1)
    for kind in ("fills", "pipeline_ticks"):
        days = [files[f"{kind}_{day}.jsonl"] for day in ("20261119", "20261120")]
        assert [[line["ts"] - MIDNIGHT for line in day] for day in days] == [
            list(range(-30, 0)),
            list(range(30)),
        ]


def test_a_fill_by_hand(tmp_path: Path) -> None:
    chunk = Chunk(0, (), [fill(0, 1, 99.9), fill(1, -1, 99.8, maker=False), fill(2, 1, 99.9, mid=None)])
    bought, sold, unknown = written(tmp_path, chunk)["fills_20261120.jsonl"]
    assert bought == {
        "ts": MIDNIGHT,
        "ts_iso": "2026-11-20T00:00:00.000Z",
        "symbol": "BTC/EUR",
        "side": "BUY",
        "price": 99.9,
        "qty": 0.5,
        "maker": True,
        "taker": False,
        "queue_pos_est": 0.7,
        "quote_price": 99.9,
        "mid_at_quote": 100.0,
        "mid_now": 100.0,
        "spread_at_quote_bps": 20.0,
        "latency_ms": 3.0,
        "slip_bps": -10.0,
        "fee": 0.02,
    }
    assert (sold["side"], sold["maker"], sold["taker"], sold["slip_bps"]) == ("SELL", False, True, 20.0)
    assert (unknown["mid_at_quote"], unknown["spread_at_quote_bps"], unknown["slip_bps"]) == (None,) * 3


def test_a_wake_up_tells_its_stages_and_its_cache(tmp_path: Path) -> None:
    stages = {"recv_to_decode": 100_000, "e2e_total": 2 * MS}
    ticks = [
        tick(0, total_ms=150.0, stages=stages),
        tick(1, total_ms=150.1, stages=stages, fetched=Fetched(hit=True, age_ns=3 * MS)),
        tick(
            2, fetched=Fetched(hit=False, age_ns=None, used_stale=False, wait_ns=50 * MS, deadline_miss=True)
        ),
        tick(3, fetched=Fetched(hit=False, age_ns=90 * MS, used_stale=True)),
    ]
    plain, late, vain, stale = written(tmp_path, Chunk(0, ticks), every=1)["pipeline_ticks_20261120.jsonl"]
    assert plain["stage_latencies"] == {"recv_to_decode": 0.1, "e2e_total": 2.0}
    assert (plain["tick_total_ms"], plain["deadline_miss"], plain["cache_hit"]) == (150.0, False, False)
    assert (late["deadline_miss"], late["cache_hit"], late["cache_age_ms"]) == (True, True, 3.0)
    assert late["stage_latencies"] == {"recv_to_decode": 0.1, "e2e_total": 2.0, "fetch_md": 0.0}
    assert (vain["tick_total_ms"], vain["deadline_miss"]) == (None, True)
    assert vain["stage_latencies"] == {"fetch_md": 50.0}
    assert vain["stage_p95_ms"]["fetch_md"] == 50.0
    assert (stale["used_stale"], stale["deadline_miss"], stale["cache_age_ms"]) == (True, False, 90.0)


def test_the_same_chunks_write_the_same_bytes(tmp_path: Path) -> None:
    chunk = Chunk(0, [tick(at, quotes=1) for at in range(100)], [fill(at, 1, 99.9) for at in range(7)])
    for folder in ("one", "two"):
        written(tmp_path / folder, chunk)
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / name).glob("*.jsonl")} for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 3


def test_a_data_set_is_made_of_it(tmp_path: Path) -> None:
    chunk = Chunk(0, [tick(at * 100, quotes=1) for at in range(200)], [fill(5000, 1, 99.9)])
    written(tmp_path, chunk)
    document = build(tmp_path, Wanted(MIDNIGHT, MIDNIGHT + 300_000, min_ticks=5))
    (one,) = document["intervals"]
    assert one["targets"]["fill_rate"] == 1 / 200
    assert one["targets"]["slippage_bps"] == -10.0
    assert one["features"]["latency_p95_ms"] is None
    assert document["runs"] == [{"run_id": "r1", "mode": "replay", "digest": "ab"}]


@pytest.mark.parametrize("mid", [None, 0.0])
def test_without_a_mid_there_is_no_slippage(mid: float | None) -> None:
    assert slip_bps(fill(0, 1, 99.9, mid=mid)) is None
