"""What calibration costs: logs, an A/B test, collectors, the cache, a data set. A JSON line a figure.

    python benchmarks/run_calibration.py [--rounds N] [--ticks N]

    fill_log, tick_log    `RunLog.on_chunk` for one fill, one wake-up with nine stages; the thread that writes
                          is in the figure, since it runs on the same processor time
    ab_tick               `AbWatch.on_chunk` for one wake-up, its gates looked at once a second of event time
    collector_tick        `Collectors.on_chunk` for one wake-up and a tenth of a fill, with its thread
    cache_hit             `MdCache.get` of a fresh book; cache_stale: of an old one that is being refreshed
    dataset               `calibrate.dataset.build` on a day of 864,000 lines of ticks and 86,400 fills

Processor time of this process, the median of the rounds; memory is the peak of a process that only builds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.chunk import CHUNK_NS, Chunk, ChunkObserver, Filled, Tick
from mm_framework.calibrate.collectors import Collectors
from mm_framework.calibrate.lines import FillLine, TickLine, encode, file_name, iso
from mm_framework.calibrate.log import CalibrationLog
from mm_framework.calibrate.md_cache import Held, MdCache, Mode
from mm_framework.calibrate.run_log import Deadline, RunLog, RunName
from mm_framework.trading.stages import STAGES

BEGIN_NS = 1_795_132_800 * 10**9
DAY_MS = 86_400_000
SYMBOLS = tuple(f"S{number}/EUR" for number in range(20))

BUILD = """
import json, resource, sys, time
from pathlib import Path
from mm_framework.calibrate.dataset import Wanted, build
begun, wall = time.process_time(), time.perf_counter()
document = build(Path(sys.argv[1]), Wanted(int(sys.argv[2]), int(sys.argv[2]) + 86_400_000))
print(json.dumps({
    "cpu_s": round(time.process_time() - begun, 3), "wall_s": round(time.perf_counter() - wall, 3),
    "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    "intervals": len(document["intervals"]),
}))
"""


def ticks(count: int, every_ns: int = 10_000_000) -> list[Tick]:
    """Wake-ups, a hundred a second together."""
    rng = random.Random(1)
    stages = {name: 40_000 for name in STAGES}
    return [
        Tick(
            *(BEGIN_NS + number * every_ns, "v:S", SYMBOLS[number % 20], 99.9, 1.0, 100.1, 1.0, 1),
            total_ns=int(rng.lognormvariate(0.0, 0.5) * 1e6),
            stages=stages,
        )
        for number in range(count)
    ]


def fills(count: int) -> list[Filled]:
    """Fills of a maker."""
    return [
        Filled(
            *(BEGIN_NS + number * 10_000_000, "v:S", SYMBOLS[number % 20], "s", number, 1, 99.9, 0.5, 0.01),
            *(True, 99.9, 100.0, 0.2, 100.01, 3_000_000, 0.7),
        )
        for number in range(count)
    ]


def chunks(rows: Sequence[Tick] | Sequence[Filled]) -> list[Chunk]:
    """The rows, ten a chunk."""
    found = []
    for first in range(0, len(rows), 10):
        part = rows[first : first + 10]
        end_ns = part[-1].ts_ns + CHUNK_NS
        mine = [row for row in part if isinstance(row, Tick)]
        found.append(Chunk(end_ns, mine, [row for row in part if isinstance(row, Filled)]))
    return found


def us_a_row(make: Callable[[Path], ChunkObserver], given: Sequence[Chunk], rows: int) -> float:
    """Processor time of an observer for all chunks, closed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        observer = make(Path(folder))
        begun = time.process_time()
        for chunk in given:
            observer.on_chunk(chunk)
        observer.close()
        return round(1e6 * (time.process_time() - begun) / rows, 2)


def log_of(folder: Path) -> RunLog:
    """Every wake-up a line, which is ten times as many as usual."""
    return RunLog(CalibrationLog(folder), RunName("bench", "live"), Deadline(150.0), every=1)


