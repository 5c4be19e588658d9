"""``mm research calibrate``: A, k and sigma for quoting models, from windows of the past."""

from __future__ import annotations

from typing import Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, settings_options
from mm_framework.cli.research_studies import data_options, read, tell
from mm_framework.research.settings import CalibrationSettings

__all__ = ["calibrate"]


@click.command("calibrate", cls=PluginCommand)
@data_options
@settings_options(CalibrationSettings)
@pass_app
def calibrate(app: App, /, **given: Any) -> int:
    """Estimate the rate of fills A exp(-k distance) and the volatility sigma of an instrument.

    In ticks and seconds, as the settings of avellaneda_stoikov and glft_grid; of the whole range of time,
    with intervals, and of windows along it that know their past alone. INSTRUMENT is an id such as
    kraken:BTC/EUR. Writes JSON, Markdown and HTML. The exit code is 1 when too few trades were seen.
    """
    from mm_framework.research.quote_study import sections, study

    settings = app.load(CalibrationSettings).value
    columns, note = read(app, given)
    with app.out.progress("fitting", total=1, unit="studies") as advance:
        document = study(columns, note, settings)
        advance(1)
    ok = None not in document["strategy_settings"].values()
    tell(app, given["out"], document, f"Calibration: {note.instrument}", sections(document), ok=ok)
    return 0 if ok else 1
