"""``mm backtest``: strategies on recorded data, with latency and a queue; the result is a bundle."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.backtest_jobs import (
    Chosen,
    Named,
    chosen_store,
    configured,
    data_options,
    first_error,
    overridden,
    override,
    results_folder,
    run_options,
)
from mm_framework.cli.calibration_options import Wish, calibration_options, told_of
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.errors import ConfigError

if TYPE_CHECKING:
    from mm_framework.cli.run_calibration import Calibration
    from mm_framework.replay.tape import Tape
    from mm_framework.results.bundle import Result
    from mm_framework.results.play import Played
    from mm_framework.results.setup import Setup

__all__ = ["command"]

LEAST_RATED_S = 1.0


@click.command("backtest", cls=PluginCommand)
@data_options
@run_options
@calibration_options
@settings_options(CalibrationSettings)
@settings_options(AbSettings)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the strategy, or STRATEGY.KEY=VALUE, SECTION.KEY=VALUE; repeats.",
)
@click.option(
    "--latency-ladder",
    metavar="[X,X,...]",
    is_flag=False,
    flag_value="0,2,5",
    help="Also run with all latencies times X, and tell the profit of each; 0,2,5 unless said.",
)
@click.option("--no-report", is_flag=True, help="Draw no page; `mm report` does it later.")
@click.option("--id", "result_id", metavar="ID", help="Name of the result. [strategy and time]")
@json_option
@pass_app
def command(app: App, /, **options: Any) -> int:
    """Play strategies on recorded data and write results/ID: fills, orders, equity, summary, a page.

    INSTRUMENT is an id such as kraken:BTC/EUR, or a pattern such as 'binance:*'; all when none is named.
    Exit code 1 when a strategy failed: it was stopped there, and the result tells where.
    """
    from mm_framework.results.bundle import write_result
    from mm_framework.results.setup import build, versions_of

    chosen = Chosen(**{field.name: options[field.name] for field in attrs.fields(Chosen)})
    scales = _ladder(options["latency_ladder"])
    overrides = [override(one) for one in options["overrides"]]
    named = Named(options["strategies"], options["fee_model"], options["executions"])
    configuration = configured(app, named, overrides)
    setup = build(app.plugins, configuration, "the command line")
    started = datetime.now(UTC)
    folder = _folder(app, options["result_id"], options["strategies"], started)
    calibration = _calibration(app, options, named, overrides, folder.name)
    if calibration is not None:
        from mm_framework.cli.backtest_calibration import with_arms

        if calibration.test is not None and scales:
            raise ConfigError("--latency-ladder would repeat the A/B test: leave out one of them", key="ab")
        setup = with_arms(app, setup, calibration)
    versions = versions_of(app.plugins, configuration)
    result = _played(app, chosen, setup, calibration, scales, versions, started)
    result = write_result(folder, result.document, result.tables)
    page = None if options["no_report"] else _page(app, result)
    told = _document(result, page) | ({} if calibration is None else calibration.document())
    app.out.emit(told, lambda: _shown(app, result, page, told_of(told)))
    if error := first_error(result.document["errors"]):
        raise error
    return 0


def _calibration(
    app: App, options: dict[str, Any], named: Named, overrides: list[tuple[str, str]], name: str
) -> Calibration | None:
    """The logs and the A/B test that are asked for. Raises ConfigError, PluginError."""
    wish = Wish(options["calibration_logs"], options["ab"])
    if not wish.given(app):
        return None
    from mm_framework.cli.run_calibration import calibration_of

    with overridden(app, named, overrides):
        return calibration_of(app, options["strategies"], wish, name, "backtest")


def _ladder(text: str | None) -> list[float]:
    """The factors of ``--latency-ladder``. Raises ConfigError."""
    try:
        factors = [float(one) for one in (text or "").split(",") if one.strip()]
    except ValueError:
        factors = [-1.0]
    if not all(0 <= factor < 1e6 for factor in factors):
        raise ConfigError(
            f"--latency-ladder {text}: expected factors of 0 or more, such as 0,2,5", key="latency_ladder"
        )
    return factors


def _folder(app: App, given: str | None, strategies: tuple[str, ...], started: datetime) -> Path:
    """Where the result goes, which is looked at before the work. Raises ConfigError."""
    from mm_framework.bundle.names import check_run_id

    results = results_folder(app)
    if given is not None:
        folder = results / check_run_id(given)
        if folder.exists():
            raise ConfigError(f"{folder} exists and is never overwritten: choose another --id", key="id")
        return folder
    stamp = f"{'-'.join(strategies)[:40]}-{started:%Y%m%dT%H%M%SZ}"
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
    return next(results / name for name in names if not (results / name).exists())


def _played(
    app: App,
    chosen: Chosen,
    setup: Setup,
    calibration: Calibration | None,
    scales: list[float],
    versions: dict[str, str],
    started: datetime,
) -> Result:
    from mm_framework.replay.tape import load_tape
    from mm_framework.results.play import play, result_of

    with chosen_store(app, chosen) as store:
        tape = load_tape(store, chosen.request(), setup.trading.price_source, setup.trading.price_sources)
        with app.out.progress("playing", unit="messages") as advance:
            if calibration is None:
                played = play(tape, setup, progress=advance)
            else:
                from mm_framework.cli.backtest_calibration import play_watched

                played = play_watched(app, tape, setup, calibration, advance)
            ladder = [_rung(play, tape, setup, scale, advance) for scale in scales]
        return result_of(played, versions, run=chosen.run, ladder=ladder, started=started)


def _rung(play: Any, tape: Tape, setup: Setup, scale: float, advance: Any) -> dict[str, Any]:
    """What is left of the profit when all latencies are as many times as long."""
    from mm_framework.results.play import totals

    latency = attrs.evolve(setup.latency, scale=setup.latency.scale * scale)
    played: Played = play(tape, attrs.evolve(setup, latency=latency), grid=False, progress=advance)
    outcome = played.outcome
    return {"scale": scale, "fills": len(outcome.fills), "by_quote": totals(outcome.accounts)}


def _page(app: App, result: Result) -> Path | None:
    """The page of the result; None, with a note, where the libraries that draw are not installed."""
    from mm_framework.cli.report_cmd import write_page
    from mm_framework.errors import EnvironmentFailed
    from mm_framework.report.extra import need_plot_extra

    try:
        need_plot_extra()
    except EnvironmentFailed as error:
        app.out.note(f"no page: {error}")
        return None
    return write_page(result)


def _document(result: Result, page: Path | None) -> dict[str, Any]:
    document = result.document
    kept = ("ok", "errors", "data", "timeline", "hashes", "summary", "ladder", "timing")
    report = None if page is None else str(page)
    return {"result": str(result.path), "report": report, **{name: document[name] for name in kept}}


def _shown(app: App, result: Result, page: Path | None, watched: list[tuple[str, str]]) -> Any:
    document = result.document
    summary = document["summary"]
    rows: list[tuple[str, object]] = [
        ("result", result.path),
        *([] if page is None else [("page", page)]),
        ("data", f"{document['data']['rows']} rows of {', '.join(document['data']['instruments'][:5])}"),
        ("fills", f"{summary['fills']}, of {len(result.orders)} orders"),
        *([("refused", told)] if (told := _refused(summary)) else []),
    ]
    for account in document["accounts"]:
        money = account["money"]
        told = "total {total} = spread {spread} + adverse {adverse} + inventory {inventory} - fees {fees}"
        told = (told + " + mark {mark_adjustment}").format(**money)
        rows.append((account["strategy"], f"{account['instrument']}: {told} {money['quote']}"))
    for rung in document["ladder"]:
        profits = [f"{amounts['total']} {quote}" for quote, amounts in rung["by_quote"].items()]
        rows.append((f"latency x{rung['scale']:g}", f"{rung['fills']} fills, {', '.join(profits) or '0'}"))
    rows += [
        ("fees", _fees(document["configuration"]["fee_model"])),
        ("clock", _clock(document["timeline"])),
        ("engine", _engine(document["timing"])),
        *watched,
        ("intents", document["hashes"]["intents"]),
    ]
    return app.out.table(("", ""), rows)


def _refused(summary: Any) -> str:
    """What the allocator and the venue refused, most frequent first; empty for nothing."""
    refused = Counter(summary["refused_by_allocator"])
    for account in summary["accounts"]:
        refused.update(account["orders"]["refused"])
    return ", ".join(f"{reason} {count}" for reason, count in refused.most_common())


def _engine(timing: Any) -> str:
    """Which engine played, how fast, and what made it so where the compiled one was wished for.

    A short run tells no rate: most of its time the engine was made ready.
    """
    engine, why = timing["engine"]["name"], timing["engine"]["why"]
    long = timing["engine_s"] >= LEAST_RATED_S
    rate = f", {timing['messages_per_s']:,.0f} messages/s" if long else ""
    return f"{engine}{rate}" + (f": {why}" if why else "")


def _fees(model: Any) -> str:
    """The fee model; the default says that it is no venue's."""
    if model["name"] != "flat":
        return str(model["name"])
    return f"flat, {model['settings']['fee_bps']} bps of each fill; --fee-model takes a venue's own"


def _clock(timeline: Any) -> str:
    clocks = [
        f"{one['venue']} {one['theta_ns'] / 1e6:+.3f} ms ({one['source']})" for one in timeline["clocks"]
    ]
    shown = ", ".join(clocks[:3]) + (" ..." if len(clocks) > 3 else "")
    clipped = timeline["clipped_share"]
    return f"{shown}; {clipped:.2%} of the venue's times were clipped" if clipped is not None else shown
