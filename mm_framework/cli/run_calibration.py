"""The calibration logs and the A/B test of a run, as its options and settings ask for them.

calibration = calibration_of(app, strategies, wish, name)     None where nobody asked for either
calibration.strategies(build)                                 those of an A/B test have two arms
calibration.observers(app)                                    watch the run, `calibrate.chunk.ChunkObserver`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from mm_framework.calibrate.ab import AbRun, Rollback
from mm_framework.calibrate.ab_record import check_stage, record, write_report
from mm_framework.calibrate.ab_report import document
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.arms import two_arms
from mm_framework.calibrate.chunk import ChunkObserver
from mm_framework.calibrate.lines import iso
from mm_framework.calibrate.log import CalibrationLog
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.calibrate.run_log import Deadline, RunLog, RunName
from mm_framework.cli.app import App
from mm_framework.cli.calibration_options import Wish
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError, PluginError
from mm_framework.results.setup import values_of
from mm_framework.settings import ConfigFile, load, nearest, section_of

__all__ = ["Calibration", "calibration_of", "strategy_of"]

ROOT = "strategy"
"""The only tables that the file of an arm may have are ``[strategy.NAME]``."""


@attrs.frozen
class Calibration:
    """``test``: the A/B test, None without one; ``arms``: strategy -> its settings in A and in B."""

    name: RunName
    settings: CalibrationSettings
    logs: Path | None
    test: AbRun | None
    arms: Mapping[str, tuple[object, object]]

    def strategies(self, build: Callable[[str, object], Strategy]) -> dict[str, Strategy]:
        """Those of the A/B test, of two that ``build(name, settings)`` makes. Raises ConfigError."""
        if self.test is None:
            return {}
        return {
            name: two_arms(name, build(name, a), build(name, b), self.test.bucket)
            for name, (a, b) in self.arms.items()
        }

    def observers(self, app: App) -> list[ChunkObserver]:
        """Who watches the run. Raises EnvironmentFailed when a folder cannot be written."""
        deadline = Deadline(self.settings.tick_deadline_ms)
        found: list[ChunkObserver] = []
        if self.test is not None:
            folder = self.settings.reports_dir

            def acted(rollback: Rollback) -> None:
                assert self.test is not None
                app.out.note(told(rollback, online=self.test.rolled_back))
                write_report(folder, self.test, self.name)

            found.append(
                AbWatch(self.test, deadline, acted=acted, ended=lambda run: record(folder, run, self.name))
            )
        if self.logs is not None:
            found.append(RunLog(CalibrationLog(self.logs), self.name, deadline, self.settings.log_every))
        return found

    def configuration(self) -> dict[str, Any]:
        """What a result says of the test beside the settings of A, as JSON values; empty without one."""
        if self.test is None:
            return {}
        sides = {"a": 0, "b": 1}
        arms = {
            side: {name: values_of(both[place]) for name, both in self.arms.items()}
            for side, place in sides.items()
        }
        return {"ab": {**arms, "settings": values_of(self.test.settings)}}

    def document(self) -> dict[str, Any]:
        """The keys that the JSON line of a run has more."""
        found: dict[str, Any] = {}
        if self.logs is not None:
            found["calibration_logs"] = str(self.logs)
        if self.test is not None:
            report = self.settings.reports_dir / f"ab_run_{self.name.run_id}.md"
            found["ab"] = {**document(self.test), "report": str(report)}
        return found


def told(rollback: Rollback, *, online: bool) -> str:
    """A rollback in words."""
    what = "every symbol is back in A" if online else "the mode is dry: nothing is changed"
    values = f"A {rollback.a:.6g}, B {rollback.b:.6g}"
    return f"A/B: gate {rollback.gate} acted at {iso(rollback.ts_ms)} ({values}); {what}"


def calibration_of(
    app: App,
    strategies: Sequence[str],
    wish: Wish,
    run_id: str,
    mode: Literal["live", "replay", "backtest"],
    digest: str | None = None,
) -> Calibration | None:
    """None where neither logs nor a test are asked for. Raises ConfigError, PluginError."""
    if not wish.given(app):
        return None
    settings = app.load(CalibrationSettings).value
    logs = None
    if wish.logs is not None or settings.log:
        logs = Path(wish.logs) if wish.logs else settings.feeds_dir
    test, arms = None, {}
    if wish.ab is not None:
        judged = app.load(AbSettings).value
        test = AbRun(judged.routing, judged)
        arms = _arms(app, strategies, *map(Path, wish.ab))
        if mode == "live" and judged.mode == "online":
            check_stage(settings.reports_dir, judged.salt)
    return Calibration(RunName(run_id, mode, digest), settings, logs, test, arms)


def strategy_of(app: App, name: str, settings: object) -> Strategy:
    """A strategy with these settings. Raises PluginError for what its factory raises, or gives."""
    strategy = app.plugins.get("strategies", name).build(settings)
    if not isinstance(strategy, Strategy):
        raise PluginError(
            f"strategy {name!r}: its factory gave {type(strategy).__name__}, expected a Strategy",
            phase="factory",
        )
    return strategy


def _arms(app: App, strategies: Sequence[str], a: Path, b: Path) -> dict[str, tuple[object, object]]:
    files = [_arm_file(path, strategies) for path in (a, b)]
    names = sorted({name for file in files for name in file.data.get(ROOT, {})})
    if not names:
        raise ConfigError(f"--ab: neither {a} nor {b} has a table [{ROOT}.NAME] of a strategy", key="ab")
    first, second = ({name: _settings(app, name, file) for name in names} for file in files)
    return {name: (first[name], second[name]) for name in names}


def _arm_file(path: Path, strategies: Sequence[str]) -> ConfigFile:
    file = ConfigFile.read(path)
    for section in file.sections():
        root, _, name = section.partition(".")
        if root != ROOT:
            raise ConfigError(
                f"{path} has a section [{section}]: an arm of --ab may only have [{ROOT}.NAME]; the others"
                " are the same for both and belong to mm.toml",
                key=section,
            )
        if name not in strategies:
            raise ConfigError(
                f"{path}: strategy {name!r} is not run; {nearest(name, strategies)}", key=section
            )
    return file


def _settings(app: App, name: str, file: ConfigFile) -> object:
    """The settings of a strategy in an arm: its file over the run's; flags and variables are of both."""
    cls = app.plugins.get("strategies", name).settings
    if cls is None:
        raise ConfigError(f"strategy {name} has no settings to compare", key="ab")
    section = section_of(cls)
    base = {} if app.file is None else app.file.data.get(ROOT, {}).get(name, {})
    table = {**base, **file.data.get(ROOT, {}).get(name, {})}
    merged = ConfigFile(file.path, {ROOT: {name: table}})
    return load(
        cls,
        flags=app.flags.get(section),
        env=app.env,
        file=merged,
        defaults=app.defaults.get(section),
        env_wins=app.env_wins,
    ).value
