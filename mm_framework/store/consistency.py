"""Whether the parts of a manifest fit together: what types alone do not say of a file that was edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import msgspec

from mm_framework.errors import MMError, StoreError
from mm_framework.model.fixed import MAX_SCALE
from mm_framework.model.instrument import Definition, parse_id

if TYPE_CHECKING:
    from mm_framework.store.manifest import Input, Part, StoreManifest

__all__ = ["check"]

T = TypeVar("T")

_FIELDS: Final = frozenset(field.name for field in attrs.fields(Definition))


def check(manifest: StoreManifest) -> None:
    """Raises StoreError for the first thing that cannot be."""
    runs = [one.run for one in manifest.inputs]
    if (twice := _repeated(runs)) is not None:
        raise StoreError(f"the input {twice!r} is named twice")
    defined = {one.run: _defined(one) for one in manifest.inputs}
    for parts in (manifest.parts, manifest.kept):
        if (again := _repeated([(part.partition, part.run) for part in parts])) is not None:
            raise StoreError(f"{again[0]} has run {again[1]!r} twice")
        for part in parts:
            _check_part(part, defined)


def _defined(source: Input) -> frozenset[str]:
    """The instruments of an input. One may be described more than once, as its scales grew."""
    found = [_definition(source.run, line) for line in source.definitions]
    if (number := _repeated([number for number, _ in {(one.number, one.id) for one in found}])) is not None:
        raise StoreError(f"input {source.run!r} has two instruments of number {number}")
    return frozenset(one.id for one in found)


def _definition(run: str, line: Mapping[str, Any]) -> Definition:
    try:
        found = msgspec.convert(line, Definition)
        if strange := line.keys() - _FIELDS:
            raise ValueError(f"{min(strange)!r} is not known")
        parse_id(found.id)
        scales = found.price_scale, found.size_scale
        numbers = found.index, found.number
        depths = () if found.depth is None else (found.depth,)
        decimals = [one for one in (found.price_decimals, found.size_decimals) if one is not None]
        _within("a scale", scales, 0, MAX_SCALE)
        _within("a number of decimals", decimals, 0, MAX_SCALE)
        _within("a number", numbers, 0, 2**32 - 1)
        _within("depth", depths, 1, 2**31 - 1)
    except (msgspec.ValidationError, ValueError, MMError) as error:
        raise StoreError(
            f"it describes an instrument as this version does not: {error} (input {run!r}); build another"
            " store from the runs"
        ) from None
    return found


def _check_part(part: Part, defined: Mapping[str, frozenset[str]]) -> None:
    where = f"run {part.run!r} in {part.partition}"
    instruments = [one.instrument for one in part.stretches]
    if part.run not in defined:
        raise StoreError(f"{where} is of no input")
    if "events" not in part.files or not instruments or _repeated(instruments) is not None:
        raise StoreError(f"{where} has no events, no instrument, or one twice")
    if strange := set(instruments) - defined[part.run]:
        raise StoreError(f"{where} has {min(strange)}, which its input does not")
    try:
        date.fromisoformat(part.partition.date)
    except ValueError as error:
        raise StoreError(f"{where} has no date: {error}") from None


def _within(what: str, values: Iterable[int], low: int, high: int) -> None:
    for value in values:
        if not low <= value <= high:
            raise ValueError(f"{what} is {value}, expected {low} to {high}")


def _repeated(values: Sequence[T]) -> T | None:
    seen: set[T] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
