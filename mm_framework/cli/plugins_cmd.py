"""``mm plugins list | show | doctor``: what is installed, what it offers, what is wrong with it.

``list`` reads metadata and imports nothing unless asked; ``show`` imports the plugin it names;
``doctor`` imports all and exits with 1 if one fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

import mm_framework
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import json_option, settings_options
from mm_framework.contracts.spec import Spec
from mm_framework.errors import ConfigError
from mm_framework.plugins import (
    LoadedPlugin,
    PluginFailure,
    Plugins,
    PluginSettings,
    Selection,
    load_plugins,
    select,
)
from mm_framework.plugins.discovery import API, CORE, matches
from mm_framework.settings import fields_of, nearest, section_of
from mm_framework.values import to_json

__all__ = ["command"]


@click.group("plugins", cls=VerbGroup)
def command() -> None:
    """List, show and check installed plugins."""


@command.command("list")
@click.option("--check", is_flag=True, help="Import each plugin and show what it registers.")
@settings_options(PluginSettings)
@json_option
@pass_app
def list_plugins(app: App, check: bool) -> None:
    """List installed plugins, from their metadata.

    Nothing is imported unless asked with --check; a broken plugin is listed with its reason.
    """
    settings = app.load(PluginSettings).value
    selection = select(settings)
    rows = rows_of(app.plugins) if check else rows_of_selection(selection)
    app.out.emit(
        {"ok": True, "core": mm_framework.__version__, "api": API, "plugins": rows}, lambda: _table(app, rows)
    )


@command.command("doctor")
@settings_options(PluginSettings)
@json_option
@pass_app
def doctor(app: App) -> int:
    """Import every plugin and report what fails.

    Exit 1 if a plugin failed or two claim one name. With mm -v traces are printed, too.
    """
    plugins = app.plugins
    rows = rows_of(plugins)
    document = {
        "ok": not plugins.failures,
        "core": mm_framework.__version__,
        "api": API,
        "plugins": rows,
        "failures": [_failure_json(failure) for failure in plugins.failures],
    }
    app.out.emit(document, lambda: _table(app, rows))
    if not app.out.json:
        for failure in plugins.failures:
            click.echo(f"{failure.distribution} {failure.version}: {failure.error}; {failure.hint}")
            if app.out.verbose and failure.trace:
                click.echo(failure.trace)
    return 1 if plugins.failures else 0


@command.command("show")
@click.argument("name")
@settings_options(PluginSettings)
@json_option
@pass_app
def show(app: App, name: str) -> None:
    """Show what one plugin offers, with its settings.

    NAME is a distribution (mm-kraken), an entry point (kraken) or the name of something that a plugin
    registers.
    """
    shown = find_plugins(app.load(PluginSettings).value, name)
    document = {"ok": True, "plugins": [_plugin_json(one) for one in shown]}
    app.out.emit(document, lambda: "\n\n".join(_plugin_text(one) for one in shown))


def find_plugins(settings: PluginSettings, name: str) -> list[LoadedPlugin]:
    """The plugins that ``name`` means; only those are imported when it is a distribution or entry point.

    Raises PluginError when the plugin failed or is not loaded by wish, ConfigError for an unknown name.
    """
    selection = select(settings)
    chosen = selection.only(name)
    if chosen == Selection():
        plugins = load_plugins(settings, selection)
        found = [one for one in plugins.loaded if _offers(one, name)]
    else:
        plugins = load_plugins(settings, chosen)
        found = [one for one in plugins.loaded if matches(one.plugin, (name,))]
    if not found:
        plugins.refuse_if_failed(name)
        known = {plugin.entry_point for plugin in selection.ready} | {
            one.plugin.entry_point for one in plugins.loaded
        }
        raise ConfigError(f"there is no plugin {name!r}; {nearest(name, known)}", key="name", value=name)
    return found


def rows_of_selection(selection: Selection) -> list[dict[str, Any]]:
    """One row a plugin, as metadata tells: ``ready``, ``skipped`` or ``failed``."""
    rows = [_row(plugin, "ready", None) for plugin in selection.ready]
    rows += [_row(plugin, "skipped", plugin.reason) for plugin in selection.skipped]
    rows += [_row(plugin, "failed", plugin.error) for plugin in selection.failures]
    return _sorted(rows)


def rows_of(plugins: Plugins) -> list[dict[str, Any]]:
    """One row a plugin after import: ``loaded`` with import time and names, ``skipped`` or ``failed``."""
    rows = []
    for one in plugins.loaded:
        if one.plugin.distribution == CORE:
            continue
        row = _row(one.plugin, "loaded", None)
        row["import_ms"] = round(one.import_ms, 1)
        row["registers"] = [f"{kind}.{name}" for kind, name in one.registers]
        rows.append(row)
    rows += [_row(plugin, "skipped", plugin.reason) for plugin in plugins.skipped]
    rows += [_row(plugin, "failed", f"{plugin.phase}: {plugin.error}") for plugin in plugins.failures]
    return _sorted(rows)


def _row(plugin: Any, state: str, note: str | None) -> dict[str, Any]:
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "entry_point": plugin.entry_point,
        "state": state,
        "note": note,
    }


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["distribution"], row["entry_point"], row["state"]))


def _table(app: App, rows: list[dict[str, Any]]) -> Any:
    if not rows:
        return "no plugins are installed; try: pip install mm-kraken"
    cells = [
        (
            row["distribution"],
            row["version"],
            row["entry_point"],
            row["state"],
            f"{row['import_ms']} ms" if "import_ms" in row else "",
            row["note"] or ", ".join(row.get("registers", ())),
        )
        for row in rows
    ]
    return app.out.table(("distribution", "version", "plugin", "state", "import", ""), cells)


def _failure_json(failure: PluginFailure) -> dict[str, Any]:
    return {
        "distribution": failure.distribution,
        "version": failure.version,
        "entry_point": failure.entry_point,
        "phase": failure.phase,
        "error": failure.error,
        "hint": failure.hint,
    }


def _offers(one: LoadedPlugin, name: str) -> bool:
    return name in (one.plugin.entry_point, one.plugin.distribution, *(spec.name for spec in one.specs))


def _plugin_json(one: LoadedPlugin) -> dict[str, Any]:
    plugin = one.plugin
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "entry_point": plugin.entry_point,
        "module": plugin.target,
        "api": plugin.api,
        "import_ms": round(one.import_ms, 1),
        "registers": [_spec_json(spec) for spec in one.specs],
    }


def _spec_json(spec: Spec) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "name": spec.name,
        "description": spec.description,
        "capabilities": sorted(spec.capabilities),
        "section": None if spec.settings is None else section_of(spec.settings),
        "settings": [
            {
                "key": field.name,
                "flag": field.flag,
                "variable": field.variable,
                "default": to_json(field.default),
                "help": field.help,
            }
            for field in (fields_of(spec.settings) if spec.settings is not None else ())
        ],
    }


def _plugin_text(one: LoadedPlugin) -> str:
    plugin = one.plugin
    lines = [
        f"{plugin.distribution} {plugin.version} ({plugin.entry_point} = {plugin.target}, API {plugin.api}, "
        f"imported in {one.import_ms:.1f} ms)"
    ]
    told: set[str] = set()
    for spec in map(_spec_json, one.specs):
        capabilities = f" [{', '.join(spec['capabilities'])}]" if spec["capabilities"] else ""
        lines.append(f"  {spec['kind']}.{spec['name']}: {spec['description'] or '-'}{capabilities}")
        if spec["section"] is not None and spec["section"] not in told:
            told.add(spec["section"])
            lines += [
                f"    {field['flag']} [{field['variable']}] = {json.dumps(field['default'])}: {field['help']}"
                for field in spec["settings"]
            ]
    return "\n".join(lines)
