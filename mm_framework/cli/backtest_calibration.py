"""A backtest that is watched: it writes calibration logs, or tests two sets of settings.

It is played by the interpreted engine, whose desk tells what it does; the result is that of any backtest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from mm_framework.calibrate.chunks import ChunkWriter
from mm_framework.cli.app import App
from mm_framework.cli.run_calibration import Calibration, strategy_of
from mm_framework.errors import ConfigError
from mm_framework.replay.tape import Tape
from mm_framework.results.play import Played, play
from mm_framework.results.setup import Setup
from mm_framework.trading.desk import Desk, Observer
from mm_framework.trading.engine import Engine
from mm_framework.trading.matching import MatchingEngine

__all__ = ["play_watched", "with_arms"]


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
            engine=partial(Engine, choice="interpreted", observe=observe),
            progress=progress,
        )
        writer.end()
    finally:
        writer.close()
    return played
