"""``mm recover``: make an interrupted bundle whole and say what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.recover import RecoverReport

__all__ = ["command"]


@click.command("recover", cls=PluginCommand)
@click.argument("run")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str) -> None:
    """Repair a run bundle after a crash and say what was lost.

    RUN is a run id or the path of a bundle. Logs are cut at their first unreadable record (what is cut
    is kept in lost/), indexes and tables are made anew. A bundle that needs nothing is left as it is;
    a second call changes nothing.
    """
    from mm_framework.bundle.recover import recover
    from mm_framework.bundle.run import open_run
    from mm_framework.cli.bundles import find_run, kits_of

    path = find_run(app, run)
    report = recover(path, kits_of(app, open_run(path)))
    app.out.emit({"ok": True, **report.to_json()}, lambda: _shown(report))


def _shown(report: RecoverReport) -> str:
    before, after = report.state
    lines = [f"{report.run.name}: {after}" if before == after else f"{report.run.name}: {before} -> {after}"]
    lines += [
        f"cut {part.bytes} bytes of {part.file} at byte {part.offset}: {part.kept_in}" for part in report.lost
    ]
    if report.missing:
        lines.append(f"{report.missing} records are missing between segments")
    lines += [f"wrote {name}" for name in report.rewritten]
    if len(lines) == 1:
        lines.append("nothing was lost, nothing had to be written")
    return "\n".join(lines)
