"""Venues of installed plugins as simulations and tests take them, with the plugins' default settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mm_framework.contracts.emulator import Dialect
from mm_framework.plugins import Plugins
from mm_framework.testing.simulation import Venue

__all__ = ["installed_venue"]


def installed_venue(
    plugins: Plugins,
    name: str,
    symbols: Sequence[str] = (),
    most: int = 2,
    adapter_settings: Mapping[str, Any] | None = None,
) -> Venue:
    """The venue ``name`` with these instruments, or the first ``most`` that its emulator lists.

    ``adapter_settings`` differ from the defaults, such as ``{"snapshot_limit": 10}`` for a snapshot of REST
    that shows a small part of the emulated book.

    Raises ConfigError when no plugin offers the venue or its emulator, or it does not list a symbol,
    PluginError when the plugin failed.
    """
    dialect: Dialect = _factory(plugins, "emulators", name)()
    adapter = _factory(plugins, "adapters", name, **(adapter_settings or {}))
    names = [dialect.listing(symbol.removeprefix(f"{name}:")).symbol for symbol in symbols]
    return Venue(
        adapter=adapter,
        normalizer=_factory(plugins, "normalizers", name),
        rules=_factory(plugins, "sync_engines", name)(),
        instruments=tuple(adapter().instrument_id(symbol) for symbol in names or dialect.symbols[:most]),
        dialect=_factory(plugins, "emulators", name),
    )


def _factory(plugins: Plugins, kind: str, name: str, **settings: Any) -> Callable[[], Any]:
    spec = plugins.get(kind, name)
    return lambda: spec.factory(None if spec.settings is None else spec.settings(**settings))
