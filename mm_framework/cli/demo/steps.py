"""The steps of the demonstration: capture while trading, verify, replay, read what there is to judge.

Runs of strategies are the commands that a user would type, in processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import writing
from mm_framework.bundle.names import RUNS, default_run_id
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.verify import verify
from mm_framework.cli.app import App
from mm_framework.cli.bundles import kits_of
from mm_framework.cli.demo.checks import Evidence, StateAt
from mm_framework.cli.demo.venue import serving
from mm_framework.errors import GateFailed
from mm_framework.feed import Feed, VenueKit
from mm_framework.feed.output import StateChanged
from mm_framework.kernels.loader import active
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.settings import DataSettings
from mm_framework.trading.results import RESULTS

__all__ = ["Demonstration", "StepFailed", "demonstrate"]

DEMO: Final = "demo"
VENUE: Final = "kraken"
SYMBOL: Final = "BTC/EUR"
STRATEGY: Final = "toy_spread"
HASH_SEEDS: Final = ("1", "2")

_AFTER_CUT_S: Final = 8.0
_GRACE_S: Final = 60.0

_TRADING: Final = (
    "--strategy", STRATEGY, "--set", f"{STRATEGY}.urgency=taker",
    "--trading-price-source", "book", "--print-pnl",
)  # fmt: skip


class StepFailed(GateFailed):
    """A step did not come to its end, so that nothing after it could be shown."""


@attrs.frozen
class Demonstration:
    """Where everything is, and what was found.

    ``folder`` holds what is particular to the demonstration, ``run`` is the bundle, ``results`` what
    the strategy did, ``backtest`` what it does on the recording with latency and a queue.
    """

    run_id: str
    seed: int
    seconds: float
    folder: Path
    run: Path
    results: Path
    backtest: Path
    evidence: Evidence


def demonstrate(app: App, seconds: float, seed: int) -> Demonstration:
    """Do all steps. Raises StepFailed, PluginError, ConfigError, EnvironmentFailed."""
    data_dir = app.load(DataSettings).value.dir
    spec = app.plugins.get("emulators", VENUE)
    app.plugins.get("strategies", STRATEGY)
    dialect = spec.build(None if spec.settings is None else app.load(spec.settings).value)
    active()  # compiled now, if ever: the emulated venue does not wait for it
    folder = _new_folder(data_dir)
    run_id = folder.name
    truth = folder / "truth.ndjson"
    with writing(folder), serving(dialect, SYMBOL, seed=seed, faults=_faults(seconds), truth=truth) as url:
        app.out.note(
            f"an emulated {VENUE} serves {SYMBOL} at {url}; {STRATEGY} trades there for {seconds:g} s"
        )
        live = _live(app, data_dir, folder, url, seconds)
    path, results = data_dir / RUNS / run_id, data_dir / RESULTS / run_id
    run = open_run(path)
    kits = kits_of(app, run)
    size = sum(reader.size for reader in run.shards)
    with app.out.progress("verifying", total=size, unit="bytes") as advance:
        report = verify(run, kits, advance)
    states, places = _read(run, kits)
    with app.out.progress("replaying", total=len(HASH_SEEDS), unit="processes") as advance:
        replays = [_replay(app, path, hash_seed, advance) for hash_seed in HASH_SEEDS]
    with app.out.progress("playing", total=1, unit="backtests") as advance:
        backtest = _backtest(app, data_dir, path, advance)
    evidence = Evidence(
        truth=[json.loads(line) for line in truth.read_bytes().splitlines()],
        report=report,
        connections=run.connections(),
        frame_places=places,
        states=states,
        live=live,
        summary=json.loads((results / "summary.json").read_bytes()),
        replays=replays,
        replayed=[json.loads(line) for line in replays],
    )
    return Demonstration(run_id, seed, seconds, folder, path, results, backtest, evidence)


def _new_folder(data_dir: Path) -> Path:
    """``demo/<run id>``, made now; its name is free as a run id, too."""
    stamp = f"{DEMO}-{default_run_id(time.time_ns())}"
    number = 1
    while True:
        name = stamp if number == 1 else f"{stamp}-{number}"
        folder = data_dir / DEMO / name
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            if not folder.exists() and not (data_dir / RUNS / name).exists():
                folder.mkdir()
                return folder
        number += 1


def _faults(seconds: float) -> str:
    """One corrupted checksum, and later one disconnect, in the middle where time allows."""
    cut_s = min(seconds / 2, seconds - _AFTER_CUT_S)
    return f"checksum@{cut_s / 2:.2f},disconnect@{cut_s:.2f}"


def _command(app: App, *arguments: str) -> list[str]:
    """``mm`` with the root options of this invocation."""
    root = [] if app.config is None else ["--config", app.config]
    if app.env_wins:
        root.append("--env-wins")
    return [sys.executable, "-m", "mm_framework", *root, *arguments]


def _live(app: App, data_dir: Path, folder: Path, url: str, seconds: float) -> dict[str, Any]:
    """Trade live and record; the JSON line."""
    command = _command(
        app, "run", f"{VENUE}:{SYMBOL}", "--mode", "live", *_TRADING,
        "--endpoint", url, "--duration-seconds", f"{seconds:g}", "--print-summary-json",
        "--record", folder.name, "--data-dir", str(data_dir),
    )  # fmt: skip
    log = folder / "live.log"
    with log.open("xb") as stderr, app.out.progress("capturing", int(seconds), "seconds") as advance:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr)
        try:
            printed = _watched(process, seconds, advance)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"the live run does not end after {seconds:g} s; {log} says more") from None
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    if process.returncode:
        said = _last_line(log.read_bytes())
        raise StepFailed(f"the live run ended with exit code {process.returncode}: {said}")
    document: dict[str, Any] = json.loads(printed)
    return document


def _watched(process: subprocess.Popen[bytes], seconds: float, advance: Callable[[int], None]) -> bytes:
    """What the process printed; tells the progress second by second. Raises TimeoutExpired."""
    for second in range(int(seconds + _GRACE_S)):
        try:
            return process.communicate(timeout=1.0)[0]
        except subprocess.TimeoutExpired:
            if second < int(seconds):
                advance(1)
    return process.communicate(timeout=1.0)[0]


def _replay(app: App, run: Path, hash_seed: str, advance: Callable[[int], None]) -> bytes:
    """What a replay in a process of its own prints."""
    command = _command(app, "run", "--mode", "replay", "--run-dir", str(run), *_TRADING, "--stable-json")
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    if done.returncode:
        raise StepFailed(f"a replay ended with exit code {done.returncode}: {_last_line(done.stderr)}")
    advance(1)
    return done.stdout


def _backtest(app: App, data_dir: Path, run: Path, advance: Callable[[int], None]) -> Path:
    """Play the strategy on the recording; the folder of the result."""
    result_id = f"{run.name}-backtest"
    command = _command(
        app, "backtest", "--run", str(run), "--strategy", STRATEGY, "--set", "urgency=taker", "--qa", "any",
        "--id", result_id, "--data-dir", str(data_dir), "--json",
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = _last_line(done.stderr)
        raise StepFailed(f"the backtest ended with exit code {done.returncode}: {said}")
    advance(1)
    return data_dir / RESULTS / result_id


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").split("\n")
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.strip()), "it said nothing")


def _read(run: Run, kits: Mapping[str, VenueKit]) -> tuple[list[StateAt], dict[tuple[int, int], int]]:
    """Changes of state, and the record index of each frame by connection and its number on that one.

    Record by record, so that each change has its own time. Raises CorruptFrame at damage.
    """
    states: list[StateAt] = []
    places: dict[tuple[int, int], int] = {}
    numbers: Counter[int] = Counter()
    feeds = {reader.shard: Feed(kits, reader.shard) for reader in run.shards}
    for shard, buffer in run.records():
        record = next(iter_records(buffer))
        if record.kind == RecordKind.FRAME:
            places[record.connection, numbers[record.connection]] = record.index
            numbers[record.connection] += 1
        for notice in feeds[shard].feed(buffer).notices:
            if isinstance(notice, StateChanged):
                states.append(StateAt(record.mono_ns, notice))
    return states, places
