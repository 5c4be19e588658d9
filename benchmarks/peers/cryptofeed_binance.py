"""cryptofeed's Binance handler, fed from a file: runs in the peer's environment, prints one JSON line.

    python cryptofeed_binance.py FILE LEAST_S

``FILE`` holds the body of a REST snapshot in its first line, then frames of combined streams. Each pass
awaits ``message_handler`` for every frame, on a new feed without sockets; the snapshot that it asks for
at the first of them is the one of the file. A callback counts books. Passes are made until ``LEAST_S``
seconds are over, after one unmeasured.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from cryptofeed.defines import BINANCE, L2_BOOK
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [{"tickSize": "0.01000000"}],
}


class Rest:
    """Stands for the handler's HTTP connection: any address has the one body."""

    def __init__(self, body: str) -> None:
        self._body = body

    async def read(self, address: str) -> str:
        """The snapshot."""
        return self._body


def main(path: Path, least_s: float) -> None:
    """Measure and print."""
    snapshot, *frames = path.read_text(encoding="utf-8").splitlines()
    Symbols.set(BINANCE, *Binance._parse_symbol_data({"symbols": [SYMBOL]}))
    seconds, cpu_seconds, passes = asyncio.run(_measure(snapshot, frames, least_s))
    told = {
        "version": f"cryptofeed {version('cryptofeed')}, {platform.python_implementation()}"
        f" {platform.python_version()}",
        "frames": len(frames),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "passes": passes,
        "checksums": 0,
    }
    print(json.dumps(told))


async def _measure(snapshot: str, frames: list[str], least_s: float) -> tuple[float, float, int]:
    await _pass(snapshot, frames)
    seconds, cpu_seconds, passes = 0.0, 0.0, 0
    while not passes or seconds < least_s:
        wall, cpu = await _pass(snapshot, frames)
        seconds, cpu_seconds, passes = seconds + wall, cpu_seconds + cpu, passes + 1
    return seconds, cpu_seconds, passes


async def _pass(snapshot: str, frames: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of all frames through a new handler, which skips an update out of order."""
    books = 0

    async def count(book: object, receipt_timestamp: float) -> None:
        nonlocal books
        books += 1

    feed = Binance(symbols=Binance.symbols(), channels=[L2_BOOK], callbacks={L2_BOOK: count})
    feed.http_conn = Rest(snapshot)
    start, cpu_start = time.perf_counter(), time.process_time()
    for frame in frames:
        await feed.message_handler(frame, None, 0.0)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if books != len(frames) + 1:
        raise RuntimeError(f"a snapshot and {len(frames)} frames gave {books} books")
    return seconds, cpu_seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
