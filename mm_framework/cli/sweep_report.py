"""The page of a sweep: what it shows, as options, and where it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm_framework.cli.kept_pages import as_written, write_text
from mm_framework.errors import ConfigError, ManifestMismatch, StoreError

if TYPE_CHECKING:
    from mm_framework.results.heat import View

__all__ = ["is_sweep", "read_sweep", "view_of", "view_options", "write_sweep_page"]

F = TypeVar("F", bound=Callable[..., Any])

SWEEP = "sweep.json"
POINTS = "points"


def view_options(function: F) -> F:
    """Decorator: ``--measure``, ``--x`` and ``--y``."""
    for option in (
        click.option("--y", metavar="KEY", help="Of a sweep: the parameter upwards. [the next one]"),
        click.option(
            "--x", metavar="KEY", help="Of a sweep: the parameter across. [that with the most values]"
        ),
        click.option(
            "--measure",
            metavar="WORD",
            help="Of a sweep: what its heat map shows, such as total, fees, drawdown, fills. [total]",
        ),
    ):
        function = option(function)
    return function


def view_of(options: Mapping[str, Any]) -> View:
    """What the options ask for. Raises ConfigError."""
    from mm_framework.results.heat import MEASURES, View
    from mm_framework.settings import nearest

    measure = options["measure"] or "total"
    if measure not in MEASURES:
        raise ConfigError(
            f"--measure {measure}: nothing of that name is measured; {nearest(measure, MEASURES)}",
            key="measure",
        )
    return View(measure, options["x"], options["y"])


def is_sweep(folder: Path) -> bool:
    """Whether `mm sweep` made the folder."""
    return (folder / POINTS).is_dir()


def read_sweep(folder: Path) -> dict[str, Any]:
    """What ``sweep.json`` says. Raises StoreError where the sweep never came to its end."""
    file = folder / SWEEP
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(
            f"the sweep at {folder} was interrupted: give the same `mm sweep` again, which goes on",
            path=folder,
        ) from None
    except (OSError, ValueError) as error:
        raise ManifestMismatch(f"{file} is not readable: {error}", path=file) from None
    if not isinstance(document, dict) or document.get("kind") != "sweep":
        raise ManifestMismatch(f"{file} is not what `mm sweep` writes: give the same sweep again", path=file)
    return document


def write_sweep_page(document: Mapping[str, Any], view: View, file: Path) -> None:
    """Write the page, at once. Raises ConfigError, EnvironmentFailed, StoreError."""
    from mm_framework.results.sweep_page import sweep_page

    with as_written(SWEEP, file, "give the same sweep again"):
        text = sweep_page(document, view)
    write_text(file, text)
