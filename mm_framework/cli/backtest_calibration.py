"""A backtest that is watched: it writes calibration logs, or tests two sets of settings.

It is played by the interpreted engine, whose desk tells what it does; the result is that of any backtest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs

from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.chunks import ChunkWriter
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.calibrate.run_log import Deadline, RunName
from mm_framework.cli.app import App
from mm_framework.cli.run_calibration import Calibration, strategy_of
from mm_framework.errors import ConfigError
from mm_framework.replay.tape import Tape
from mm_framework.results.play import Played, play
from mm_framework.results.setup import Setup, settings_from
from mm_framework.trading.desk import Desk, Observer
from mm_framework.trading.engine import Engine
from mm_framework.trading.matching import MatchingEngine

__all__ = ["Observe", "as_recorded", "play_watched", "with_arms"]

Observe = Callable[[Desk, MatchingEngine], Observer]
"""Makes who hears what the desk of a backtest does."""


def with_arms(app: App, setup: Setup, calibration: Calibration) -> Setup:
    """The setup with the strategies of the A/B test, if there is one. Raises ConfigError, PluginError."""
    if setup.backtest.engine == "compiled":
        raise ConfigError(
            "the compiled engine cannot be watched: leave out --calibration-logs and --ab, or"
            " --backtest-engine compiled",
            key="backtest.engine",
            value="compiled",
        )
    arms = calibration.strategies(partial(strategy_of, app))
    return attrs.evolve(
        setup,
        strategies={**setup.strategies, **arms},
        configuration={**setup.configuration, **calibration.configuration()},
    )


def as_recorded(app: App, setup: Setup, origin: str) -> tuple[Setup, Observe | None]:
    """The setup of a result with the A/B test that its configuration tells, and who watches the desk so that
    the gates act as they did; nothing is written. Without a test it is the setup itself, and nobody watches.

    Raises ConfigError, PluginError.
    """
    told = setup.configuration.get("ab")
    if told is None:
        return setup, None
    judged = settings_from(AbSettings, told["settings"], origin)
    test = AbRun(judged.routing, judged)
    arms: dict[str, tuple[object, object]] = {}
    for name in told["a"]:
        cls = app.plugins.get("strategies", name).settings
        if cls is None:
            raise ConfigError(f"strategy {name} has no settings, but {origin} has two sets of them", key="ab")
        a, b = (settings_from(cls, told[side][name], origin) for side in ("a", "b"))
        arms[name] = (a, b)
    calibration = Calibration(RunName(origin, "backtest"), CalibrationSettings(), None, test, arms)
    # No clock runs in a backtest: the limit of a tick is never reached.
    writer = ChunkWriter([AbWatch(test, Deadline(math.inf))])

    def observe(desk: Desk, venue: MatchingEngine) -> Observer:
        writer.attach(desk, venue=venue, wall=True)
        return writer

    return with_arms(app, setup, calibration), observe


def play_watched(
    app: App, tape: Tape, setup: Setup, calibration: Calibration, progress: Callable[[int], object]
) -> Played:
    """Play it and write what was asked for. Raises EnvironmentFailed."""
    named = attrs.evolve(calibration.name, digest=tape.data.get("store_digest"))
    writer = ChunkWriter(attrs.evolve(calibration, name=named).observers(app))

    def observe(desk: Desk, venue: MatchingEngine) -> Observer:
        writer.attach(desk, venue=venue, wall=True)
        return writer

    try:
        played = play(
            tape,
            setup,
            engine=partial(
                Engine, choice="interpreted", why="an A/B test or logs watch its desk", observe=observe
            ),
            progress=progress,
        )
        writer.end()
    finally:
        writer.close()
    return played
