"""Strict reading of one setting's value, from text (flags, variables) or from TOML.

`from_text` and `from_toml` give a value of the declared type or raise ValueError with a sentence
"expected ..., found ...". Nothing is guessed: a TOML string is no number, ``1`` in TOML is no
boolean, ``nan`` is no float. Types: bool, int, float, str, Path, Enum (by value), Literal, X | None,
tuple[X, ...], Mapping[str, X], and in TOML nested attrs classes.
"""

from __future__ import annotations

import enum
import math
import re
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import cattrs
from cattrs.v import format_exception

__all__ = ["choices", "expectation", "from_text", "from_toml", "switch", "to_json"]

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_INT = re.compile(r"[+-]?[0-9]+\Z")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


def from_text(text: str, target: Any) -> Any:
    """The value that ``text`` spells for the type ``target``. Raises ValueError.

    A tuple is comma separated, a mapping is ``key=value`` pairs, empty text is None for ``X | None``
    (and the empty tuple for ``tuple | None``).
    """
    return _structure(_TEXT, text, target)


def from_toml(value: object, target: Any) -> Any:
    """The value of type ``target`` for a TOML value. Raises ValueError."""
    return _structure(_TOML, value, target)


def to_json(value: object) -> Any:
    """A setting's value as JSON can hold it: paths and enumerations as text, tuples as lists."""
    return _OUT.unstructure(value)


def switch(text: str | None) -> bool:
    """A process switch such as ``MM_DEBUG``: unset and empty are off. Raises ValueError."""
    return bool(text) and bool(from_text(str(text), bool))


def choices(target: Any) -> tuple[str, ...]:
    """The words that a Literal or an enumeration allows, else nothing."""
    inner = _without_none(target)
    if get_origin(inner) is Literal:
        return tuple(str(word) for word in get_args(inner))
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return tuple(str(member.value) for member in inner)
    return ()


def expectation(target: Any) -> str:
    """What a value of this type is called in a message: ``a number``, ``one of a, b``."""
    inner = _without_none(target)
    if words := choices(inner):
        return "one of " + ", ".join(words)
    if get_origin(inner) is tuple:
        return f"a list, each {expectation(get_args(inner)[0])}"
    if _is_mapping(inner):
        return f"a table of names, each with {expectation(get_args(inner)[1])}"
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "text",
        Path: "a path",
    }
    return names.get(inner, getattr(inner, "__name__", str(inner)))


def _structure(converter: cattrs.Converter, value: object, target: Any) -> Any:
    try:
        return converter.structure(value, target)
    except cattrs.BaseValidationError as error:
        lines = cattrs.transform_error(error, path="", format_exception=_sentence)
        raise ValueError("; ".join(lines)) from error


def _sentence(error: BaseException, target: type | None) -> str:
    return str(error) if type(error) is ValueError else format_exception(error, target)


def _mismatch(value: object, target: Any) -> ValueError:
    return ValueError(f"expected {expectation(target)}, found {value!r}")


# ---- from text


def _bool_from_text(text: str, target: Any) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"expected {'/'.join(_TRUE)} or {'/'.join(_FALSE)}, found {text!r}")


def _int_from_text(text: str, target: Any) -> int:
    if not _INT.match(text.strip()):
        raise _mismatch(text, int)
    return int(text)


def _float_from_text(text: str, target: Any) -> float:
    if not _FLOAT.match(text.strip()) or not math.isfinite(float(text)):
        raise _mismatch(text, float)
    return float(text)


def _path_from_text(text: str, target: Any) -> Path:
    if not text:
        raise _mismatch(text, Path)
    return Path(text)


def _optional_from_text(text: str, target: Any) -> Any:
    inner = _without_none(target)
    if text == "" and get_origin(inner) is not tuple:
        return None
    return _TEXT.structure(text, inner)


def _tuple_from_text(text: str, target: Any) -> tuple[Any, ...]:
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return tuple(_TEXT.structure(part, get_args(target)[0]) for part in parts)


def _mapping_from_text(text: str, target: Any) -> dict[str, Any]:
    result = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            raise ValueError(f"expected pairs of the form name=value, found {pair!r}")
        result[key.strip()] = _TEXT.structure(value.strip(), get_args(target)[1])
    return result


# ---- from TOML


def _same_type(value: Any, target: Any) -> Any:
    if type(value) is not target:
        raise _mismatch(value, target)
    return value


def _float_from_toml(value: Any, target: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _mismatch(value, float)
    return float(value)


def _path_from_toml(value: Any, target: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise _mismatch(value, Path)
    return Path(value)


def _optional_from_toml(value: Any, target: Any) -> Any:
    return None if value is None else _TOML.structure(value, _without_none(target))


def _tuple_from_toml(value: Any, target: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _mismatch(value, target)
    return tuple(_TOML.structure(item, get_args(target)[0]) for item in value)


def _mapping_from_toml(value: Any, target: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _mismatch(value, target)
    return {key: _TOML.structure(item, get_args(target)[1]) for key, item in value.items()}


# ---- both


def _choice(value: Any, target: Any) -> Any:
    options = get_args(target) if get_origin(target) is Literal else [member.value for member in target]
    for option in options:
        if type(option) is type(value) and option == value:
            return option if get_origin(target) is Literal else target(value)
    raise _mismatch(value, target)


def _without_none(target: Any) -> Any:
    if not _is_optional(target):
        return target
    (inner,) = (part for part in get_args(target) if part is not type(None))
    return inner


def _is_optional(target: Any) -> bool:
    return get_origin(target) in (Union, types.UnionType) and type(None) in get_args(target)


def _is_choice(target: Any) -> bool:
    return bool(choices(target)) and not _is_optional(target)


def _is_tuple(target: Any) -> bool:
    return get_origin(target) is tuple


def _is_mapping(target: Any) -> bool:
    origin = get_origin(target)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _converter(
    scalars: Mapping[type, Callable[[Any, Any], Any]],
    shapes: Mapping[Callable[[Any], bool], Callable[[Any, Any], Any]],
) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind, hook in scalars.items():
        converter.register_structure_hook(kind, hook)
    for predicate, hook in {**shapes, _is_choice: _choice}.items():
        converter.register_structure_hook_func(predicate, hook)
    return converter


_TEXT = _converter(
    {
        bool: _bool_from_text,
        int: _int_from_text,
        float: _float_from_text,
        str: _same_type,
        Path: _path_from_text,
    },
    {_is_optional: _optional_from_text, _is_tuple: _tuple_from_text, _is_mapping: _mapping_from_text},
)
_TOML = _converter(
    {bool: _same_type, int: _same_type, float: _float_from_toml, str: _same_type, Path: _path_from_toml},
    {_is_optional: _optional_from_toml, _is_tuple: _tuple_from_toml, _is_mapping: _mapping_from_toml},
)
_OUT = cattrs.Converter()
_OUT.register_unstructure_hook(Path, str)
_OUT.register_unstructure_hook_func(
    lambda kind: isinstance(kind, type) and issubclass(kind, Path), lambda path: str(path)
)
_OUT.register_unstructure_hook_func(
    lambda kind: isinstance(kind, type) and issubclass(kind, tuple), lambda items: [to_json(i) for i in items]
)
