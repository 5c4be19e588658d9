"""``mm export``: a run bundle as the files of a sink."""

from __future__ import annotations

from pathlib import Path

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.settings import DataSettings

__all__ = ["command"]


@click.command("export", cls=PluginCommand)
@click.argument("run")
@click.option(
    "--to", "name", required=True, metavar="SINK", help="The kind of files: bbo-csv, day-files, live, ..."
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The new file or folder. [RUN-SINK, here]",
)
@settings_options(ClockSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str, name: str, out: Path | None) -> None:
    """Write the files of a sink from a run bundle.

    RUN is a run id or the path of a bundle. The content is what a capture with the same sink would have
    written, and settings that are not given are those of the run. What exists is never overwritten, and
    nothing is left behind when it fails.
    """
    from mm_framework.cli.bundles import kits_of, opened
    from mm_framework.cli.sink_options import make_sink, recorded_settings
    from mm_framework.sinks.export import export, sink_run

    bundle = opened(app, run)
    recorded = bundle.manifest.config
    spec, sink = make_sink(app, name, recorded)
    kits = kits_of(app, bundle), kits_of(app, bundle)
    clock = recorded_settings(app, ClockSettings, recorded)
    told = sink_run(bundle, kits[1], clock, app.load(DataSettings).value.dir)
    if out is None:
        out = Path(f"{bundle.path.name}-{name}" + (".csv" if "file" in spec.capabilities else ""))
    size = sum(reader.size for reader in bundle.shards)
    with app.out.progress("exporting", total=size, unit="bytes") as advance:
        made = export(bundle, sink, told, out, kits, advance)
    app.out.emit(
        {"ok": True, "run_id": told.run_id, "sink": name, "paths": [str(path) for path in made]},
        "\n".join(str(path) for path in made),
    )
