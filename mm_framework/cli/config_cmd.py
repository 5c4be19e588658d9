"""``mm config show``: every setting with its value and where it comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from mm_framework.cli.app import SWITCHES, App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import json_option
from mm_framework.errors import ConfigError
from mm_framework.settings import (
    PLUGIN_ROOTS,
    Loaded,
    fields_of,
    import_core_sections,
    nearest,
    registry,
    section_of,
)

__all__ = ["command"]


@click.group("config", cls=VerbGroup)
def command() -> None:
    """Show settings and where each value comes from."""


@command.command("show")
@click.argument("sections", nargs=-1)
@click.option("--origin", is_flag=True, help="Say beside each value where it comes from.")
@json_option
@pass_app
def show(app: App, sections: tuple[str, ...], origin: bool) -> None:
    """Print all settings, or those of SECTIONS, as TOML that can be kept in a file.

    With --json each value has its origin beside it. Settings of plugins are shown for those that load.
    """
    classes = import_core_sections()
    for cls in app.plugins.settings_classes():
        classes[section_of(cls)] = cls
    for section in sections:
        if section not in classes:
            raise ConfigError(f"there is no section {section!r}; {nearest(section, classes)}", key=section)
    shown = [app.load(classes[name]) for name in sorted(classes) if not sections or name in sections]
    unread = unread_variables(app)
    for variable in unread:
        app.out.note(f"no setting reads {variable}; {nearest(variable, _variables())}")
    for section in _sections_of_nobody(app, set(classes)):
        app.out.note(f"[{section}] is of a plugin that is not loaded; its settings are not checked")
    document = {
        "ok": True,
        "file": str(app.file.path) if app.file else None,
        "env_wins": app.env_wins,
        "sections": {loaded.section: loaded.to_json() for loaded in shown},
        "unread_variables": unread,
    }
    app.out.emit(document, lambda: "\n\n".join(_toml(loaded, origin) for loaded in shown))


def unread_variables(app: App) -> list[str]:
    """Variables that begin with ``MM_`` and that nothing imported so far reads; mostly misspelled."""
    known = _variables() | set(SWITCHES)
    roots = tuple(f"MM_{root.upper()}_" for root in PLUGIN_ROOTS)
    return sorted(
        name
        for name in app.env
        if name.startswith("MM_") and name not in known and not name.startswith(roots)
    )


def _variables() -> set[str]:
    return {field.variable for cls in registry().values() for field in fields_of(cls)}


def _sections_of_nobody(app: App, known: set[str]) -> list[str]:
    return [section for section in app.file.sections() if section not in known] if app.file else []


def _toml(loaded: Loaded[Any], origin: bool) -> str:
    lines = [f"[{loaded.section}]"]
    for name, item in loaded.to_json().items():
        value = item["value"]
        line = f"# {name} is not set" if value is None else f"{name} = {_toml_value(value)}"
        lines.append(f"{line:<50} # {item['origin']}" if origin else line)
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)
