"""cryptofeed's Kraken handler, fed from a file: runs in the peer's environment, prints one JSON line.

    python cryptofeed_kraken.py FILE LEAST_S

``FILE`` holds frames of Kraken's WebSocket v1, the version that the handler reads, one a line. Each pass
awaits ``message_handler`` for every frame, on a new feed without sockets, its checksum validation on and
a callback that counts books. Passes are made until ``LEAST_S`` seconds are over, after one unmeasured.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from cryptofeed.defines import KRAKEN, L2_BOOK
from cryptofeed.exchanges import Kraken
from cryptofeed.symbols import Symbols


def main(path: Path, least_s: float) -> None:
    """Measure and print."""
    frames = path.read_text(encoding="utf-8").splitlines()
    parsed = [json.loads(frame) for frame in frames]
    pair, depth = parsed[0][-1], int(parsed[0][-2].partition("-")[2])
    pairs = {"result": {pair.replace("/", ""): {"wsname": pair}}}
    Symbols.set(KRAKEN, *Kraken._parse_symbol_data(pairs))
    seconds, cpu_seconds, passes = asyncio.run(_measure(frames, depth, least_s))
    told = {
        "version": f"cryptofeed {version('cryptofeed')}, {platform.python_implementation()}"
        f" {platform.python_version()}",
        "frames": len(frames),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "passes": passes,
        "checksums": sum("c" in message[1] for message in parsed),
    }
    print(json.dumps(told))


async def _measure(frames: list[str], depth: int, least_s: float) -> tuple[float, float, int]:
    await _pass(frames, depth)
    seconds, cpu_seconds, passes = 0.0, 0.0, 0
    while not passes or seconds < least_s:
        wall, cpu = await _pass(frames, depth)
        seconds, cpu_seconds, passes = seconds + wall, cpu_seconds + cpu, passes + 1
    return seconds, cpu_seconds, passes


async def _pass(frames: list[str], depth: int) -> tuple[float, float]:
    """Wall and CPU seconds of all frames through a new handler, which raises at a wrong checksum."""
    books = 0

    async def count(book: object, receipt_timestamp: float) -> None:
        nonlocal books
        books += 1

    feed = Kraken(
        symbols=Kraken.symbols(),
        channels=[L2_BOOK],
        callbacks={L2_BOOK: count},
        max_depth=depth,
        checksum_validation=True,
    )
    start, cpu_start = time.perf_counter(), time.process_time()
    for frame in frames:
        await feed.message_handler(frame, None, 0.0)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if books != len(frames):
        raise RuntimeError(f"{len(frames)} frames gave {books} books")
    return seconds, cpu_seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
