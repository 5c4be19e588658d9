"""The state of one ``mm`` invocation: environment, configuration file, flags, output, plugins.

A verb gets it with ``@pass_app`` and asks it for settings (`App.load`) and plugins (`App.plugins`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm_framework.cli.output import Output
from mm_framework.errors import ConfigError
from mm_framework.settings import ConfigFile, Given, Loaded, load, section_of
from mm_framework.values import switch

if TYPE_CHECKING:
    from mm_framework.plugins import Plugins

__all__ = ["SWITCHES", "App", "pass_app"]

SWITCHES: Mapping[str, str] = {
    "MM_COMPAT": "Also read variables of earlier tools that have no prefix.",
    "MM_CONFIG": "The configuration file; empty: none.",
    "MM_DEBUG": "Print the trace of an error beside its line.",
    "MM_ENV_WINS": "Put variables above flags.",
    "MM_KERNELS": "on: compiled kernels; off: the reference path only; checked: every address checked.",
    "MM_KERNEL_CACHE": "Folder of compiled kernels; empty: in the user's cache folder.",
}
"""Variables that are no settings: how the program itself behaves."""

T = TypeVar("T")


class App:
    """What the root options say, and what is read once for all parts of a verb.

    ``config`` is the argument of ``--config`` or None; ``flags`` holds the settings given as flags, by
    section and field, ``defaults`` likewise those of a profile; ``loaded`` every section that `load` has
    given, by name, for manifests. ``compat``: the verb reads variables of earlier tools.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        config: str | None = None,
        env_wins: bool = False,
        out: Output | None = None,
    ) -> None:
        self.env: Mapping[str, str] = dict(os.environ) if env is None else env
        self.config = config
        self.env_wins = env_wins or self.switch("MM_ENV_WINS")
        self.out = out or Output()
        self.flags: dict[str, dict[str, Given]] = {}
        self.defaults: dict[str, dict[str, Given]] = {}
        self.compat = False
        self.loaded: dict[str, Loaded[Any]] = {}
        self._told: set[str] = set()

    def switch(self, name: str) -> bool:
        """A process switch (``MM_DEBUG``). Raises ConfigError when its word is neither yes nor no."""
        try:
            return switch(self.env.get(name))
        except ValueError as error:
            raise ConfigError(f"{name}: {error}", key=name, origin=f"variable {name}") from error

    @cached_property
    def file(self) -> ConfigFile | None:
        """The configuration file, read on first use. Raises ConfigError."""
        return ConfigFile.find(self.config, self.env, Path())

    def load(self, cls: type[T]) -> Loaded[T]:
        """The settings of one class, from flags, variables, file and defaults. Raises ConfigError."""
        loaded = load(
            cls,
            flags=self.flags.get(section_of(cls)),
            env=self.env,
            file=self.file,
            defaults=self.defaults.get(section_of(cls)),
            env_wins=self.env_wins,
            compat=self.compat or self.switch("MM_COMPAT"),
        )
        for note in loaded.notes:
            if note not in self._told:
                self._told.add(note)
                self.out.note(note)
        self.loaded[loaded.section] = loaded
        return loaded

    @cached_property
    def plugins(self) -> Plugins:
        """All allowed plugins, imported on first use; a broken one is recorded, not raised."""
        from mm_framework.plugins import PluginSettings, load_plugins

        return load_plugins(self.load(PluginSettings).value)


pass_app = click.make_pass_decorator(App, ensure=True)
