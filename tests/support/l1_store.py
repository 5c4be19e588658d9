"""A store of best prices alone, from a CSV of 12 columns: they rise by 2 each 100 ms, the spread is 1."""

from __future__ import annotations

from pathlib import Path

import bbo_files
from toy_store import build_inputs

from mm_framework.store.bbo_input import find_bbo_file

__all__ = ["STEP_NS", "T0_NS", "l1_store"]

T0_NS = int(bbo_files.START_MS) * 10**6
STEP_NS = 100_000_000


def l1_store(folder: Path, rows: int = 10, gap_after: int | None = None, gap_ms: int = 3_600_000) -> Path:
    """``folder/store``: the bid of row k is 90000 + 2 k, that of the venue's clock 10 ms before. Behind row
    ``gap_after`` ``gap_ms`` are missing and the session is another.
    """
    recv_ms = bbo_files.times(rows)
    if gap_after is not None:
        recv_ms[gap_after + 1 :] += gap_ms
    lines = bbo_files.rows(recv_ms, recv_ms - 10, recv_ms - recv_ms + 10, recv_ms - recv_ms)
    for k, line in enumerate(lines):
        line[5], line[6] = f"{90000 + 2 * k}.0", f"{90001 + 2 * k}.0"
        begun = 0 if gap_after is None or k <= gap_after else gap_after + 1
        line[11] = f"{100 * (k - begun)}.000"
    folder.mkdir(parents=True, exist_ok=True)
    source = find_bbo_file(bbo_files.write(folder / "best.csv", lines), {"BTC/EUR": "kraken:BTC/EUR"})
    assert source is not None
    build_inputs(folder / "store", [source])
    return folder / "store"
