"""Plugins: found through entry points, imported under guard, asked for their specs.

Main path: `select` reads metadata and decides what may be imported, `load_plugins` imports it and
collects specs, `Plugins.get` hands one out or says why it cannot. Nothing here is global: each call
builds its own manager. What one plugin does wrong is recorded and hurts only those that name it.
"""

from mm_framework.plugins.catalog import LoadedPlugin, Plugins
from mm_framework.plugins.discovery import Candidate, PluginFailure, Selection, Skipped, select
from mm_framework.plugins.loader import load_plugins
from mm_framework.plugins.settings import PluginSettings

__all__ = [
    "Candidate",
    "LoadedPlugin",
    "PluginFailure",
    "PluginSettings",
    "Plugins",
    "Selection",
    "Skipped",
    "load_plugins",
    "select",
]