def test_of(folder: Path) -> AbWatch:
    """An A/B test of default settings."""
    settings = AbSettings()
    return AbWatch(AbRun(settings.routing, settings), Deadline(150.0))


def collectors_of(folder: Path) -> Collectors:
    """Features of twenty symbols."""
    return Collectors()


def us_an_answer(age_ns: int, count: int = 100_000) -> float:
    """Processor time of asking the cache for twenty symbols in turn, their books being so old."""
    cache, book = MdCache(), Held([(99, 1)] * 25, [(101, 1)] * 25, depth=25)
    for symbol in SYMBOLS:
        cache.put(symbol, book, BEGIN_NS)
    asked = [SYMBOLS[number % 20] for number in range(count)]
    begun = time.process_time()
    for symbol in asked:
        cache.get(symbol, BEGIN_NS + age_ns, Mode.PRICING, 10)
    return round(1e6 * (time.process_time() - begun) / count, 3)


def write_day(folder: Path, count: int) -> None:
    """The logs of a day as a live run of twenty symbols writes them."""
    rng, begin = random.Random(1), BEGIN_NS // 1_000_000
    with (folder / file_name("pipeline_ticks", begin)).open("wb") as file:
        for number in range(count):
            at = begin + number * DAY_MS // count
            spent = {name: round(rng.random(), 4) for name in STAGES}
            total = round(rng.random() * 100, 4)
            known = (spent, spent, total, True, 3.0, False, rng.random() < 0.01, 1, 10)
            file.write(encode(TickLine(at, iso(at), SYMBOLS[number % 20], *known)))
    with (folder / file_name("fills", begin)).open("wb") as file:
        for number in range(count // 10):
            at = begin + number * DAY_MS // (count // 10)
            known_fill = (100.0, 1.0, True, False, 0.5, 100.0, 100.1, 100.1, 1.0, 2.0, -1.0, 0.01)
            symbol = SYMBOLS[number % 20]
            line = (
                FillLine(at, iso(at), symbol, "BUY", *known_fill)
                if number % 2
                else FillLine(at, iso(at), symbol, "SELL", *known_fill)
            )
            file.write(encode(line))


def figures(rounds: int, count: int) -> Iterator[dict[str, object]]:
    """All figures, in order."""
    tick_chunks, fill_chunks = chunks(ticks(20_000)), chunks(fills(20_000))
    both = [one._replace(fills=other.fills[:1]) for one, other in zip(tick_chunks, fill_chunks, strict=True)]
    cases: tuple[tuple[str, Callable[[Path], ChunkObserver], list[Chunk]], ...] = (
        ("fill_log", log_of, fill_chunks),
        ("tick_log", log_of, tick_chunks),
        ("ab_tick", test_of, tick_chunks),
        ("collector_tick", collectors_of, both),
    )
    for name, make, given in cases:
        spent = [us_a_row(make, given, 20_000) for _ in range(rounds)]
        yield {"figure": name, "us": round(statistics.median(spent), 2), "rounds": spent}
    for name, age_ns in (("cache_hit", 1_000_000), ("cache_stale", 70_000_000)):
        spent = [us_an_answer(age_ns) for _ in range(rounds)]
        yield {"figure": name, "us": round(statistics.median(spent), 3), "rounds": spent}
    with tempfile.TemporaryDirectory() as folder:
        write_day(Path(folder), count)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        told = [
            json.loads(
                subprocess.run(
                    [sys.executable, "-c", BUILD, folder, str(BEGIN_NS // 1_000_000)],
                    check=True,
                    capture_output=True,
                ).stdout
            )
            for _ in range(rounds)
        ]
    middle = {name: statistics.median(one[name] for one in told) for name in ("cpu_s", "wall_s", "peak_mib")}
    yield {"figure": "dataset", "ticks": count, "mib": round(size / 2**20), **middle, "rounds": told}


def main() -> None:
    """Print a JSON line for each figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ticks", type=int, default=864_000)
    given = parser.parse_args()
    for line in figures(given.rounds, given.ticks):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
