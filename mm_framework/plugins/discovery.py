"""What is installed and may be imported, told from metadata alone."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection, Iterable

import attrs
from packaging.requirements import InvalidRequirement, Requirement

import mm_framework
from mm_framework.plugins.settings import PluginSettings

__all__ = [
    "API",
    "CORE",
    "GROUP",
    "Candidate",
    "PluginFailure",
    "Selection",
    "Skipped",
    "describe_error",
    "matches",
    "normalise",
    "select",
]

CORE = "mm-framework"
API = "v1"
GROUP = f"mm_framework.{API}"
_ANY_GROUP = re.compile(r"mm_framework\.(v[0-9]+)\Z")


@attrs.frozen
class Candidate:
    """One entry point of an installed distribution.

    ``target`` is the module it names, ``api`` the version of the plugin interface (``v1``),
    ``requires`` the distribution's ``Requires-Dist`` lines.
    """

    distribution: str
    version: str
    entry_point: str
    target: str
    api: str = API
    requires: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``mm-kraken 0.1.0``."""
        return f"{self.distribution} {self.version}"


@attrs.frozen
class PluginFailure:
    """Why a plugin cannot be used.

    ``phase``: ``metadata`` (another interface or core version, unreadable), ``import``, ``hooks``
    (unknown name, wrong arguments), ``register`` (a hook raised or returned nonsense), ``name`` (two
    claims). ``error`` is one line, ``hint`` what to do, ``trace`` the traceback or empty.
    """

    distribution: str
    version: str
    entry_point: str
    phase: str
    error: str
    hint: str
    trace: str = ""


@attrs.frozen
class Skipped:
    """A plugin that the operator does not want; ``reason`` names the list that says so."""

    distribution: str
    version: str
    entry_point: str
    reason: str


@attrs.frozen
class Selection:
    """What is installed: ``ready`` to be imported, in order, ``skipped`` by wish, ``failures``."""

    ready: tuple[Candidate, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[PluginFailure, ...] = ()

    def only(self, word: str) -> Selection:
        """The part that ``word`` names, by distribution or entry point."""
        return Selection(
            tuple(plugin for plugin in self.ready if matches(plugin, (word,))),
            tuple(plugin for plugin in self.skipped if matches(plugin, (word,))),
            tuple(plugin for plugin in self.failures if matches(plugin, (word,))),
        )


def normalise(name: str) -> str:
    """A distribution's or plugin's name for comparison: lower case, runs of ``-_.`` are one ``-``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def matches(plugin: Candidate | PluginFailure | Skipped, names: Iterable[str]) -> bool:
    """Whether one of ``names`` is the plugin's distribution or entry point."""
    own = {normalise(plugin.distribution), normalise(plugin.entry_point)}
    return any(normalise(name) in own for name in names)


def describe_error(error: BaseException) -> str:
    """``ImportError: no module x`` on one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def select(
    settings: PluginSettings, distributions: Iterable[importlib.metadata.Distribution] | None = None
) -> Selection:
    """Enumerate, sort, apply the lists, check versions; imports nothing.

    The order, and so everything that follows from it, is by (normalised distribution name, entry
    point). ``distributions`` defaults to all that are installed.
    """
    found = importlib.metadata.distributions() if distributions is None else distributions
    ready: list[Candidate] = []
    skipped: list[Skipped] = []
    candidates, failures = _enumerate(found)
    for plugin in candidates:
        if (reason := _unwanted(plugin, settings)) is not None:
            skipped.append(Skipped(plugin.distribution, plugin.version, plugin.entry_point, reason))
        elif (failure := _unfit(plugin)) is not None:
            failures.append(failure)
        else:
            ready.append(plugin)
    return Selection(tuple(ready), tuple(skipped), tuple(failures))


def _enumerate(
    distributions: Iterable[importlib.metadata.Distribution],
) -> tuple[list[Candidate], list[PluginFailure]]:
    candidates: list[Candidate] = []
    failures: list[PluginFailure] = []
    seen: set[str] = set()
    for distribution in distributions:
        name = "?"
        try:
            name = distribution.metadata["Name"] or "?"
            if normalise(name) in seen:
                continue  # a later entry of sys.path; the first one is what an import finds
            seen.add(normalise(name))
            candidates += _candidates(name, distribution)
        except Exception as error:
            failures.append(
                PluginFailure(
                    name,
                    "?",
                    "?",
                    "metadata",
                    describe_error(error),
                    f"its metadata is broken: reinstall {name}",
                )
            )
    return sorted(candidates, key=lambda c: (normalise(c.distribution), c.entry_point)), failures


def _candidates(name: str, distribution: importlib.metadata.Distribution) -> list[Candidate]:
    by_api: dict[str, list[Candidate]] = {}
    for point in distribution.entry_points:
        if found := _ANY_GROUP.match(point.group):
            plugin = Candidate(
                name,
                distribution.version,
                point.name,
                point.value,
                found[1],
                tuple(distribution.requires or ()),
            )
            by_api.setdefault(plugin.api, []).append(plugin)
    # A distribution may serve several versions of the interface; ours is the one that counts.
    return by_api.get(API) or [plugin for plugins in by_api.values() for plugin in plugins]


def _unwanted(plugin: Candidate, settings: PluginSettings) -> str | None:
    if matches(plugin, settings.block):
        return "blocked by [plugins] block"
    allowed: Collection[str] | None = settings.allow
    if allowed is not None and not matches(plugin, allowed):
        return "not in the list of allowed plugins (MM_LOAD_PLUGINS)"
    return None


def _unfit(plugin: Candidate) -> PluginFailure | None:
    def failure(error: str, hint: str) -> PluginFailure:
        return PluginFailure(plugin.distribution, plugin.version, plugin.entry_point, "metadata", error, hint)

    if plugin.api != API:
        return failure(
            f"needs API {plugin.api}",
            f"mm-framework {mm_framework.__version__} offers API {API}: "
            f"install a version of {plugin.distribution} made for it",
        )
    for line in plugin.requires:
        try:
            need = Requirement(line)
            if normalise(need.name) != CORE or (need.marker is not None and not need.marker.evaluate()):
                continue
        except InvalidRequirement as error:
            return failure(describe_error(error), f"its metadata is broken: reinstall {plugin.distribution}")
        if not need.specifier.contains(mm_framework.__version__, prereleases=True):
            return failure(
                f"needs mm-framework {need.specifier}",
                f"mm-framework is {mm_framework.__version__}: "
                f"install a version of {plugin.distribution} made for it",
            )
    return None
