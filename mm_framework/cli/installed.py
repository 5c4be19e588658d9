"""What this distribution needs, by its own metadata, and what of it is not there."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from packaging.requirements import Requirement

__all__ = ["extras", "fault", "required"]

FOR_DEVELOPERS = ("dev", "docs")


def required(lines: Iterable[str], extra: str = "") -> list[Requirement]:
    """Of ``Requires-Dist`` lines those for this machine, in their order; with ``extra`` what that adds."""
    return [one for one in map(Requirement, lines) if _applies(one, extra)]


def _applies(one: Requirement, extra: str) -> bool:
    always = one.marker is None or one.marker.evaluate({"extra": ""})
    if not extra:
        return always
    return not always and one.marker is not None and one.marker.evaluate({"extra": extra})


def extras(metadata: importlib.metadata.PackageMetadata) -> list[str]:
    """The extras that add something to a program that is used, by name."""
    return sorted({*(metadata.get_all("Provides-Extra") or ())} - {*FOR_DEVELOPERS})


def fault(one: Requirement) -> str | None:
    """``not installed`` or ``1.0, needs >=2``; None when it is met."""
    try:
        version = importlib.metadata.version(one.name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    return None if one.specifier.contains(version, prereleases=True) else f"{version}, needs {one.specifier}"
