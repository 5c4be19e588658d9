"""The specs of all loaded plugins, by kind and name, with the reason where one cannot be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mm_framework.contracts.spec import Spec
from mm_framework.errors import ConfigError, PluginError
from mm_framework.plugins.discovery import (
    API,
    CORE,
    Candidate,
    PluginFailure,
    Skipped,
    normalise,
)
from mm_framework.settings import nearest, section_of

__all__ = ["KIND_WORDS", "LoadedPlugin", "Plugins"]

KIND_WORDS: Mapping[str, str] = {
    "adapters": "venue",
    "normalizers": "normalizer of venue",
    "sync_engines": "sync engine of venue",
    "qa_checks": "check",
    "fee_models": "fee model",
    "strategies": "strategy",
    "sinks": "sink",
    "emulators": "emulator of venue",
    "execution_models": "execution model",
}


@attrs.frozen
class LoadedPlugin:
    """A plugin that was imported and gave its specs; ``import_ms`` is what its import took."""

    plugin: Candidate
    import_ms: float
    specs: tuple[Spec, ...]

    @property
    def registers(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) of each spec, in the order of registration."""
        return tuple((spec.kind, spec.name) for spec in self.specs)


class Plugins:
    """What plugins offer. ``loaded`` in order, the core's own first; ``failures`` and ``skipped``."""

    def __init__(
        self,
        loaded: tuple[LoadedPlugin, ...],
        failures: tuple[PluginFailure, ...] = (),
        skipped: tuple[Skipped, ...] = (),
        prefer: Mapping[str, str] | None = None,
    ) -> None:
        self.loaded, self.skipped = loaded, skipped
        self._prefer = prefer or {}
        self._claims: dict[tuple[str, str], list[tuple[Candidate, Spec]]] = {}
        for one in loaded:
            for spec in one.specs:
                self._claims.setdefault((spec.kind, spec.name), []).append((one.plugin, spec))
        self._collisions = self._find_collisions()
        self.failures = (*failures, *self._collisions.values())

    def get(self, kind: str, name: str) -> Spec:
        """The spec of one component, such as ``("adapters", "kraken")``.

        Raises PluginError when the plugin that provides it failed or is blocked, or two plugins claim
        the name, and ConfigError, with the nearest names, when nobody provides it.
        """
        if collision := self._collisions.get((kind, name)):
            raise _plugin_error(f"{KIND_WORDS[kind]} {name!r}", collision)
        chosen = self._chosen(kind, name)
        if chosen is not None:
            return chosen
        self.refuse_if_failed(name, what=f"{KIND_WORDS[kind]} {name!r}")
        known = [known_name for known_kind, known_name in self._claims if known_kind == kind]
        raise ConfigError(
            f"there is no {KIND_WORDS[kind]} {name!r} among the installed plugins; {nearest(name, known)}",
            key=kind,
            value=name,
        )

    def all(self, kind: str) -> dict[str, Spec]:
        """Every usable spec of a kind by name, sorted; names that two plugins claim are left out."""
        chosen = {name: self._chosen(kind, name) for claimed, name in sorted(self._claims) if claimed == kind}
        return {name: spec for name, spec in chosen.items() if spec is not None}

    def settings_classes(self) -> list[type[Any]]:
        """The settings classes of all usable specs, each once, sorted by section."""
        specs = [spec for kind in KIND_WORDS for spec in self.all(kind).values()]
        classes = {section_of(spec.settings): spec.settings for spec in specs if spec.settings is not None}
        return [classes[section] for section in sorted(classes)]

    def versions(self) -> list[dict[str, str]]:
        """Distribution, version, entry point and API of each loaded plugin, for manifests; sorted."""
        return [
            {
                "distribution": one.plugin.distribution,
                "version": one.plugin.version,
                "entry_point": one.plugin.entry_point,
                "api": one.plugin.api,
            }
            for one in self.loaded
            if one.plugin.distribution != CORE
        ]

    def refuse_if_failed(self, word: str, *, what: str | None = None) -> None:
        """Raise PluginError when ``word`` looks like a name of a plugin that failed or was skipped.

        A plugin that was not loaded cannot say what it offers, so its entry point and distribution
        stand for it: ``binance`` answers for ``binance`` and ``binance-usdm``.
        """
        subject = what or repr(word)
        for failure in self.failures:
            if failure.phase != "name" and _speaks_for(failure, word):
                raise _plugin_error(subject, failure)
        for skipped in self.skipped:
            if _speaks_for(skipped, word):
                raise PluginError(
                    f"{subject} comes with plugin {skipped.distribution} {skipped.version}, which is "
                    f"{skipped.reason}; change the list to use it",
                    distribution=skipped.distribution,
                    phase="metadata",
                )

    def _chosen(self, kind: str, name: str) -> Spec | None:
        claims = self._preferred(kind, name)
        return claims[0][1] if len(claims) == 1 else None

    def _preferred(self, kind: str, name: str) -> list[tuple[Candidate, Spec]]:
        """The claims that ``prefer`` leaves; more or less than one is a collision."""
        claims = self._claims.get((kind, name), [])
        wanted = self._wanted(kind, name)
        if wanted is None:
            return claims
        left = [claim for claim in claims if normalise(claim[0].distribution) == wanted]
        # A bare name is meant for the kinds that its distribution offers, the others stay as they are.
        loaded = any(normalise(one.plugin.distribution) == wanted for one in self.loaded)
        return claims if not left and loaded and f"{kind}.{name}" not in self._prefer else left

    def _wanted(self, kind: str, name: str) -> str | None:
        wanted = self._prefer.get(f"{kind}.{name}", self._prefer.get(name))
        return None if wanted is None else normalise(wanted)

    def _find_collisions(self) -> dict[tuple[str, str], PluginFailure]:
        collisions = {}
        for (kind, name), claims in sorted(self._claims.items()):
            if len(self._preferred(kind, name)) == 1:
                continue
            labels = [plugin.label for plugin, _ in claims]
            last = claims[-1][0]
            wanted = self._wanted(kind, name)
            error = f"{KIND_WORDS[kind]} {name!r} is claimed by {' and '.join(labels)}"
            if wanted is not None:
                error += f", of which [plugins] prefer chooses none: it says {wanted!r}"
            hint = f'choose one: [plugins.prefer] "{kind}.{name}" = "{claims[0][0].distribution}"'
            collisions[kind, name] = PluginFailure(
                last.distribution, last.version, last.entry_point, "name", error, hint
            )
        return collisions


def core_plugin(version: str) -> Candidate:
    """The core itself, whose built-ins register through the same hooks."""
    return Candidate(CORE, version, "builtins", "mm_framework.builtins", API)


def _speaks_for(plugin: PluginFailure | Skipped, word: str) -> bool:
    name = normalise(word)
    distribution = normalise(plugin.distribution)
    own = {normalise(plugin.entry_point), distribution, distribution.removeprefix("mm-")}
    return any(name == mine or name.startswith(f"{mine}-") for mine in own)


def _plugin_error(subject: str, failure: PluginFailure) -> PluginError:
    if failure.phase == "name":
        text = f"{failure.error}; {failure.hint}"
    else:
        text = (
            f"{subject} comes with plugin {failure.distribution} {failure.version}, which failed at "
            f"{failure.phase}: {failure.error}; {failure.hint}"
        )
    return PluginError(text, distribution=failure.distribution, phase=failure.phase)
