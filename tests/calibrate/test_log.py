"""The logs on disk: whole lines, a file a UTC day, many threads, a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mm_framework.calibrate.lines import FillLine, RunLine, TickLine, encode, file_name, iso, read
from mm_framework.calibrate.log import CalibrationLog
from mm_framework.errors import EnvironmentFailed

MIDNIGHT = 1_795_132_800_000  # 2026-11-20


def tick(ts: int, symbol: str = "BTC/EUR", **more: object) -> TickLine:
    return TickLine(ts, iso(ts), symbol, {"e2e_total": 1.5}, {}, 1.5, True, 3.0, False, False, **more)  # type: ignore[arg-type]


def fill(ts: int, symbol: str = "BTC/EUR") -> FillLine:
    return FillLine(
        ts,
        iso(ts),
        symbol,
        "BUY",
        95000.0,
        0.01,
        True,
        False,
        0.5,
        95000.0,
        95000.5,
        95000.4,
        0.1,
        12.0,
        -0.05,
    )


def lines(path: Path) -> list[dict[str, object]]:
    data = path.read_bytes()
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def test_a_record_has_the_keys_of_the_contract() -> None:
    assert list(json.loads(encode(fill(MIDNIGHT)))) == [
        *("ts", "ts_iso", "symbol", "side", "price", "qty", "maker", "taker", "queue_pos_est", "quote_price"),
        *("mid_at_quote", "mid_now", "spread_at_quote_bps", "latency_ms", "slip_bps", "fee"),
    ]
    assert list(json.loads(encode(tick(MIDNIGHT)))) == [
        *("ts", "ts_iso", "symbol", "stage_latencies", "stage_p95_ms", "tick_total_ms", "cache_hit"),
        *("cache_age_ms", "used_stale", "deadline_miss", "quotes", "ticks"),
    ]
    assert encode(fill(MIDNIGHT)).count(b"\n") == 1
    assert json.loads(encode(fill(MIDNIGHT)))["ts_iso"] == "2026-11-20T00:00:00.000Z"


def test_midnight_begins_new_files_and_loses_nothing(tmp_path: Path) -> None:
    log = CalibrationLog(tmp_path)
    times = [MIDNIGHT + step for step in range(-50, 50)]
    for at in times:
        log.add(tick(at))
        log.add(fill(at))
    log.close()
    for kind in ("fills", "pipeline_ticks"):
        days = [lines(tmp_path / f"{kind}_{day}.jsonl") for day in ("20261119", "20261120")]
        assert [[line["ts"] for line in day] for day in days] == [times[:50], times[50:]]


def test_many_threads_write_whole_lines_in_their_own_order(tmp_path: Path) -> None:
    log = CalibrationLog(tmp_path)

    def work(name: str) -> None:
        for at in range(500):
            log.add(tick(MIDNIGHT + at, name))

    threads = [threading.Thread(target=work, args=(f"S{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    written = lines(tmp_path / file_name("pipeline_ticks", MIDNIGHT))
    assert len(written) == 4000
    for number in range(8):
        mine = [line["ts"] for line in written if line["symbol"] == f"S{number}"]
        assert mine == [MIDNIGHT + at for at in range(500)]


@pytest.mark.parametrize("torn", [b'{"ts":17', b"x" * 200_000])
def test_a_torn_end_is_cut_off_when_the_file_is_opened_again(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / file_name("pipeline_ticks", MIDNIGHT)
    path.write_bytes(encode(tick(MIDNIGHT)) + torn)
    assert [one is None for one in read(path.read_bytes().splitlines(), TickLine)] == [False, True]
    log = CalibrationLog(tmp_path)
    log.add(tick(MIDNIGHT + 1))
    log.close()
    assert [line["ts"] for line in lines(path)] == [MIDNIGHT, MIDNIGHT + 1]


def test_a_file_that_is_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / file_name("pipeline_ticks", MIDNIGHT)
    path.write_bytes(b'{"ts":17')
    log = CalibrationLog(tmp_path)
    log.add(tick(MIDNIGHT))
    log.close()
    assert [line["ts"] for line in lines(path)] == [MIDNIGHT]


def test_a_second_writer_of_the_folder_is_refused(tmp_path: Path) -> None:
    log = CalibrationLog(tmp_path)
    with pytest.raises(EnvironmentFailed, match="another process"):
        CalibrationLog(tmp_path)
    log.close()
    CalibrationLog(tmp_path).close()


def test_runs_have_a_file_of_their_own(tmp_path: Path) -> None:
    log = CalibrationLog(tmp_path)
    log.add(RunLine(MIDNIGHT, "r1", "replay", "ab"))
    log.close()
    assert lines(tmp_path / "runs.jsonl") == [
        {"ts": MIDNIGHT, "run_id": "r1", "mode": "replay", "digest": "ab"}
    ]


def test_what_the_disk_refuses_is_raised(tmp_path: Path) -> None:
    (tmp_path / file_name("pipeline_ticks", MIDNIGHT)).mkdir()
    log = CalibrationLog(tmp_path)
    log.add(tick(MIDNIGHT))
    with pytest.raises(EnvironmentFailed, match="pipeline_ticks_20261120"):
        log.close()
    log.close()


WRITER = """
import sys
from pathlib import Path
from mm_framework.calibrate.lines import TickLine, iso
from mm_framework.calibrate.log import CalibrationLog
log, at = CalibrationLog(Path(sys.argv[1])), 1_795_132_800_000
print("on", flush=True)
while True:
    at += 1
    log.add(TickLine(at, iso(at), "X" * 300, {}, {}, 1.0, False, None, False, False))
"""


def test_a_kill_loses_nothing_but_the_end(tmp_path: Path) -> None:
    """It may tear the line that is being written; what is before it is whole, and the next run cuts it."""
    path = tmp_path / file_name("pipeline_ticks", MIDNIGHT)
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout, process:
        assert process.stdout.readline()
        deadline = time.monotonic() + 120
        while not path.exists() or path.stat().st_size < 1_000_000:
            assert time.monotonic() < deadline, "the writer wrote nothing"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    left = path.read_bytes()
    whole = left[: left.rfind(b"\n") + 1]
    written = [json.loads(line)["ts"] for line in whole.splitlines()]
    assert written == [MIDNIGHT + 1 + at for at in range(len(written))]
    log = CalibrationLog(tmp_path)
    log.add(tick(MIDNIGHT))
    log.close()
    assert path.read_bytes() == whole + encode(tick(MIDNIGHT))
