"""The options of runs and backtests that write calibration logs, or test two sets of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["calibration_options"]

F = TypeVar("F", bound=Callable[..., Any])


def calibration_options(function: F) -> F:
    """Decorator: ``--calibration-logs`` and ``--ab``."""
    function = click.option(
        "--ab",
        nargs=2,
        metavar="A.toml B.toml",
        help="Compare two sets of settings of the strategies ([strategy.NAME] in each file): some symbols get"
        " B's ([ab]). The report goes to artifacts/edge/reports.",
    )(function)
    return click.option(
        "--calibration-logs",
        metavar="[DIR]",
        is_flag=False,
        flag_value="",
        help="Write the logs of fills and ticks that `mm calibrate dataset` reads. [artifacts/edge/feeds]",
    )(function)
