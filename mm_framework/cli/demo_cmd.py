"""``mm demo``: capture, prove, replay and trade an emulated feed, with a broken connection in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.demo import MIN_SECONDS
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]


@click.command("demo", cls=PluginCommand)
@click.option(
    "--seconds",
    type=FiniteRange(MIN_SECONDS),
    default=20.0,
    show_default=True,
    help="Time of the capture.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the emulated market.")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, seconds: float, seed: int) -> int:
    """Capture, prove, replay and trade an emulated feed: the whole path.

    Serves an emulated Kraken on this machine that corrupts one checksum and cuts the connection once;
    trades on it live while recording; verifies the recording; replays it in two processes; and holds
    everything against each other. Ends with PASS, or with FAIL and exit code 1. Each time it writes a
    run of its own, and demo/RUN_ID/report.html to look at.
    """
    from mm_framework.cli.demo.checks import judge
    from mm_framework.cli.demo.report import document, write
    from mm_framework.cli.demo.steps import StepFailed, demonstrate

    try:
        demo = demonstrate(app, seconds, seed)
    except StepFailed:
        if not app.out.json:
            click.echo("FAIL")
        raise
    found = document(demo, judge(demo.evidence))
    write(demo, found)
    app.out.emit(found, lambda: _shown(app, found))
    return 0 if found["ok"] else 1


def _shown(app: App, document: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from mm_framework.cli.demo.report import rows

    checks = [("ok" if one["ok"] else "NO", one["name"], one["told"]) for one in document["checks"]]
    short = [one["name"] for one in document["checks"] if not one["ok"]]
    verdict = "PASS" if document["ok"] else f"FAIL: not so: {'; '.join(short)}"
    tables = app.out.table(("", ""), rows(document)), app.out.table(("", "", ""), checks)
    return Group(*tables, "", Text(verdict, style="bold green" if document["ok"] else "bold red"))
