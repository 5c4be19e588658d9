"""The live runs of strategies beside the server: what they tell of themselves in files.

<data dir>/running/<run>.json        `answers.StrategyNow`, anew once a second, gone at the end of the run
<data dir>/running/<run>.metrics     `MetricsNow`, likewise, of a run that keeps metrics
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, TypeVar

import attrs
import msgspec

from mm_framework.calibrate.families import Family, Row
from mm_framework.serve.answers import StrategyNow

__all__ = ["FRESH_MS", "METRICS", "RUNNING", "STATUS", "Attached", "MetricsNow"]

RUNNING: Final = "running"
STATUS: Final = ".json"
METRICS: Final = ".metrics"
FRESH_MS: Final = 10_000
"""A file that was not written for so long is of a run that was killed."""


class MetricsNow(msgspec.Struct, frozen=True):
    """What a run shows to Prometheus."""

    run_id: str
    ts_ms: int
    families: list[Family]


class _Told(Protocol):
    @property
    def ts_ms(self) -> int: ...


T = TypeVar("T", bound=_Told)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Attached:
    """Reads what the runs below ``data_dir`` tell. ``now_ms``: the clock, Unix time in ms."""

    def __init__(self, data_dir: Path, now_ms: Callable[[], int] = _now_ms) -> None:
        self._folder, self._now_ms = data_dir / RUNNING, now_ms
        self._status = msgspec.json.Decoder(StrategyNow)
        self._metrics = msgspec.json.Decoder(MetricsNow)

    def now(self) -> StrategyNow | None:
        """The run that told last, None when none is going on."""
        return max(self._read(STATUS, self._status), key=lambda one: one.ts_ms, default=None)

    def metrics(self) -> list[Family]:
        """The metrics of all runs that are going on: a family each name, rows with the label ``run``."""
        found: dict[str, Family] = {}
        for told in sorted(self._read(METRICS, self._metrics), key=lambda one: one.run_id):
            for family in told.families:
                rows = [Row(row.value, {**row.labels, "run": told.run_id}) for row in family.rows]
                known = found.setdefault(family.name, attrs.evolve(family, rows=[]))
                found[family.name] = attrs.evolve(known, rows=[*known.rows, *rows])
        return list(found.values())

    def _read(self, suffix: str, decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
        for path in self._folder.glob(f"*{suffix}"):
            try:
                told = decoder.decode(path.read_bytes())
            except (OSError, msgspec.DecodeError):  # it ended meanwhile, or is none of ours
                continue
            if abs(self._now_ms() - told.ts_ms) <= FRESH_MS:
                yield told
