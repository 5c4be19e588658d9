"""cryptofeed's Bitfinex handler, fed from a file: runs in the peer's environment, prints one JSON line.

    python cryptofeed_bitfinex.py FILE LEAST_S

``FILE`` holds the frames of a connection with numbered frames (conf flag SEQ_ALL, and no other), one a
line, acknowledgements included. Each pass awaits ``message_handler`` for every frame, on a new feed without
sockets, with a callback that counts books. Passes are made until ``LEAST_S`` seconds are over, after one
unmeasured.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from cryptofeed.defines import BITFINEX, L2_BOOK
from cryptofeed.exchanges import Bitfinex
from cryptofeed.symbols import Symbols

PAIRS = [[["BTCUSD"]], [["BTC", "USD"]], [[]]]


class Connection:
    """What the handler wants to know of a connection."""

    uuid = "file"


def main(path: Path, least_s: float) -> None:
    """Measure and print."""
    frames = path.read_text(encoding="utf-8").splitlines()
    n_books = sum(frame.startswith("[") for frame in frames)
    Symbols.set(BITFINEX, *Bitfinex._parse_symbol_data(PAIRS))
    seconds, cpu_seconds, passes = asyncio.run(_measure(frames, n_books, least_s))
    told = {
        "version": f"cryptofeed {version('cryptofeed')}, {platform.python_implementation()}"
        f" {platform.python_version()}",
        "frames": n_books,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "passes": passes,
        "checksums": 0,
    }
    print(json.dumps(told))


async def _measure(frames: list[str], n_books: int, least_s: float) -> tuple[float, float, int]:
    await _pass(frames, n_books)
    seconds, cpu_seconds, passes = 0.0, 0.0, 0
    while not passes or seconds < least_s:
        wall, cpu = await _pass(frames, n_books)
        seconds, cpu_seconds, passes = seconds + wall, cpu_seconds + cpu, passes + 1
    return seconds, cpu_seconds, passes


async def _pass(frames: list[str], n_books: int) -> tuple[float, float]:
    """Wall and CPU seconds of all frames through a new handler, which raises at a missing number."""
    books = 0

    async def count(book: object, receipt_timestamp: float) -> None:
        nonlocal books
        books += 1

    feed = Bitfinex(symbols=["BTC-USD"], channels=[L2_BOOK], callbacks={L2_BOOK: count})
    connection = Connection()
    start, cpu_start = time.perf_counter(), time.process_time()
    for frame in frames:
        await feed.message_handler(frame, connection, 0.0)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if books != n_books:
        raise RuntimeError(f"{n_books} frames gave {books} books")
    return seconds, cpu_seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
