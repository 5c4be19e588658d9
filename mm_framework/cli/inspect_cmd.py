"""``mm inspect``: look into a run bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, run_argument, settings_options
from mm_framework.model.frame import RecordKind
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.inspect import Selection
    from mm_framework.bundle.run import Run

__all__ = ["command"]

KINDS = [kind.name.lower() for kind in RecordKind]


@click.command("inspect", cls=PluginCommand)
@run_argument()
@click.option("--records", is_flag=True, help="Show single records instead of the summary.")
@click.option(
    "--last-frames",
    is_flag=True,
    help="Show the last records that a run kept from its memory when an error ended it.",
)
@click.option("--rows", is_flag=True, help="Show the rows that the records give.")
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only records of this kind; repeats."
)
@click.option("--shard", type=int, metavar="N", help="Only this shard.")
@click.option("--from-index", type=int, default=0, metavar="N", help="Begin at this record of each shard.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, metavar="N", help="Show at most so many. [20]"
)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    run: str,
    records: bool,
    last_frames: bool,
    rows: bool,
    kinds: tuple[str, ...],
    shard: int | None,
    from_index: int,
    limit: int,
) -> None:
    """Look into a run bundle.

    RUN is a run id or the path of a bundle. Without --records, --last-frames or --rows: what it holds,
    in numbers.
    """
    from mm_framework.bundle.inspect import Selection
    from mm_framework.cli.bundles import opened

    bundle = opened(app, run)
    numbers = frozenset(RecordKind[kind.upper()] for kind in kinds)
    selection = Selection(numbers, shard, from_index, limit)
    if rows:
        _show_rows(app, bundle, selection)
    elif records or last_frames:
        _show_records(app, bundle, selection, last=last_frames)
    else:
        _show_summary(app, bundle)


def _show_summary(app: App, run: Run) -> None:
    from mm_framework.bundle.inspect import summarize

    summary = summarize(run)
    app.out.emit({"ok": True, **summary}, lambda: _summary(app, summary))


def _summary(app: App, summary: dict[str, Any]) -> Any:
    from rich.console import Group

    head = [
        ("run", summary["run_id"]),
        ("state", ", ".join((summary["state"], *summary["flags"]))),
        ("created", f"{summary['created']} by {summary['made_by']}"),
        ("venues", ", ".join(summary["venues"])),
        ("instruments", ", ".join(sorted({one["id"] for one in summary["instruments"]}))),
        ("connections", sum(one["event"] == "open" for one in summary["connections"])),
    ]
    if summary["fatal"] is not None:
        head.append(("fatal", f"{summary['fatal'].get('type')}: {summary['fatal'].get('error')}"))
    if summary["missing"] is not None:
        silent = [str(one.get("instrument")) for one in summary["missing"].get("missing", [])]
        head.append(("never spoke", ", ".join(silent)))
    head += [
        (one["file"], f"{one['records']} records, {one['first_index']} to {one['last_index']}")
        for one in summary["last_frames"]
    ]
    kinds = [(name, one["records"], one["bytes"]) for name, one in summary["kinds"].items()]
    shards = [
        (
            one["shard"],
            len(one["segments"]),
            one["records"],
            one["first_wall"],
            one["last_wall"],
            _faults(one),
        )
        for one in summary["shards"]
    ]
    return Group(
        app.out.table(("", ""), head),
        "",
        app.out.table(("kind", "records", "payload bytes"), kinds),
        "",
        app.out.table(("shard", "records", "first", "last", "cannot be read"), shards),
    )


def _faults(shard: dict[str, Any]) -> str:
    return "; ".join(f"{one['file']} from byte {one['offset']}" for one in shard["faults"])


def _show_records(app: App, run: Run, selection: Selection, *, last: bool) -> None:
    from mm_framework.bundle.inspect import describe, hexdump, payload_of, select, select_last

    found = (select_last if last else select)(run, selection)
    described = [describe(shard, record) for shard, record in found]

    def shown() -> str:
        lines = []
        for one in described:
            head = f"shard {one['shard']} #{one['index']} {one['kind']} connection {one['connection']}"
            lines.append(f"{head} mono_ns {one['mono_ns']} {one['wall'] or ''}".rstrip())
            lines.append(one["text"] if _printable(one) else hexdump(payload_of(one)))
        return "\n".join(filter(None, lines)) or "no such records"

    app.out.emit({"ok": True, "records": described}, shown)


def _printable(described: dict[str, Any]) -> bool:
    """Whether a terminal can be given the payload as it is."""
    return all(char.isprintable() or char in "\n\t" for char in described.get("text", "\0"))


def _show_rows(app: App, run: Run, selection: Selection) -> None:
    from mm_framework.bundle.inspect import rows
    from mm_framework.cli.bundles import kits_of

    found = list(rows(run, kits_of(app, run), selection))
    columns = ("frame", "seq", "instrument", "epoch", "kind", "side", "price", "size", "aux", "flags")

    def shown() -> Any:
        cells = [[" ".join(one[c]) if c == "flags" else one[c] for c in columns] for one in found]
        return app.out.table(columns, cells)

    app.out.emit({"ok": True, "rows": found}, shown)
