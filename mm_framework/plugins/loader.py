"""Import plugins under guard and collect what their hooks return."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import sys
import time
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pluggy

import mm_framework
from mm_framework import hookspecs
from mm_framework.contracts.spec import (
    AdapterSpec,
    EmulatorSpec,
    ExecutionModelSpec,
    FeeModelSpec,
    NormalizerSpec,
    QACheckSpec,
    SinkSpec,
    Spec,
    StrategySpec,
    SyncEngineSpec,
)
from mm_framework.plugins.catalog import LoadedPlugin, Plugins, core_plugin
from mm_framework.plugins.discovery import (
    CORE,
    Candidate,
    PluginFailure,
    Selection,
    describe_error,
    select,
)
from mm_framework.plugins.settings import PluginSettings
from mm_framework.settings import PLUGIN_ROOTS, fields_of, nearest, section_of

__all__ = ["HOOKS", "load_plugins"]

HOOKS: dict[str, type[Spec]] = {
    f"mm_register_{spec.kind}": spec
    for spec in (
        AdapterSpec,
        NormalizerSpec,
        SyncEngineSpec,
        QACheckSpec,
        FeeModelSpec,
        StrategySpec,
        SinkSpec,
        EmulatorSpec,
        ExecutionModelSpec,
    )
}
"""Hook name to the class of the specs that it returns."""

_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")


def load_plugins(settings: PluginSettings, selection: Selection | None = None) -> Plugins:
    """Import every plugin that may be imported and collect its specs; a broken one is recorded.

    ``selection`` narrows what is imported (`Selection.only`). Raises nothing because of a plugin, but a
    KeyboardInterrupt passes.
    """
    chosen = select(settings) if selection is None else selection
    manager = _manager(trace=settings.trace)
    loaded: list[LoadedPlugin] = []
    failures = list(chosen.failures)
    for plugin in (core_plugin(mm_framework.__version__), *chosen.ready):
        try:
            loaded.append(_load(manager, plugin))
        except _Broken as broken:
            if plugin.distribution == CORE:
                raise
            failures.append(broken.failure(plugin))
    return Plugins(tuple(loaded), tuple(failures), chosen.skipped, settings.prefer)


class _Broken(Exception):
    """A plugin fails in ``phase``."""

    def __init__(self, phase: str, error: str, hint: str = "") -> None:
        super().__init__(f"{phase}: {error}")
        self.phase, self.error, self.hint = phase, error, hint

    def failure(self, plugin: Candidate) -> PluginFailure:
        """The record of it."""
        cause = self.__cause__
        return PluginFailure(
            plugin.distribution,
            plugin.version,
            plugin.entry_point,
            self.phase,
            self.error,
            self.hint or f"update it, or leave it out: [plugins] block = [{plugin.distribution!r}]",
            "".join(traceback.format_exception(cause)) if cause is not None else "",
        )


def _manager(*, trace: bool) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    if trace:
        manager.trace.root.setwriter(lambda text: sys.stderr.write(text))
        manager.enable_tracing()
    return manager


def _load(manager: pluggy.PluginManager, plugin: Candidate) -> LoadedPlugin:
    started = time.perf_counter()
    with _guard("import"):
        module = _import(plugin)
    import_ms = (time.perf_counter() - started) * 1e3
    _check_hooks(manager, module)
    with _guard("register"):
        manager.register(module, f"{plugin.distribution}:{plugin.entry_point}")
    return LoadedPlugin(plugin, import_ms, tuple(_collect(manager, module, plugin)))


@contextlib.contextmanager
def _guard(phase: str) -> Iterator[None]:
    """Whatever foreign code raises becomes `_Broken`; what it prints goes to stderr."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except _Broken:
        raise
    except (Exception, SystemExit) as error:
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name:
            hint = f"install what provides the module {error.name}, or update the plugin"
        raise _Broken(phase, describe_error(error), hint) from error


def _import(plugin: Candidate) -> ModuleType:
    if ":" in plugin.target:
        raise _Broken("import", f"the entry point {plugin.target!r} is not the name of a module")
    return importlib.import_module(plugin.target)


def _check_hooks(manager: pluggy.PluginManager, module: ModuleType) -> None:
    """Names and arguments, before anything is called: pluggy itself would pass over a wrong name."""
    found = 0
    for name, function in vars(module).items():
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            if name.startswith("mm_register_") and callable(function):
                raise _Broken("hooks", f"{name} is not marked with @hookimpl")
            continue
        found += 1
        hook = options.get("specname") or name
        if hook not in HOOKS:
            raise _Broken("hooks", f"there is no hook {hook}; {nearest(hook, HOOKS)}")
        if options.get("wrapper") or options.get("hookwrapper") or inspect.iscoroutinefunction(function):
            raise _Broken("hooks", f"{name} must be a plain function that returns a list")
        needed = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty and parameter.kind.name[:3] != "VAR"
        ]
        if needed:
            raise _Broken("hooks", f"{name} takes {', '.join(needed)}; the hook has no arguments")
    if not found:
        raise _Broken("hooks", f"the module {module.__name__} implements no hook")


def _collect(manager: pluggy.PluginManager, module: ModuleType, plugin: Candidate) -> Iterator[Spec]:
    """Call each hook of this plugin alone, so that what it raises is its own."""
    others = manager.get_plugins() - {module}
    seen: set[tuple[str, str]] = set()
    for hook, spec_type in HOOKS.items():
        caller = manager.subset_hook_caller(hook, others)
        if not any(implementation.plugin is module for implementation in caller.get_hookimpls()):
            continue
        with _guard("register"):
            results: list[Any] = caller()
        returned = results[0] if results else None  # pluggy drops a None
        if not isinstance(returned, list | tuple):
            raise _Broken("register", f"{hook} returned {type(returned).__name__}, expected a list")
        for spec in returned:
            _check_spec(hook, spec_type, spec, plugin)
            if (spec.kind, spec.name) in seen:
                raise _Broken("register", f"{hook} returned {spec.name!r} twice")
            seen.add((spec.kind, spec.name))
            yield spec


def _check_spec(hook: str, spec_type: type[Spec], spec: object, plugin: Candidate) -> None:
    if not isinstance(spec, spec_type):
        raise _Broken(
            "register", f"{hook} returned a {type(spec).__name__}, expected each to be a {spec_type.__name__}"
        )
    name: object = spec.name  # nobody has checked what a plugin writes there
    if not (isinstance(name, str) and _NAME.match(name)):
        raise _Broken("register", f"{hook}: the name {name!r} is not lower-case letters, digits, _ and -")
    if not callable(spec.factory):
        raise _Broken("register", f"{hook}: the factory of {spec.name!r} is not callable")
    if spec.settings is None:
        return
    with _guard("register"):
        fields_of(spec.settings)
        section = section_of(spec.settings)
    if plugin.distribution != CORE and section.partition(".")[0] not in PLUGIN_ROOTS:
        raise _Broken(
            "register",
            f"{hook}: the settings of {spec.name!r} are in section {section!r}, "
            f"expected one under {', '.join(PLUGIN_ROOTS)}",
        )
