"""The options of runs and backtests that write calibration logs, or test two sets of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import click

from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.cli.app import App

__all__ = ["Wish", "calibration_options"]


@attrs.frozen
class Wish:
    """The options: ``logs`` is the folder of --calibration-logs, empty for that of the settings, None for no
    logs; ``ab`` the files of the two arms.
    """

    logs: str | None
    ab: tuple[str, str] | None

    def given(self, app: App) -> bool:
        """Whether anything is asked for, by an option or by the settings."""
        return self.logs is not None or self.ab is not None or app.load(CalibrationSettings).value.log


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
