"""The command line ``mm``: one thin module a verb, imported only when the verb is used.

Main path: `main` parses the root options, makes the `App`, imports the verb's module from `VERBS` and
calls its ``command``. An `MMError` becomes one line on stderr and its exit code.
"""

from __future__ import annotations

import click

from mm_framework import __version__
from mm_framework.cli.groups import LazyGroup

__all__ = ["EARLIER_NAMES", "VERBS", "main"]

# Verb -> module that exports ``command``, and its line in ``mm --help``, which imports none of them.
VERBS: dict[str, tuple[str, str]] = {
    "demo": (
        "mm_framework.cli.demo_cmd",
        "Capture, prove, replay and trade an emulated feed: the whole path.",
    ),
    "doctor": ("mm_framework.cli.doctor_cmd", "Look at this machine, this installation and its plugins."),
    "warmup": ("mm_framework.cli.warmup_cmd", "Compile the kernels now, once for this machine."),
    "config": ("mm_framework.cli.config_cmd", "Show settings and where each value comes from."),
    "plugins": ("mm_framework.cli.plugins_cmd", "List, show and check installed plugins."),
    "venues": ("mm_framework.cli.venues_cmd", "List venues, their channels and what each proves."),
    "new-plugin": (
        "mm_framework.cli.new_plugin_cmd",
        "Make the package of a venue, strategy, sink or check.",
    ),
    "discover": ("mm_framework.cli.discover_cmd", "List the instruments of a venue that can be captured."),
    "capture": ("mm_framework.cli.capture_cmd", "Record public market data of a venue into a run bundle."),
    "bench": ("mm_framework.cli.bench_cmd", "Measure capture on this machine against an emulated venue."),
    "emulate": (
        "mm_framework.cli.emulate_cmd",
        "Serve an emulated venue on this machine, with faults on demand.",
    ),
    "simulate": (
        "mm_framework.cli.simulate_cmd",
        "Capture emulated venues on virtual time under faults, and check everything.",
    ),
    "import": ("mm_framework.cli.import_cmd", "Turn recordings of other tools into a run bundle."),
    "export": ("mm_framework.cli.export_cmd", "Write the files of a sink from a run bundle."),
    "verify": ("mm_framework.cli.verify_cmd", "Prove that a run bundle is what the venue said."),
    "audit": ("mm_framework.cli.audit_cmd", "Ask the gates of a capture: was the plant healthy?"),
    "latency": ("mm_framework.cli.latency_cmd", "Report reconnects, drops, lag and pressure of a capture."),
    "inspect": ("mm_framework.cli.inspect_cmd", "Look into a run bundle."),
    "slice": ("mm_framework.cli.slice_cmd", "Cut a time range out of a run bundle."),
    "seal": ("mm_framework.cli.seal_cmd", "Compress the log of a run that is over."),
    "prune": ("mm_framework.cli.prune_cmd", "Remove runs that are older than a time."),
    "recover": ("mm_framework.cli.recover_cmd", "Repair a run bundle after a crash and say what was lost."),
    "analyze": ("mm_framework.cli.analyze_cmd", "Tell how old the best prices of a file were."),
    "qa": ("mm_framework.cli.qa_cmd", "Tell whether a file of best prices may be used."),
    "plot": ("mm_framework.cli.plot_cmd", "Draw prices, spread, depth and ages of a recording."),
    "store": ("mm_framework.cli.store_cmd", "Keep months of runs as tables that can be trusted and asked."),
    "calibrate": (
        "mm_framework.cli.calibrate_cmd",
        "Make data sets of the calibration logs of runs, and sum them up.",
    ),
    "history": (
        "mm_framework.cli.history_cmd",
        "Fetch candles and trades of the past from a venue; compare them with ours.",
    ),
    "replay": ("mm_framework.cli.replay_cmd", "Give the events of a store or a run in their order."),
    "research": (
        "mm_framework.cli.research_cmd",
        "Judge features, fair values and quoting models on unseen data.",
    ),
    "backtest": (
        "mm_framework.cli.backtest_cmd",
        "Play strategies on recorded data with latency and a queue; write a result.",
    ),
    "report": ("mm_framework.cli.report_cmd", "Draw the result of a backtest as one page for a browser."),
    "compare": ("mm_framework.cli.compare_cmd", "Hold results of backtests against each other."),
    "sweep": ("mm_framework.cli.sweep_cmd", "Backtest many settings on the same data, into one table."),
    "serve": (
        "mm_framework.cli.serve_cmd",
        "Serve books and trades over WebSockets and HTTP, with a page to look at.",
    ),
    "run": ("mm_framework.cli.run_cmd", "Run strategies with simulated execution, on a recording or live."),
}

# Names that verbs had in earlier tools; they work, and no help mentions them.
EARLIER_NAMES: dict[str, str] = {
    "capture-audit": "audit",
    "capture-bench": "bench",
    "capture-inspect": "inspect",
    "capture-latency-report": "latency",
    "capture-slice": "slice",
    "capture-verify": "verify",
    "gate": "audit",
    "validate-day": "verify",
}


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"mm-framework {__version__}")
        context.exit(0)


@click.group(
    "mm",
    cls=LazyGroup,
    verbs=VERBS,
    earlier_names=EARLIER_NAMES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--config", metavar="FILE", help="Read settings from this TOML file [MM_CONFIG, else ./mm.toml]."
)
@click.option("--env-wins", is_flag=True, help="Put variables above flags [MM_ENV_WINS].")
@click.option("-v", "--verbose", is_flag=True, help="Tell details.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only what went wrong, and the result.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version and leave.",
)
@click.pass_context
def main(context: click.Context, config: str | None, env_wins: bool, verbose: bool, quiet: bool) -> None:
    """Capture market data with proof, replay it bit for bit, run market-making strategies on it.

    Exit codes: 0 done and good, 1 done and the answer is no, 2 usage or configuration, 3 plugin,
    4 input unreadable, 5 environment, 130 interrupted.
    """
    from mm_framework.cli.app import App
    from mm_framework.cli.output import Output

    out = context.find_object(Output) or Output()
    out.verbose, out.quiet = verbose, quiet
    context.obj = App(config=config, env_wins=env_wins, out=out)
    context.with_resource(out.logs())
