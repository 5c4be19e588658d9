"""``mm report``: the result of a backtest as one page for a browser."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.backtest_jobs import results_folder
from mm_framework.cli.kept_pages import as_written, write_text
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.sweep_report import is_sweep, read_sweep, view_of, view_options, write_sweep_page
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.results.bundle import Result

__all__ = ["PAGE", "as_result", "command", "write_page"]

PAGE = "report.html"
"""The name of the page within a result."""


@click.command("report", cls=PluginCommand)
@click.argument("result", metavar="RESULT")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help=f"Where the page goes. [RESULT/{PAGE}]"
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser of this machine.")
@click.option(
    "--explain",
    metavar="ORDER",
    help="Play the run again and tell the life of an order instead: its number, or STRATEGY/NUMBER.",
)
@view_options
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App, /, result: str, out: Path | None, show: bool, explain: str | None, **viewed: str | None
) -> None:
    """Draw the result of a backtest or of a sweep: one HTML page that needs no network.

    RESULT is the id of a result below results/ of the data directory, or its path. The page shows profit and
    what it is made of, drawdown, inventory, markouts, fills, quotes over the book, what the result stands on
    and what should be doubted; of a sweep a heat map over two of its parameters and its best and worst
    points. Needs the extra mm-framework[plot].
    """
    from mm_framework.results.bundle import read_result, result_path
    from mm_framework.results.doubts import doubts

    folder = result_path(results_folder(app), result)
    if is_sweep(folder):
        if explain is not None:
            raise click.UsageError(f"{folder} is a sweep, --explain tells an order of a backtest")
        _draw_sweep(app, folder, out, show, viewed)
        return
    if any(viewed.values()):
        raise click.UsageError(f"{folder} is no sweep: --measure, --x and --y belong to one")
    read = read_result(folder)
    if explain is not None:
        from mm_framework.cli.explain_order import explain_order

        if out is not None or show:
            raise click.UsageError("--explain tells one order: leave out --out and --open")
        explain_order(app, read, explain)
        return
    with as_result(read):
        file = write_page(read, out)
        told = doubts(read.summary, read.document)
    app.out.emit(
        {
            "ok": True,
            "result": str(read.path),
            "report": str(file),
            "summary": read.summary,
            "doubts": told,
        },
        lambda: _shown(app, read, file, told),
    )
    if show:
        click.launch(file.absolute().as_uri())


def _draw_sweep(
    app: App, folder: Path, out: Path | None, show: bool, viewed: Mapping[str, str | None]
) -> None:
    view = view_of(viewed)
    file = out or folder / PAGE
    document = read_sweep(folder)
    write_sweep_page(document, view, file)
    told = {"ok": True, "result": str(folder), "report": str(file), "measure": view.measure}
    points = document["points"]
    app.out.emit(told, lambda: app.out.table(("", ""), [("page", file), ("points", len(points))]))
    if show:
        click.launch(file.absolute().as_uri())


def as_result(result: Result) -> contextlib.AbstractContextManager[None]:
    """Whoever lacks a word of `result.json` in the block is told so. Raises ManifestMismatch."""
    return as_written(f"{result.path}/result.json", result.path, "run the backtest again")


def write_page(result: Result, out: Path | None = None) -> Path:
    """Write the page of a result, at once. Raises EnvironmentFailed, StoreError."""
    if result.path is None:
        raise RuntimeError("a result that was never written has no page")
    file = out or result.path / PAGE
    write_text(file, result.page())
    return file


def _shown(app: App, result: Result, file: Path, told: list[str]) -> Any:
    from rich.console import Group

    rows: list[tuple[str, object]] = [("page", file)]
    for quote, one in result.summary["by_quote"].items():
        pnl = one["pnl"]
        rows.append(
            (
                quote,
                f"total {pnl['total']} = spread {pnl['spread']} + adverse {pnl['adverse']} + inventory"
                f" {pnl['inventory']} - fees {pnl['fees']} + mark {pnl['mark_adjustment']}",
            )
        )
    doubted = [("before you believe it", sentence) for sentence in told]
    return Group(app.out.table(("", ""), rows), *([app.out.table(("", ""), doubted)] if doubted else []))
