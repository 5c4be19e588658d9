"""``mm slice``: cut a part out of a run bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, run_argument, settings_options
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.manifest import Manifest
    from mm_framework.bundle.slice import Cut

__all__ = ["command"]


@click.command("slice", cls=PluginCommand)
@run_argument()
@click.option("--out", required=True, metavar="RUN", help="Run id or path of the new bundle.")
@click.option("--from", "from_time", metavar="TIME", help="Receive time of the first record, ISO 8601, UTC.")
@click.option("--to", "to_time", metavar="TIME", help="Receive time before which it ends.")
@click.option("--from-mono", type=int, metavar="NS", help="The same by mono_ns, for untimed runs.")
@click.option("--to-mono", type=int, metavar="NS", help="The mono_ns before which it ends.")
@click.option("--from-index", type=int, metavar="N", help="The same by record index, for a run of one shard.")
@click.option("--to-index", type=int, metavar="N", help="The index before which it ends.")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, /, run: str, out: str, **given: str | int | None) -> None:
    """Cut a time range out of a run bundle into a bundle of its own.

    RUN is a run id or the path of a bundle. The range is half-open. The new bundle begins with the state
    at its start, so that it gives the same events and books as the whole from there on.
    """
    from mm_framework.bundle.slice import slice_run
    from mm_framework.cli.bundles import kits_of, new_run, opened

    bundle = opened(app, run)
    cut = _cut(bundle.manifest, given)
    report = slice_run(bundle, kits_of(app, bundle), new_run(app, out), cut)
    app.out.emit({"ok": True, **report.to_json()}, f"{report.path}: {report.records} records")


def _cut(manifest: Manifest, given: dict[str, str | int | None]) -> Cut:
    from mm_framework.bundle.slice import Cut
    from mm_framework.bundle.times import parse_utc

    by = {key.rpartition("_")[2] for key, value in given.items() if value is not None}
    if len(by) != 1:
        raise ConfigError(
            "give one range: --from and --to, or --from-mono and --to-mono, or --from-index and --to-index"
        )
    unit = by.pop()
    start, end = given[f"from_{unit}"], given[f"to_{unit}"] if unit != "time" else given["to_time"]
    if unit == "time":
        return Cut.by_time(
            manifest,
            None if start is None else parse_utc(str(start)),
            None if end is None else parse_utc(str(end)),
        )
    return Cut(
        None if start is None else int(start), None if end is None else int(end), by_index=unit == "index"
    )
