"""``mm import``: recordings of other tools become a run bundle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm_framework import __version__
from mm_framework.bundle.containers import FORMATS
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.importer import ImportReport

__all__ = ["command"]


@click.command("import", cls=PluginCommand)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "container",
    type=click.Choice(["auto", *FORMATS]),
    default="auto",
    help="The container of the files. [auto: told by their first line]",
)
@click.option("--venue", required=True, metavar="NAME", help="The venue that was recorded, such as kraken.")
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    metavar="NAME",
    help="Only this instrument, by its id or the venue's name; repeats. [all that appear]",
)
@click.option("--out", required=True, metavar="RUN", help="The new run: its id, or a path.")
@click.option(
    "--assume-receive",
    metavar="venue|fixed:NS",
    help="Receive times for a recording without: the venue's, or NS for the first frame and 1 us more "
    "for each next. [none: the run is untimed]",
)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    files: tuple[Path, ...],
    container: str,
    venue: str,
    symbols: tuple[str, ...],
    out: str,
    assume_receive: str | None,
) -> None:
    """Turn recordings of other tools into a run bundle.

    Several FILEs, in the order given, are one run; gzip is recognised. Nothing half-made stays behind
    after an error, and an existing run is never touched.
    """
    from mm_framework.bundle.importer import ImportRequest, import_recording
    from mm_framework.bundle.manifest import PluginUsed
    from mm_framework.cli.bundles import new_run
    from mm_framework.plugins.kits import venue_kits

    request = ImportRequest(files, venue, new_run(app, out), container, symbols, assume_receive)
    kit = venue_kits(app.plugins, [venue], lambda settings: app.load(settings).value)[venue]
    report = import_recording(
        request,
        kit,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        made_by=f"mm-framework {__version__}",
        plugins=[PluginUsed(**plugin) for plugin in app.plugins.versions()],
        config={section: loaded.to_json() for section, loaded in app.loaded.items()},
    )
    document = {"ok": True, "path": str(request.out), **report.to_json()}
    app.out.emit(document, lambda: _shown(report, request.out))


def _shown(report: ImportReport, path: Path) -> str:
    counts = report.counts
    lines = [
        f"{report.run_id}: {report.records} records, {counts['frames']} frames ({counts['data']} data, "
        f"{counts['control']} control, {counts['heartbeats']} heartbeats, {counts['unknown']} unknown, "
        f"{counts['malformed']} malformed)",
        f"instruments: {', '.join(report.instruments) or 'none'}",
    ]
    if report.untimed:
        lines.append("untimed: the recording has no receive times")
    if report.steps_back:
        lines.append(
            f"{report.steps_back} receive times go back; they are kept, the order is the recording's"
        )
    return "\n".join([*lines, f"next: mm verify {path}"])
