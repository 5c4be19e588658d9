"""``mm export``: a run bundle as the files of a sink, or events in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.capture.settings import CaptureSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.export_events import FORMATS, EventExport, export_events
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.selection import qa_option, range_options
from mm_framework.cli.store_cmd import store_option
from mm_framework.errors import ConfigError
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.store.selection import Policy

__all__ = ["command"]


@click.command("export", cls=PluginCommand)
@click.argument("run", required=False)
@click.option(
    "--to",
    "name",
    required=True,
    metavar="NAME",
    help=f"A sink (bbo-csv, day-files, live, ...), or a format of other tools: {', '.join(FORMATS)}.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The new file or folder. [RUN-NAME, here]",
)
@store_option
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar="ID",
    help="Only this instrument (an id or a pattern); repeats. Formats only. [all]",
)
@range_options("--until", " Formats only.")
@qa_option(" Formats only.")
@click.option(
    "--assume-latency-ms",
    type=click.FloatRange(min=0.001),
    default=5.0,
    show_default=True,
    help="Latency of messages without a venue time, for hftbacktest.",
)
@settings_options(ClockSettings)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    run: str | None,
    name: str,
    out: Path | None,
    store: str | None,
    instruments: tuple[str, ...],
    from_time: str | None,
    to_time: str | None,
    qa: Policy,
    assume_latency_ms: float,
) -> None:
    """Write a run bundle as the files of a sink, or events in the format of another tool.

    RUN is a run id or the path of a bundle; a format also takes the events of a store, when no RUN is
    named. The content of a sink is what a capture with it would have written, and settings that are not
    given are those of the run. What exists is never overwritten, and nothing is left behind when it fails.
    """
    if run is not None and store is not None:
        raise ConfigError("RUN and --store exclude one another", key="store", value=store)
    if name in FORMATS:
        wanted = EventExport(name, run, store, instruments, from_time, to_time, qa, assume_latency_ms, out)
        export_events(app, wanted)
        return
    given = {"--store": store, "--instrument": instruments, "--from": from_time, "--until": to_time}
    _refuse_for_sinks(name, given)
    if run is None:
        raise ConfigError(f"--to {name} writes the files of a run: name its id or path", key="run")
    _export_sink(app, run, name, out)


def _refuse_for_sinks(name: str, given: dict[str, Any]) -> None:
    """A sink takes a whole run."""
    for option, value in given.items():
        if value:
            raise ConfigError(
                f"{option} is for the formats {', '.join(FORMATS)}; {name} takes a whole run:"
                " `mm slice` cuts one",
                key=option.strip("-"),
            )


def _export_sink(app: App, run: str, name: str, out: Path | None) -> None:
    from mm_framework.cli.bundles import kits_of, opened
    from mm_framework.cli.open_files import raise_open_files
    from mm_framework.cli.sink_options import make_sink, recorded_settings
    from mm_framework.sinks.export import export, sink_run

    bundle = opened(app, run)
    recorded = bundle.manifest.config
    spec, sink = make_sink(app, name, recorded)
    kits = kits_of(app, bundle), kits_of(app, bundle)
    clock = recorded_settings(app, ClockSettings, recorded)
    silence_s = recorded_settings(app, CaptureSettings, recorded).no_data_warn_s
    told = sink_run(bundle, kits[1], clock, app.load(DataSettings).value.dir, silence_s)
    if out is None:
        out = Path(f"{bundle.path.name}-{name}" + (".csv" if "file" in spec.capabilities else ""))
    size = sum(reader.size for reader in bundle.shards)
    raise_open_files()
    with app.out.progress("exporting", total=size, unit="bytes") as advance:
        made = export(bundle, sink, told, out, kits, advance)
    app.out.emit(
        {"ok": True, "run_id": told.run_id, "sink": name, "paths": [str(path) for path in made]},
        "\n".join(str(path) for path in made),
    )
