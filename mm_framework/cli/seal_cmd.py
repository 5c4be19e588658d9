"""``mm seal``: compress the log of a run that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.seal import SealReport

__all__ = ["command"]


@click.command("seal")
@click.argument("run")
@click.option("--undo", is_flag=True, help="Give the segments their own files back.")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str, undo: bool) -> None:
    """Compress the log of a run that is over; every command reads it as before.

    RUN is a run id or the path of a bundle. Each segment is compressed beside itself, proved to give back
    the same bytes, noted in seal.json with both hashes, and only then removed. It may be killed at any
    moment and called again. A run that was killed is to be recovered first.
    """
    from mm_framework.bundle.seal import seal, unseal
    from mm_framework.cli.bundles import opened

    bundle = opened(app, run)
    size = sum(one.size for reader in bundle.shards for one in reader.segments)
    work = unseal if undo else seal
    with app.out.progress("unsealing" if undo else "sealing", total=size, unit="bytes") as advance:
        report = work(bundle.path, advance)
    document = {"ok": True, **report.to_json()}
    app.out.emit(document, lambda: _shown(report, undo=undo))


def _shown(report: SealReport, *, undo: bool) -> str:
    changed = len(report.changed)
    if undo:
        return f"{report.run.name}: {changed} segments have their own files back"
    raw = sum(one.raw_bytes for one in report.segments.values())
    sealed = sum(one.sealed_bytes for one in report.segments.values())
    ratio = f"{sealed / raw:.1%}" if raw else "-"
    return (
        f"{report.run.name}: {changed} segments sealed now, {len(report.segments)} in all: "
        f"{raw} bytes take {sealed} ({ratio})"
    )
