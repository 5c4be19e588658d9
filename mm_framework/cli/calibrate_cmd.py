"""``mm calibrate dataset | summary``: from the logs of runs to data for calibration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import json_option
from mm_framework.errors import ConfigError

__all__ = ["command"]

FEEDS = Path("artifacts/edge/feeds")
DATASETS = Path("artifacts/edge/datasets")
REPORTS = Path("artifacts/edge/reports")
SYMBOLS = "--symbols"


@click.group("calibrate", cls=VerbGroup)
def command() -> None:
    """Make data sets of the logs that runs wrote with --calibration-logs, and sum them up."""


class DatasetCommand(click.Command):
    """Takes several words after ``--symbols``, up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``--symbols A B`` is ``--symbols A --symbols B``."""
        words: list[str] = []
        listed = False
        for word in args:
            if word.startswith("-"):
                listed = word.partition("=")[0] == SYMBOLS
            elif listed and words[-1] != SYMBOLS:
                words.append(SYMBOLS)
            words.append(word)
        return super().parse_args(ctx, words)


@command.command("dataset", cls=DatasetCommand)
@click.option("--from-ts", required=True, metavar="TIME", help="First time, ISO 8601, UTC.")
@click.option("--to-ts", required=True, metavar="TIME", help="Time before which it ends.")
@click.option(
    "--interval-sec", type=click.IntRange(1), default=300, show_default=True, help="Length of an interval."
)
@click.option(SYMBOLS, multiple=True, metavar="A B ...", help="Only these; also A,B, or repeated. [all]")
@click.option(
    "--feeds-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=FEEDS,
    show_default=True,
    help="Where the logs are.",
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATASETS,
    show_default=True,
    help="Where the data set goes.",
)
@click.option(
    "--max-ws-gap-ms",
    type=click.IntRange(0),
    default=5000,
    show_default=True,
    help="Longest stretch without a connection in an interval that is kept.",
)
@click.option("--run", metavar="RUN", help="Take gaps from this run bundle. [holes in the log of ticks]")
@json_option
@pass_app
def dataset(
    app: App,
    from_ts: str,
    to_ts: str,
    interval_sec: int,
    symbols: tuple[str, ...],
    feeds_dir: Path,
    output_dir: Path,
    max_ws_gap_ms: int,
    run: str | None,
) -> int:
    """Targets and features of each interval and symbol. Leaves with 1 when no interval is kept.

    Intervals with too few ticks, too many missed deadlines, a gap of the connection or numbers that are not
    finite are left out and counted.
    """
    from mm_framework.bundle.disk import replace_file, writing
    from mm_framework.bundle.times import parse_utc
    from mm_framework.calibrate.dataset import Wanted, build, name_of

    first, last = parse_utc(from_ts) // 1_000_000, parse_utc(to_ts) // 1_000_000
    if first >= last:
        raise ConfigError(f"--from-ts {from_ts} is not before --to-ts {to_ts}", key="from-ts")
    names = tuple(name for given in symbols for name in given.split(",") if name)
    wanted = Wanted(first, last, interval_sec, names, max_ws_gap_ms)
    document = build(feeds_dir, wanted, None if run is None else _cuts(app, run))
    path = output_dir / name_of(wanted)
    with writing(path):
        output_dir.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
    kept = len(document["intervals"])
    told: dict[str, Any] = {
        name: document[name] for name in ("total_intervals", "filtered_count", "filtered")
    }
    reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in document["filtered"].items())
    words = f"{path}\n{kept} of {document['total_intervals']} intervals kept"
    app.out.emit(
        {"ok": kept > 0, "path": str(path), "intervals": kept, **told},
        f"{words}; left out: {reasons}" if reasons else words,
    )
    return 0 if kept else 1


@command.command("summary")
@click.argument("dataset_file", metavar="DATASET", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=REPORTS,
    show_default=True,
    help="Where the summary goes.",
)
@json_option
@pass_app
def summary_of(app: App, dataset_file: Path, output_dir: Path) -> None:
    """Distributions, missing data, intervals a symbol and quality of a data set, as Markdown."""
    from mm_framework.bundle.disk import replace_file, writing
    from mm_framework.calibrate.summary import read_dataset, summary

    document = read_dataset(dataset_file)
    text = summary(document, dataset_file.stem)
    path = output_dir / f"calib_summary_{dataset_file.stem}.md"
    with writing(path):
        output_dir.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
    app.out.emit({"ok": True, "path": str(path), "intervals": len(document["intervals"])}, f"{text}\n{path}")


def _cuts(app: App, run: str) -> list[tuple[int, int]]:
    """When a shard of a run had no connection, between two that it had, ms."""
    from mm_framework.cli.bundles import opened

    living: dict[int, set[int]] = {}
    since: dict[int, int] = {}
    found = []
    for line in opened(app, run).connections():
        shard, connection = line["shard"], line["connection"]
        if line["wall_ns"] is None:
            continue
        at_ms, links = int(line["wall_ns"]) // 1_000_000, living.setdefault(shard, set())
        if line["event"] == "open":
            links.add(connection)
            if shard in since:
                found.append((since.pop(shard), at_ms))
        elif connection in links:
            links.discard(connection)
            if not links:
                since[shard] = at_ms
    return found
