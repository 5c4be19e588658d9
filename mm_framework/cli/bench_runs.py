"""One measurement of ``mm bench``: an emulated venue in a process of its own, and a capture of it here."""

from __future__ import annotations

import contextlib
import json
import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.latency import nearest_rank
from mm_framework.capture.heartbeat import Beat
from mm_framework.cli.app import App
from mm_framework.cli.live import LiveRequest, run_live
from mm_framework.errors import EnvironmentFailed

__all__ = ["BenchRow", "measure"]

STAGES: Final = ("recv_to_parsed_ms", "recv_to_applied_ms", "queue_depth", "backpressure_ms")
WARM_UP_BEATS: Final = 2
"""Heartbeats that do not count: snapshots come, code runs for the first time."""


@attrs.frozen
class BenchRow:
    """What a capture did at one rate. ``asked``: market events a second of all instruments together.

    ``frames_per_s``, ``bytes_per_s``: received. ``cpu_us_per_frame``: of all threads of the capture.
    ``loop_lag_ms`` and ``stages``: ``p50`` (median of the heartbeats), ``p99`` (of the heartbeats' p99),
    ``max``.
    """

    asked: float
    seconds: float
    frames: int
    frames_per_s: float
    bytes_per_s: float
    cpu_us_per_frame: float
    dropped_messages: int
    reconnects: int
    gaps: int
    checksums_failed: int
    loop_lag_ms: dict[str, float | None]
    stages: dict[str, dict[str, float | None]]


class _Beats:
    """Keeps the heartbeats of a run, and the processor time at each."""

    def __init__(self) -> None:
        self.beats: list[tuple[Beat, float]] = []

    def take(self, beat: Beat) -> None:
        self.beats.append((beat, time.process_time()))


def measure(
    app: App, venue: str, symbols: Sequence[str], rate: float, seconds: float, folder: Path, run_id: str
) -> BenchRow:
    """Capture an emulated venue for ``seconds``; ``rate``: market events a second of each instrument.

    The bundle goes to ``folder``. Raises what `run_live` raises, and EnvironmentFailed when no emulator
    comes up or the time was too short for heartbeats.
    """
    kept = _Beats()
    with _emulated(venue, symbols, rate) as (endpoint, listed), _quietly():
        request = LiveRequest(
            (),
            venue,
            tuple(listed),
            endpoints=(endpoint,),
            record=folder / run_id,
            max_seconds=seconds + WARM_UP_BEATS,
        )
        result = run_live(app, request, progress=kept.take)
    beats = kept.beats[WARM_UP_BEATS - 1 :]
    if len(beats) < 2:
        raise EnvironmentFailed(f"{seconds:g} s are too short to measure: give 3 or more with --seconds")
    (first, cpu0_s), (last, cpu1_s) = beats[0], beats[-1]
    frames = last.status.frames - first.status.frames
    elapsed_s = last.status.elapsed_s - first.status.elapsed_s
    counted = [beat for beat, _ in beats[1:]]
    return BenchRow(
        asked=rate * len(listed),
        seconds=round(elapsed_s, 3),
        frames=frames,
        frames_per_s=round(frames / elapsed_s, 1),
        bytes_per_s=round((last.overall["bytes"] - first.overall["bytes"]) / elapsed_s, 1),
        cpu_us_per_frame=round((cpu1_s - cpu0_s) / max(frames, 1) * 1e6, 1),
        dropped_messages=result.dropped_messages,
        reconnects=result.reconnects["total"],
        gaps=result.counts.gaps,
        checksums_failed=result.counts.checksums_failed,
        loop_lag_ms=_spread([{"p50": lag, "p99": lag, "max": lag} for lag in _lags(counted)]),
        stages={name: _spread(_windows(counted, name)) for name in STAGES},
    )


def _lags(beats: Sequence[Beat]) -> list[float]:
    return [beat.overall["loop_lag_ms"] for beat in beats]


def _windows(beats: Sequence[Beat], name: str) -> list[dict[str, float]]:
    found = (line[name] for beat in beats for line in beat.shards.values())
    return [window for window in found if window is not None]


def _spread(windows: Sequence[dict[str, float]]) -> dict[str, float | None]:
    if not windows:
        return {"p50": None, "p99": None, "max": None}
    return {
        "p50": statistics.median(window["p50"] for window in windows),
        "p99": nearest_rank(sorted(window["p99"] for window in windows), 99),
        "max": max(window["max"] for window in windows),
    }


@contextlib.contextmanager
def _emulated(venue: str, symbols: Sequence[str], rate: float) -> Iterator[tuple[str, list[str]]]:
    """The endpoint of ``mm emulate``, and the symbols that it lists. A steady market: no bursts."""
    words = ["--rate", f"{rate:g}", "--market-burst-factor", "1", "--market-quiet-factor", "1"]
    words += [word for symbol in symbols for word in ("--symbol", symbol)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_framework", "emulate", venue, "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        told: dict[str, Any] = json.loads(line) if line else {}
        if "endpoint" not in told:
            said = told.get("error") or process.stderr.read().strip()
            raise EnvironmentFailed(f"the emulated {venue} did not come up: {said}")
        yield told["endpoint"], told["symbols"]
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the log lines of a capture that is no news."""
    logger = logging.getLogger("mm_framework.capture")
    earlier = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(earlier)
