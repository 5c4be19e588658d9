"""What do sinks cost? Processor time a record of a recorded run: a JSON line a round, then a table.

    python benchmarks/run_sinks.py RUN [--rounds N] [--sinks NAME,...]

RUN is a bundle, such as one that `mm capture` wrote beside emulated venues. ``read`` is what all sinks
share: the frame is read once more for its texts. ``all`` is everything that the sinks' process does with a
record but taking it from the pipe; ``feed`` is what an export needs besides.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
from machine import machine

from mm_framework.bundle.run import Run
from mm_framework.cli.app import App
from mm_framework.cli.bundles import kits_of, opened
from mm_framework.cli.output import Output
from mm_framework.cli.sink_options import make_sink
from mm_framework.contracts.sink import Seen, Settling, Sink
from mm_framework.feed import Feed
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.feed.output import Output as Fed
from mm_framework.sinks.export import sink_run
from mm_framework.sinks.observer import Observer

SETTLED: Final = 250
"""Records between two times at which live files are shown: a twentieth of a second of 5,000 a second."""


def spent_us(records: int, work: Callable[[], object]) -> float:
    """Processor time of some work, in microseconds a record."""
    gc.collect()
    begin_ns = time.process_time_ns()
    work()
    return (time.process_time_ns() - begin_ns) / 1000 / records


def write(sink: Sink, seen: list[Seen]) -> None:
    """All records into an open sink."""
    for number, one in enumerate(seen):
        sink.write(one)
        if number % SETTLED == 0 and isinstance(sink, Settling):
            sink.settle()
    sink.close()


def measure(app: App, run: Run, names: list[str], folder: Path) -> dict[str, float]:
    """One round. What was read is kept for the sinks, so the collector of garbage rests meanwhile."""
    records = [(shard, bytes(record)) for shard, record in run.records()]
    kits = kits_of(app, run)
    feeds = {reader.shard: Feed(kits_of(app, run), reader.shard) for reader in run.shards}
    observer = Observer(kits)
    fed: list[Fed] = []
    gc.disable()
    spent = {
        "feed": spent_us(len(records), lambda: fed.extend(feeds[s].feed(one).kept() for s, one in records))
    }
    seen: list[Seen] = []
    told = [(shard, one, output) for (shard, one), output in zip(records, fed, strict=True)]
    spent["read"] = spent_us(len(records), lambda: seen.extend(observer.see(*one) for one in told))
    sinks = [make_sink(app, name)[1] for name in names]
    about = sink_run(run, kits, ClockSettings(), folder / "data")
    for name, sink in zip(names, sinks, strict=True):
        sink.open(attrs.evolve(about, out=folder / name))
        spent[name] = spent_us(len(records), functools.partial(write, sink, seen))
    gc.enable()
    spent["all"] = sum(us for name, us in spent.items() if name != "feed")
    return {name: round(us, 1) for name, us in spent.items()}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", help="a bundle, or the id of one")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured [3]")
    parser.add_argument("--sinks", default="day-files,bbo-csv,live", help="[day-files,bbo-csv,live]")
    given = parser.parse_args()
    app = App(env=dict(os.environ), config=None, env_wins=False, out=Output(quiet=True))
    run = opened(app, given.run)
    print(json.dumps(machine([])), flush=True)
    rounds = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(measure(app, run, given.sinks.split(","), Path(folder)))
        print(json.dumps({"bench": "sinks", "us_a_record": rounds[-1]}), flush=True)
    print("\n| | us a record, median | least |\n| --- | --- | --- |")
    for name in rounds[0]:
        values = [one[name] for one in rounds]
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} |")


if __name__ == "__main__":
    main()
