"""What is kept of A/B tests: a report a run, and a line a run that says how far its test had been raised.

artifacts/edge/reports/ab_run_<run>.md       the report
artifacts/edge/reports/ab_stages.jsonl       Stage: a line a run; the salt names the experiment
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from mm_framework.bundle.disk import replace_file, writing
from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.ab_report import markdown
from mm_framework.calibrate.lines import encode, iso, read
from mm_framework.calibrate.run_log import RunName
from mm_framework.errors import ConfigError

__all__ = ["FILE", "Stage", "check_stage", "record", "stages_of", "write_report"]

FILE: Final = "ab_stages.jsonl"


class Stage(msgspec.Struct, frozen=True):
    """A run of an A/B test. ``split``: percent of B; ``rollback``: when a gate sent everything back to A."""

    ts: int | None
    run_id: str
    run_mode: Literal["live", "replay", "backtest"]
    mode: Literal["dry", "online"]
    salt: str
    split: float
    rollback: str | None = None


def stages_of(folder: Path, salt: str) -> list[Stage]:
    """The earlier runs of an experiment, as they were written."""
    path = folder / FILE
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return [one for one in read(lines, Stage) if one is not None and one.salt == salt]


def check_stage(folder: Path, salt: str) -> None:
    """Raises ConfigError for the salt of an experiment whose live run was rolled back: that is for good."""
    for one in stages_of(folder, salt):
        if one.run_mode == "live" and one.rollback is not None:
            raise ConfigError(
                f"the A/B test of salt {salt!r} was rolled back in run {one.run_id} at {one.rollback}: change"
                " what B does and take a new --ab-salt, or use --ab-mode dry",
                key="ab.salt",
                value=salt,
            )


def write_report(folder: Path, run: AbRun, name: RunName) -> Path:
    """Write the report of a run, anew when it is there. Raises EnvironmentFailed."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ab_run_{name.run_id}.md"
    earlier = [_told(one) for one in stages_of(folder, run.routing.salt) if one.run_id != name.run_id]
    replace_file(path, markdown(run, name.run_id, earlier=earlier).encode())
    return path


def record(folder: Path, run: AbRun, name: RunName) -> Path:
    """Write the report of a run that is over, and its line. Raises EnvironmentFailed."""
    path = write_report(folder, run, name)
    stage = Stage(
        ts=run.started_ms,
        run_id=name.run_id,
        run_mode=name.mode,
        mode=run.settings.mode,
        salt=run.routing.salt,
        split=round(100 * run.routing.split_pct, 6),
        rollback=iso(run.rollback.ts_ms) if run.rollback is not None and run.rolled_back else None,
    )
    with writing(folder / FILE):
        file = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, encode(stage))
        finally:
            os.close(file)
    return path


def _told(one: Stage) -> str:
    back = "" if one.rollback is None else f", rolled back at {one.rollback}"
    return f"{one.split:g} % to B, {one.mode}, run {one.run_id}{back}"
