"""What results differ in: settings, data, measures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from mm_framework.errors import ConfigError

__all__ = ["difference", "leaves", "measures", "require_same_data", "settings_that_differ"]

_DATA = ("instruments", "from", "to", "qa", "first_ns", "last_ns")
_NAMES = ("strategy", "instrument", "horizon_s", "step_s", "level")
"""Keys that name the elements of a list in a summary."""


def leaves(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """All values of a JSON document with their paths: ``accounts.mm/kraken:BTC/EUR.fills``.

    An element of a list is called by what names it, else by its place.
    """
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            named = [one[name] for name in _NAMES if name in one] if isinstance(one, Mapping) else []
            name = "/".join(map(_short, named)) if named else str(place)
            yield from leaves(one, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_that_differ(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Path of each setting that is not the same in all, with its values; None where it is not there."""
    found = [dict(leaves(one["configuration"])) for one in documents]
    names = dict.fromkeys(name for one in found for name in one)
    return {
        name: [one.get(name) for one in found]
        for name in names
        if len({repr(one.get(name)) for one in found}) > 1
    }


def require_same_data(names: Sequence[str], documents: Sequence[Mapping[str, Any]]) -> None:
    """Raises ConfigError that names the first thing in which the data of a result is not the first one's."""
    for name, document in zip(names[1:], documents[1:], strict=True):
        one, two = documents[0]["data"], document["data"]
        for key in _DATA:
            if one[key] != two[key]:
                raise ConfigError(
                    f"{names[0]} and {name} were played on different data: {key} is {one[key]} and"
                    f" {two[key]}; --any-data compares them all the same"
                )
        if _digests(one) != _digests(two):
            raise ConfigError(
                f"{names[0]} and {name} were played on different data: the partitions have other digests;"
                " --any-data compares them all the same"
            )


def _digests(data: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["digest"] for name, one in data["partitions"].items()}


def measures(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Path of each measure that is a number in one of the summaries, with its values."""
    found = [dict(leaves(one["summary"])) for one in documents]
    names = dict.fromkeys(name for one in found for name in one)
    return {
        name: [one.get(name) for one in found]
        for name in names
        if any(_number(one.get(name)) is not None for one in found)
    }


def difference(value: object, first: object) -> str | float | None:
    """``value - first``: exact text where one of them is decimal text, None where one is no number."""
    one, two = _number(value), _number(first)
    if one is None or two is None:
        return None
    if isinstance(value, str) or isinstance(first, str):
        return f"{one - two:f}"
    return float(one - two)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
