"""What `mm store build` is given: runs by id or path, files of best prices, day folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm_framework.cli.app import App
from mm_framework.cli.bundles import find_run
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.store.inputs import Source
    from mm_framework.store.manifest import Input

__all__ = ["store_sources", "stored_source"]


def store_sources(app: App, inputs: Sequence[str], instruments: Sequence[str]) -> list[Source]:
    """The inputs that are named. ``instruments``: what ``--instrument`` says.

    Raises StoreError and its kinds for what is none, ConfigError for names that cannot be used.
    """
    from mm_framework.store.bbo_names import parse_names

    symbols = parse_names(instruments)
    return [_found(app, find_run(app, one), symbols) for one in inputs]


def stored_source(app: App, known: Input) -> Source:
    """An input that a store knows, where it was. Raises StoreError when it is not there."""
    return _found(app, Path(known.path), known.symbols)


def _found(app: App, path: Path, symbols: Mapping[str, str]) -> Source:
    from mm_framework.sinks.day_input import find_day_folder
    from mm_framework.store.bbo_input import find_bbo_file
    from mm_framework.store.inputs import find_source
    from mm_framework.store.unpack import Unpacking

    unpacking = Unpacking(app.load(StoreSettings).value.max_unpack_ratio)
    find_csv = partial(find_bbo_file, symbols=symbols, unpacking=unpacking)
    return find_source(path, find_csv, partial(find_day_folder, symbols=symbols))
