"""``mm prune``: remove runs that are older than a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.prune import RunFound

__all__ = ["command"]

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _age(context: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """The time that ``30d``, ``12h`` or ``2w`` means. Raises click.BadParameter."""
    match = re.fullmatch(r"([0-9]{1,5})([hdw])", value)
    if match is None:
        raise click.BadParameter(
            f"{value!r} is no age: give hours, days or weeks, such as 12h, 30d, 2w", context, parameter
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command("prune")
@click.option("--keep", callback=_age, required=True, metavar="AGE", help="Keep younger runs: 12h, 30d, 2w.")
@click.option("--delete", is_flag=True, help="Remove them; without it they are only listed.")
@click.option(
    "--only-stored",
    metavar="STORE",
    help="Keep those that are not in this store, with the same digest of their log.",
)
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, keep: timedelta, delete: bool, only_stored: str | None) -> None:
    """List the runs of the data directory that are older than --keep, or remove them with --delete.

    A run that is being written is never touched, nor one that was killed and not recovered, nor a folder
    that cannot be read. The age counts from the end of a run.
    """
    from mm_framework.bundle.prune import find_runs, remove_rests, remove_run

    data_dir = app.load(DataSettings).value.dir
    runs = find_runs(data_dir, keep, datetime.now(UTC))
    if only_stored is not None:
        runs = _stored(app, only_stored, runs)
    removed = []
    if delete:
        remove_rests(data_dir)
        with app.out.progress("removing", total=len(runs), unit="runs") as advance:
            for run in runs:
                if run.verdict == "remove" and remove_run(run):
                    removed.append(run.run_id)
                advance(1)
    old = [run for run in runs if run.verdict == "remove"]
    size = sum(run.bytes for run in old if not delete or run.run_id in removed)
    document = {
        "ok": True,
        "deleted": delete,
        "runs": [run.to_json() for run in runs],
        "removed": removed,
        "bytes": size,
    }
    rows = [(run.run_id, run.verdict, run.age_days, f"{run.bytes / 2**20:.1f}") for run in runs]
    told = f"{len(removed)} removed" if delete else f"{len(old)} would be removed by --delete"
    app.out.emit(document, lambda: _shown(app, rows, f"{told}, {size / 2**20:.1f} MiB"))


def _stored(app: App, url: str, runs: list[RunFound]) -> list[RunFound]:
    """The same with those kept that the store does not hold."""
    from mm_framework.cli.store_cmd import opened_store
    from mm_framework.store.holds import holds

    store = opened_store(app, url)
    return [
        attrs.evolve(run, verdict="not stored")
        if run.verdict == "remove" and not holds(store, run.path)
        else run
        for run in runs
    ]


def _shown(app: App, rows: list[tuple[Any, ...]], last: str) -> Any:
    from rich.console import Group

    table = app.out.table(("run", "", "age in days", "MiB"), rows)
    return Group(*([table, ""] if rows else []), last)
