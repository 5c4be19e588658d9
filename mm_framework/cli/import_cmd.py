"""``mm import``: recordings of other tools become a run bundle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mm_framework import __version__
from mm_framework.bundle.containers import FORMATS
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.import_candles import candle_archives, import_candles
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.errors import ConfigError
from mm_framework.formats.binance_data import ZIP
from mm_framework.formats.tardis import TARDIS
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.dataset_import import DatasetRequest
    from mm_framework.bundle.datasets import Named
    from mm_framework.bundle.importer import ImportReport, ImportRequest
    from mm_framework.contracts.adapter import Adapter

__all__ = ["command"]

_DATASETS: Final = (TARDIS, ZIP)


@click.command("import", cls=PluginCommand)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "container",
    type=click.Choice(["auto", *FORMATS, *_DATASETS]),
    default="auto",
    help="The container of the files. [auto: told by their first line]",
)
@click.option(
    "--venue",
    metavar="NAME",
    help="The venue that was recorded, such as kraken; data sets may say it themselves.",
)
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    metavar="NAME",
    help="Only this instrument, by its id or the venue's name; repeats. [all that appear]",
)
@click.option(
    "--out",
    metavar="RUN",
    help="The new run: its id, or a path. Of candles the folder that they go below. [the data directory]",
)
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
    venue: str | None,
    symbols: tuple[str, ...],
    out: str | None,
    assume_receive: str | None,
) -> None:
    """Turn recordings and data sets of other tools into a run bundle.

    Several FILEs, in the order given, are one run; gzip is recognised. Files of tardis-csv and binance-zip
    are put in the order of their times; candles of binance-zip become files of the day folders. Nothing
    half-made stays behind after an error, and an existing run is never touched.
    """
    from mm_framework.bundle.dataset_import import DatasetRequest
    from mm_framework.bundle.importer import ImportRequest
    from mm_framework.cli.bundles import new_run

    candles = candle_archives(files) if container == ZIP else []
    if candles:
        import_candles(app, candles, venue, out, partial(_namer, app))
        return
    if out is None:
        raise ConfigError("name the new run with --out", key="out")
    path = new_run(app, out)
    if container in _DATASETS:
        report = _dataset(app, DatasetRequest(files, container, path, venue, symbols, assume_receive))
    elif venue is None:
        raise ConfigError("name the venue that was recorded with --venue, such as kraken", key="venue")
    else:
        report = _recording(app, ImportRequest(files, venue, path, container, symbols, assume_receive))
    document = {"ok": True, "path": str(path), **report.to_json()}
    app.out.emit(document, lambda: _shown(report, path))


def _recording(app: App, request: ImportRequest) -> ImportReport:
    from mm_framework.bundle.importer import import_recording
    from mm_framework.plugins.kits import venue_kits

    kit = venue_kits(app.plugins, [request.venue], lambda settings: app.load(settings).value)[request.venue]
    return import_recording(request, kit, **_made(app))


def _dataset(app: App, request: DatasetRequest) -> ImportReport:
    from mm_framework.bundle.dataset_import import import_dataset

    with app.out.progress("importing", unit="bytes") as advance:
        return import_dataset(request, partial(_namer, app), **_made(app), progress=advance)


def _made(app: App) -> dict[str, Any]:
    """What the manifest says of the making: settings are those that were loaded by now."""
    from mm_framework.bundle.manifest import PluginUsed

    return {
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "made_by": f"mm-framework {__version__}",
        "plugins": [PluginUsed(**plugin) for plugin in app.plugins.versions()],
        "config": {section: loaded.to_json() for section, loaded in app.loaded.items()},
    }


def _namer(app: App, venue: str) -> Callable[[str], Named]:
    """Names as the venue's plugin gives them; the venue's own where no plugin offers it."""
    from mm_framework.bundle.datasets import Named

    if venue not in app.plugins.all("adapters"):
        return lambda symbol: Named(f"{venue}:{symbol}")
    spec = app.plugins.get("adapters", venue)
    adapter: Adapter = spec.build(None if spec.settings is None else app.load(spec.settings).value)
    return lambda symbol: Named(adapter.instrument_id(symbol), adapter.base_quote(symbol))


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
