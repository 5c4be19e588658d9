"""What `mm store build` is given: runs by id or path, files of best prices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mm_framework.cli.app import App
from mm_framework.cli.bundles import find_run
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.store.inputs import Source

__all__ = ["store_sources"]


def store_sources(app: App, inputs: Sequence[str], instruments: Sequence[str]) -> list[Source]:
    """The inputs that are named. ``instruments``: what ``--instrument`` says.

    Raises StoreError and its kinds for what is none, ConfigError for names that cannot be used.
    """
    from mm_framework.store.bbo_input import find_bbo_file
    from mm_framework.store.bbo_names import parse_names
    from mm_framework.store.inputs import find_source
    from mm_framework.store.unpack import Unpacking

    symbols = parse_names(instruments)
    unpacking = Unpacking(app.load(StoreSettings).value.max_unpack_ratio)
    find_csv = partial(find_bbo_file, symbols=symbols, unpacking=unpacking)
    return [find_source(find_run(app, one), find_csv) for one in inputs]
