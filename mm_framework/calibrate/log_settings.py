"""Settings of the calibration logs: whether, where and how often a run writes them."""

from __future__ import annotations

from pathlib import Path

import attrs

from mm_framework.contracts.bounds import more_than_zero
from mm_framework.settings import section, setting

__all__ = ["CalibrationSettings"]


@section("calibration")
@attrs.frozen
class CalibrationSettings:
    """The logs that a data set for calibration is made of, and reports of A/B tests."""

    log: bool = setting(False, help="Write the logs of fills and ticks, as --calibration-logs does.")
    feeds_dir: Path = setting(  # noqa: RUF009 - it makes a field, as attrs.field does
        Path("artifacts/edge/feeds"), help="Folder of the logs."
    )
    reports_dir: Path = setting(  # noqa: RUF009 - it makes a field, as attrs.field does
        Path("artifacts/edge/reports"), help="Folder of the reports of A/B tests."
    )
    log_every: int = setting(
        10, help="One line for so many wake-ups of a symbol in the log of ticks.", validator=more_than_zero
    )
    tick_deadline_ms: float = setting(
        150.0, help="A wake-up that takes longer misses its deadline, milliseconds.", validator=more_than_zero
    )
