"""The options of runs and backtests that write calibration logs, or test two sets of settings; what people
are told of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import click

from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.cli.app import App
from mm_framework.errors import ConfigError
from mm_framework.settings import section_of

__all__ = ["Wish", "calibration_options", "told_of"]


@attrs.frozen
class Wish:
    """The options: ``logs`` is the folder of --calibration-logs, empty for that of the settings, None for no
    logs; ``ab`` the files of the two arms.
    """

    logs: str | None
    ab: tuple[str, str] | None

    def given(self, app: App) -> bool:
        """Whether anything is asked for, by an option or by the settings. Raises ConfigError for flags of an
        A/B test without one.
        """
        flags = app.flags.get(section_of(AbSettings), {})
        if self.ab is None and flags:
            flag = next(iter(flags.values())).origin.removeprefix("flag ")
            raise ConfigError(f"{flag} belongs to --ab A.toml B.toml, which is not given", key="ab")
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


def told_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of a summary, from what `Calibration.document` adds to the document of a run."""
    lines = []
    if logs := document.get("calibration_logs"):
        lines.append(("logs", logs))
    if test := document.get("ab"):
        lines.append(("A/B", f"{test['mode']}: {test['reason'] or 'no gate acted'}; {test['report']}"))
    return lines
