"""``mm research calibrate``: A, k and sigma for quoting models, from windows of the past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.backtest_jobs import results_folder
from mm_framework.cli.options import PluginCommand, settings_options
from mm_framework.cli.report_cmd import as_result
from mm_framework.cli.research_studies import data_options, read, tell
from mm_framework.errors import ConfigError
from mm_framework.research.settings import CalibrationSettings

__all__ = ["calibrate"]


@click.command("calibrate", cls=PluginCommand)
@data_options
@click.option(
    "--result",
    metavar="RESULT",
    help="Tell beside it how often the quotes of this backtest were filled: its id, or its path.",
)
@settings_options(CalibrationSettings)
@pass_app
def calibrate(app: App, /, **given: Any) -> int:
    """Estimate the rate of fills A exp(-k distance) and the volatility sigma of an instrument.

    In ticks and seconds, as the settings of avellaneda_stoikov and glft_grid; of the whole range of time,
    with intervals, and of windows along it that know their past alone. INSTRUMENT is an id such as
    kraken:BTC/EUR. Writes JSON, Markdown and HTML. The exit code is 1 when too few trades were seen.
    """
    from mm_framework.research.quote_study import own_quotes, sections, study

    settings = app.load(CalibrationSettings).value
    result = None if given["result"] is None else _result(app, given["result"])
    columns, note = read(app, given)
    if result is not None and not own_quotes(result["summary"], note.instrument):
        known = sorted({one["instrument"] for one in result["summary"]["accounts"]})
        raise ConfigError(
            f"the backtest {given['result']} had no order in {note.instrument}, but in"
            f" {', '.join(known) or 'no instrument'}",
            key="result",
            value=given["result"],
        )
    with app.out.progress("fitting", total=1, unit="studies") as advance:
        document = study(columns, note, settings, result)
        advance(1)
    ok = None not in document["strategy_settings"].values()
    tell(app, given["out"], document, f"Calibration: {note.instrument}", sections(document), ok=ok)
    return 0 if ok else 1


def _result(app: App, name: str) -> Mapping[str, Any]:
    """The document of a result. Raises StoreError and its kinds."""
    from mm_framework.results.bundle import read_result, result_path

    read = read_result(result_path(results_folder(app), name))
    with as_result(read):
        for one in read.summary["accounts"]:
            _ = one["strategy"], one["instrument"], one["own_rate"], one["by_distance"]
        _ = read.document["hashes"]["intents"]
    return read.document
