"""Venue kits: what `Feed` needs of a venue, built from the specs of its plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mm_framework.feed.config import VenueKit
from mm_framework.feed.file_kits import FILE_KITS
from mm_framework.plugins.catalog import Plugins

__all__ = ["venue_kits"]


def venue_kits(
    plugins: Plugins, venues: Iterable[str], settings_of: Callable[[type[Any]], Any]
) -> dict[str, VenueKit]:
    """A kit for each venue (or file format), by its name. ``settings_of`` gives the settings of
    a class (``App.load``).

    Raises PluginError when a venue's plugin failed, ConfigError when none offers it.
    """

    def build(kind: str, venue: str) -> Any:
        spec = plugins.get(kind, venue)
        return spec.build(None if spec.settings is None else settings_of(spec.settings))

    return {
        venue: FILE_KITS.get(venue)
        or VenueKit(build("adapters", venue), build("normalizers", venue), build("sync_engines", venue))
        for venue in sorted(set(venues))
    }
