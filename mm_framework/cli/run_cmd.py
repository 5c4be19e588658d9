"""``mm run``: strategies with simulated execution, on a recording or on a live feed.

Main path: the options become `RunOptions`, a job (`cli.run_jobs`) is prepared and done, and one JSON
line is printed whatever happened. `cli.audit_runs` does the same twice and compares.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mm_framework.bundle.settings import BundleSettings
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.calibrate.settings import (
    CollectorSettings,
    MdCacheSettings,
    PrometheusSettings,
    ScoreboardSettings,
)
from mm_framework.capture.settings import AlertSettings, CaptureSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.calibration_options import calibration_options, told_of
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.cli.run_options import RunOptions
from mm_framework.errors import MMError
from mm_framework.feed.config import FeedSettings
from mm_framework.settings import DataSettings, section_of
from mm_framework.trading.settings import LatencySettings, LimitSettings, MatchingSettings, TradingSettings

if TYPE_CHECKING:
    from mm_framework.cli.run_jobs import Job

__all__ = ["command"]

PLAIN_WIDTH = 1000  # of the summary in a file or a pipe: lines are not cut there
REPLAY_ONLY = ("run_dir", "max_seconds", "stable_json", "audit_determinism")
LIVE_ONLY = (
    "duration_seconds",
    "print_summary_json",
    "print_latency_report_json",
    "venue",
    "symbols",
    "channels",
    "depth",
    "shards",
    "endpoints",
)


class RunCommand(PluginCommand):
    """Keeps its arguments as they were given, so that the determinism audit can repeat them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the arguments, then parse as usual."""
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)


ARGUMENTS = "mm_framework.run_arguments"


@click.command("run", cls=RunCommand)
@click.argument("instruments", nargs=-1, metavar="[VENUE:SYMBOL]...")
@click.option(
    "--mode", type=click.Choice(["replay", "live"]), required=True, help="Play a recording, or listen."
)
@click.option(
    "--execution",
    type=click.Choice(["sim", "queue"]),
    default="sim",
    show_default=True,
    help="Simulated, no order leaves this machine. sim: takers only, answered at once. queue: as a backtest,"
    " orders rest, wait in line and take time ([matching], [order-latency]).",
)
@click.option("--strategy", "strategies", multiple=True, metavar="NAME", help="A strategy; repeats. [none]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the strategy, or NAME.KEY=VALUE, such as toy_spread.min_spread=0.10; repeats.",
)
@click.option("--fee-model", default="flat", show_default=True, metavar="NAME", help="What a fill costs.")
@click.option(
    "--record",
    metavar="RUN_ID",
    help="Write results/RUN_ID, and live also the bundle runs/RUN_ID. [write nothing]",
)
@calibration_options
@click.option(
    "--max-events", type=click.IntRange(0), metavar="N", help="Stop after N deliveries to the strategies."
)
@click.option("--print-pnl", is_flag=True, help="Add pnl to the JSON line.")
@click.option(
    "--print-refusals", is_flag=True, help="Add refusals to the JSON line: of each strategy, by reason."
)
@click.option("--print-hash", is_flag=True, help="Accepted; final_hash is always there.")
@click.option(
    "--print-features", is_flag=True, help="Add features to the JSON line: ten of each symbol, and its score."
)
@click.option("--run-dir", metavar="RUN", help="Replay: the bundle, its id or path.")
@click.option(
    "--max-seconds",
    type=FiniteRange(0),
    metavar="X",
    help="Replay: stop after X seconds of recorded time from the first frame.",
)
@click.option(
    "--stable-json", is_flag=True, help="Replay: the same run prints the same bytes (elapsed_ms is 0)."
)
@click.option(
    "--audit-determinism",
    is_flag=True,
    help="Replay: run twice, in two processes with different hash seeds; print PASS or FAIL.",
)
@click.option(
    "--duration-seconds",
    type=FiniteRange(0, min_open=True),
    metavar="X",
    help="Live: stop after X seconds. [at a signal]",
)
@click.option("--print-summary-json", is_flag=True, help="Live: only the JSON line, no summary on stderr.")
@click.option("--print-latency-report-json", is_flag=True, help="Live: add latency_report to the JSON line.")
@click.option("--venue", metavar="NAME", help="Live: the venue of --symbol.")
@click.option("--symbol", "symbols", multiple=True, metavar="NAME", help="Live: an instrument of --venue.")
@click.option(
    "--channel", "channels", multiple=True, metavar="NAME", help="Live: a channel. [book and trade]"
)
@click.option("--depth", type=int, metavar="N", help="Live: levels a side. [the venue's default]")
@click.option(
    "--shards", type=click.IntRange(1), help="Live: connections a venue. [as many as its limits ask for]"
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="[VENUE=]URL",
    help="Live: connect here, such as an emulator; repeats.",
)
@settings_options(TradingSettings)
@settings_options(LimitSettings)
@settings_options(MatchingSettings)
@settings_options(LatencySettings)
@settings_options(CalibrationSettings)
@settings_options(AbSettings)
@settings_options(MdCacheSettings)
@settings_options(CollectorSettings)
@settings_options(ScoreboardSettings)
@settings_options(PrometheusSettings)
@settings_options(CaptureSettings)
@settings_options(AlertSettings)
@settings_options(FeedSettings)
@settings_options(BundleSettings)
@settings_options(DataSettings)
@json_option
@click.pass_context
@pass_app
def command(app: App, context: click.Context, /, **options: Any) -> int:
    """Run strategies with simulated execution on a recording (replay) or on a live feed.

    Prints one JSON line on stdout, also when it fails, and a short summary on stderr. In a replay,
    instruments narrow the run down to these; live they say what to subscribe.
    """
    chosen = RunOptions(**options)
    _check_pairs(context, chosen)
    _check_execution(app, context, chosen)
    if chosen.audit_determinism:
        from mm_framework.cli.audit_runs import audit_determinism

        return audit_determinism(app, context.meta[ARGUMENTS])
    return _run(app, chosen)


def _check_pairs(context: click.Context, options: RunOptions) -> None:
    """Refuse options of the other mode, a replay without a bundle, an audit that would write."""
    foreign = LIVE_ONLY if options.mode == "replay" else REPLAY_ONLY
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in foreign and context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            other = "live" if options.mode == "replay" else "replay"
            raise click.UsageError(f"{parameter.opts[-1]} belongs to --mode {other}", context)
    if options.mode == "replay" and options.run_dir is None:
        raise click.UsageError("--mode replay needs --run-dir RUN", context)
    if options.audit_determinism and options.record is not None:
        raise click.UsageError("--audit-determinism writes nothing: leave out --record", context)
    if options.audit_determinism and (options.calibration_logs is not None or options.ab is not None):
        raise click.UsageError(
            "--audit-determinism writes nothing: leave out --calibration-logs and --ab", context
        )


def _check_execution(app: App, context: click.Context, options: RunOptions) -> None:
    """Refuse flags that the conservative simulation has no use for."""
    for settings in (MatchingSettings, LatencySettings):
        given = app.flags.get(section_of(settings), {})
        if given and options.execution == "sim":
            flag = next(iter(given.values())).origin.removeprefix("flag ")
            raise click.UsageError(f"{flag} belongs to --execution queue", context)


def _run(app: App, options: RunOptions) -> int:
    """Do it and print the line; errors are raised after that."""
    from mm_framework.cli.run_jobs import prepare
    from mm_framework.trading.results import run_document

    human = not (app.out.json or app.out.quiet or options.stable_json or options.print_summary_json)
    job: Job | None = None
    extra: dict[str, Any] = {}
    error: MMError | None = None
    started_ns = time.perf_counter_ns()
    try:
        job = prepare(app, options)
        started_ns = time.perf_counter_ns()
        extra = job.go()
    except MMError as failure:
        error = failure
    elapsed_ms = 0 if options.stable_json else (time.perf_counter_ns() - started_ns) // 1_000_000
    pipeline = None if job is None else job.pipeline
    document = run_document(
        pipeline,
        options.mode,
        elapsed_ms,
        execution=options.execution,
        pnl=options.print_pnl,
        refusals=options.print_refusals,
        error=error,
    )
    document |= extra
    if job is not None and job.writer is not None:
        try:
            job.writer.close(document, job.pipeline)
        except MMError as failure:
            error = error or failure
            document |= {"ok": False, "error": str(error)}
    app.out.json = True
    app.out.emit(document, sort_keys=True)
    if human and job is not None and error is None:
        _tell(app, job, extra)
    if error is None and pipeline is not None and pipeline.errors:
        error = pipeline.errors[0]
    if error is not None:
        raise error
    return 0


def _tell(app: App, job: Job, extra: Mapping[str, Any]) -> None:
    """The short summary for people, on stderr."""
    from rich.console import Console

    from mm_framework.trading.results import money_lines

    pipeline = job.pipeline
    refused = ", ".join(
        f"{actor.name}: {reason.text} {count}"
        for actor in pipeline.actors
        for reason, count in sorted(actor.refusals.items())
    )
    fills = sum(actor.fills for actor in pipeline.actors)
    rows: list[tuple[str, object]] = [
        ("events", f"{pipeline.canonical_events} of the best prices, {pipeline.deliveries} deliveries"),
        ("intents", f"{pipeline.intents.count}, submitted {pipeline.submitted}, fills {fills}"),
        ("hash", pipeline.intents.hexdigest()),
        *money_lines(pipeline.ledger.results()),
    ]
    if refused:
        rows.append(("refused", refused))
    if not pipeline.canonical_events:
        rows.append(("note", "no best price was seen: does --trading-price-source fit the recording?"))
    if job.writer is not None:
        rows.append(("results", job.writer.folder))
    rows += told_of(extra)
    width = None if sys.stderr.isatty() else PLAIN_WIDTH
    Console(stderr=True, highlight=False, width=width).print(app.out.table(("", ""), rows))
