"""``mm compare``: results of backtests side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.backtest_jobs import results_folder
from mm_framework.cli.options import json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.results.bundle import Result

__all__ = ["command"]

SHOWN = (
    "pnl.total", "pnl.spread", "pnl.adverse", "pnl.inventory", "pnl.fees", "pnl.mark_adjustment",
    "drawdown.most", "inventory.most", "inventory.turnover", "orders.accepted", "orders.fill_ratio_orders",
    "orders.fill_ratio_volume", "orders.taker_share_volume", "orders.too_late_share", "quoting.two_sided",
)  # fmt: skip
"""The ends of the paths of the measures that the table for people has, besides counts."""


@click.command("compare")
@click.argument("results", nargs=-1, required=True, metavar="RESULT RESULT...")
@click.option("--any-data", is_flag=True, help="Compare results that were played on different data, too.")
@click.option("--all", "everything", is_flag=True, help="Show all measures, not only the main ones.")
@click.option(
    "--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Also draw them on one page."
)
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, results: tuple[str, ...], any_data: bool, everything: bool, page: Path | None) -> None:
    """Show the settings in which results differ, and their measures with the differences to the first.

    RESULT is an id below results/, or a path. The page of --html needs no network; it needs the extra
    mm-framework[plot].
    """
    from mm_framework.results.bundle import read_result, result_path
    from mm_framework.results.differences import (
        difference,
        measures,
        require_same_data,
        settings_that_differ,
    )

    if len(results) < 2:
        raise click.UsageError("name two results or more")
    folder = results_folder(app)
    read = {name: read_result(result_path(folder, name)) for name in results}
    documents = [read[name].document for name in results]
    if not any_data:
        require_same_data(results, documents)
    settings = settings_that_differ(documents)
    found = measures(documents)
    differences = {
        name: [difference(value, values[0]) for value in values[1:]] for name, values in found.items()
    }
    document = {
        "ok": True,
        "results": list(results),
        "settings": settings,
        "measures": {
            name: {"values": values, "differences": differences[name]} for name, values in found.items()
        },
        "report": None if page is None else str(page),
        "same_intents": len({one["hashes"]["intents"] for one in documents}) == 1,
    }
    if page is not None:
        _draw(page, read, settings)
    app.out.emit(document, lambda: _shown(app, results, document, everything))


def _draw(file: Path, results: Mapping[str, Result], settings: Mapping[str, Sequence[object]]) -> None:
    """Write the page, at once. Raises EnvironmentFailed, StoreError."""
    from mm_framework.bundle.disk import replace_file, writing
    from mm_framework.results.compare_page import compare_page

    text = compare_page(results, settings)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, text.encode())


def _shown(app: App, results: Sequence[str], document: dict[str, Any], everything: bool) -> Any:
    rows: list[list[object]] = [[name, *values] for name, values in document["settings"].items()]
    for name, found in document["measures"].items():
        if everything or "." not in name or name.endswith(SHOWN):
            values = found["values"]
            cells = [
                f"{_cell(value)} ({_signed(by)})"
                for value, by in zip(values[1:], found["differences"], strict=True)
            ]
            rows.append([name, _cell(values[0]), *cells])
    return app.out.table(("", *results), rows)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _signed(by: object) -> str:
    if by is None:
        return "-"
    text = f"{by:+.6g}" if isinstance(by, float) else str(by)
    return text if text[:1] in "+-" or text == "0" else f"+{text}"
