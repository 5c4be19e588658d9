"""``kill -9`` of a capture at random times: what is left is a run, and little is lost.

By default 5 kills at 60 events a second; ``MM_KILLS=200 MM_KILL_RATE=4000`` makes a storm of it, one
capture at a time.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from kraken_virtual import kraken_kits
from processes import capture_process, emulated_kraken, wait_for_frames

from mm_framework.bundle.recover import recover
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.model.frame import RecordKind, iter_records

KILLS = int(os.environ.get("MM_KILLS", "5"))
RATE = int(os.environ.get("MM_KILL_RATE", "60"))
DATA = (b'{"channel":"book"', b'{"channel":"trade"')

MAX_RECORDS = 500
MAX_LATE_NS = 1_000_000_000
TRANSIT_NS = 100_000_000
"""What may be under way between emulator and capture on a busy machine, and is lost with the process."""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="processes do not share a monotonic clock as tests need"),
]


SYMBOLS = ("BTC/EUR", "DOGE/EUR", "ETH/EUR", "SOL/EUR", "XRP/EUR")[: None if RATE < 1000 else 1]
"""One a capture, so that the truth log tells what was sent to which."""


@pytest.mark.parametrize("batch", range(-(-KILLS // len(SYMBOLS))))
def test_after_a_kill_the_run_verifies_and_lacks_at_most_a_second_or_500_records(
    tmp_path: Path, batch: int
) -> None:
    draw = random.Random(batch)
    symbols = SYMBOLS[: KILLS - batch * len(SYMBOLS)]
    listed = [word for symbol in symbols for word in ("--symbol", symbol)]
    with emulated_kraken(tmp_path, "--rate", str(RATE), "--seed", str(batch), *listed) as emulated:
        processes = [
            capture_process(
                emulated.endpoint, tmp_path, "--run-id", f"kill{number}", instrument=f"kraken:{symbol}"
            )
            for number, symbol in enumerate(symbols)
        ]
        runs = [tmp_path / "runs" / f"kill{number}" for number in range(len(symbols))]
        killed_ns = []
        try:
            wait_for_frames(runs, processes)
            for process in processes:
                time.sleep(draw.uniform(0.0, 0.6))
                killed_ns.append(time.monotonic_ns())
                process.kill()
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        emulated.end()
    for run, symbol, time_ns in zip(runs, symbols, killed_ns, strict=True):
        check(run, emulated.sent_until(time_ns - TRANSIT_NS, symbol), time_ns)


def check(path: Path, sent: int, killed_ns: int) -> None:
    """The bundle as the kill left it, then recovered. ``sent``: data frames before the kill."""
    run = open_run(path)
    assert run.manifest.state == "running"
    report = verify(run, kraken_kits())
    assert report.ok, report.failures
    records = [record for _, block in run.records() for record in iter_records(block)]
    data = [r for r in records if r.kind == RecordKind.FRAME and bytes(r.payload).startswith(DATA)]
    late_ns = killed_ns - records[-1].mono_ns
    assert sent - len(data) <= MAX_RECORDS or late_ns <= MAX_LATE_NS, (sent, len(data), late_ns)
    assert len(data) > 0

    assert recover(path, kraken_kits()).state == ("running", "recovered")
    recovered = open_run(path)
    assert verify(recovered, kraken_kits()).ok
    assert sum(1 for _ in recovered.records()) == len(records)
    before = contents(path)
    recover(path, kraken_kits())
    assert contents(path) == before


def contents(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
