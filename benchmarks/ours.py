"""Our side of a comparison with a peer: one process, one JSON line.

    python benchmarks/ours.py verify|feed BUNDLE LEAST_S

``verify``: the whole of ``mm verify``: the log read with the CRC of every record, its index, checkpoints,
books, the venue's checksum at each message. ``feed``: the same log, already in memory, through `Feed`
alone. Passes are made until ``LEAST_S`` seconds are over, after one unmeasured.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from content import SHARD, Content, load
from machine import kernels
from venues import KITS

from mm_framework.bundle.verify import verify
from mm_framework.feed import Counts, Feed


def _verify(content: Content) -> Callable[[], Counts]:
    def run() -> Counts:
        report = verify(content.run, KITS)
        if not report.ok:
            raise RuntimeError(report.failures[0].text)
        return report.counts

    return run


def _feed(content: Content) -> Callable[[], Counts]:
    blocks = content.blocks()

    def run() -> Counts:
        feed = Feed(KITS, SHARD)
        for block in blocks:
            feed.feed(block)
        return feed.counts

    return run


WHAT = {"verify": _verify, "feed": _feed}


def main(what: str, bundle: Path, least_s: float) -> None:
    """Measure and print."""
    mode = kernels()
    content = load(bundle.parent, bundle.name)
    run = WHAT[what](content)
    counts = run()
    if counts.checksums_failed or counts.gaps or counts.malformed:
        raise RuntimeError(f"the recording is not clean: {counts}")
    seconds, cpu_seconds, passes = 0.0, 0.0, 0
    while not passes or seconds < least_s:
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
        passes += 1
    told = {
        "version": f"mm-framework {version('mm-framework')}, kernels {mode},"
        f" {platform.python_implementation()} {platform.python_version()}",
        "frames": len(content.frames),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "passes": passes,
        "checksums": counts.checksums_verified,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
