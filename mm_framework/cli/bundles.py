"""What verbs share that work on a run bundle: finding it, opening it, the kits of its venues."""

from __future__ import annotations

from pathlib import Path

from mm_framework.bundle.names import new_run_path, run_path
from mm_framework.bundle.run import Run, open_run
from mm_framework.cli.app import App
from mm_framework.feed import VenueKit
from mm_framework.plugins.kits import venue_kits
from mm_framework.settings import DataSettings

__all__ = ["find_run", "kits_of", "new_run", "opened"]


def find_run(app: App, run: str) -> Path:
    """The folder of a run that is named by its id or by a path."""
    return run_path(app.load(DataSettings).value.dir, run)


def new_run(app: App, run: str) -> Path:
    """Where a new bundle of this id or path goes. Raises ConfigError for a name that cannot be used."""
    return new_run_path(app.load(DataSettings).value.dir, run)


def opened(app: App, run: str) -> Run:
    """The bundle of that name. Raises StoreError and its kinds."""
    return open_run(find_run(app, run))


def kits_of(app: App, run: Run) -> dict[str, VenueKit]:
    """The venue kits that a bundle needs. Raises PluginError or ConfigError when one is not to be had."""
    venues = {info.venue for info in run.manifest.shards}
    return venue_kits(app.plugins, venues, lambda settings: app.load(settings).value)
