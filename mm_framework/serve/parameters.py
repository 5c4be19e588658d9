"""Parameters of requests: declared once, checked by that, and written into the OpenAPI document.

LIMIT = integer("limit", "How many.", low=1, high=1000, default=100)
values = read((SYMBOL, LIMIT), path_params, query_params)      dict, or the Refusal
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs
from starlette.datastructures import QueryParams

from mm_framework.serve.guard import Refusal

__all__ = ["Parameter", "choice", "integer", "path_text", "read", "refused", "text"]

SHOWN: Final = 60
_DIGITS: Final = 18


@attrs.frozen
class Parameter:
    """One parameter. ``default`` None of a query parameter that is not ``required``: nothing is said."""

    name: str
    place: Literal["path", "query"]
    help: str
    kind: Literal["string", "integer"] = "string"
    required: bool = False
    default: Any = None
    low: int | None = None
    high: int | None = None
    words: tuple[str, ...] = ()
    example: Any = None

    def read(self, given: str) -> Any:
        """The value. Raises ValueError for a text that is none."""
        if self.kind == "integer":
            digits = given.removeprefix("-")
            if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
                raise ValueError
        elif self.words and given not in self.words:
            raise ValueError
        value = int(given) if self.kind == "integer" else given
        measured = value if isinstance(value, int) else len(value)
        if (self.low is not None and measured < self.low) or (self.high is not None and measured > self.high):
            raise ValueError
        return value

    @property
    def expected(self) -> str:
        """What is right, in words."""
        if self.words:
            return f"one of {', '.join(self.words)}"
        unit = "an integer" if self.kind == "integer" else "characters"
        if self.kind == "integer":
            return f"{unit} from {self.low} to {self.high}"
        return f"{self.low} to {self.high} {unit}"

    def document(self) -> dict[str, Any]:
        """The parameter object of OpenAPI."""
        schema: dict[str, Any] = {"type": self.kind}
        ends = ("minimum", "maximum") if self.kind == "integer" else ("minLength", "maxLength")
        bounds = dict(zip(ends, (self.low, self.high), strict=True))
        schema |= {key: value for key, value in bounds.items() if value is not None}
        if self.words:
            schema["enum"] = list(self.words)
        if self.default is not None:
            schema["default"] = self.default
        found = {
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "description": self.help,
            "schema": schema,
        }
        return found if self.example is None else {**found, "example": self.example}


def path_text(name: str, help: str, example: str) -> Parameter:
    """A part of the path."""
    return Parameter(name, "path", help, required=True, low=1, high=120, example=example)


def text(name: str, help: str, example: str) -> Parameter:
    """A text that must be given."""
    return Parameter(name, "query", help, required=True, low=1, high=120, example=example)


def integer(name: str, help: str, low: int, high: int, default: int | None = None) -> Parameter:
    """A number of the query."""
    return Parameter(name, "query", help, "integer", default=default, low=low, high=high)


def choice(name: str, help: str, words: Sequence[str], default: str | None) -> Parameter:
    """A word of the query."""
    return Parameter(name, "query", help, default=default, words=tuple(words))


def read(
    parameters: Sequence[Parameter], path: Mapping[str, Any], query: QueryParams
) -> dict[str, Any] | Refusal:
    """The values by name, or why they are none: unknown, given twice, missing, or out of bounds."""
    known = {one.name for one in parameters if one.place == "query"}
    for name in query:
        if name not in known:
            listed = ", ".join(sorted(known)) or "no parameters"
            return refused("parameter", f"unknown parameter {name[:SHOWN]!r}", listed)
        if len(query.getlist(name)) > 1:
            return refused("parameter", f"{name} is given {len(query.getlist(name))} times", "once")
    found: dict[str, Any] = {}
    for one in parameters:
        given = str(path[one.name]) if one.place == "path" else query.get(one.name)
        if given is None:
            if one.required:
                return refused("parameter", f"{one.name} is missing", one.expected)
            found[one.name] = one.default
            continue
        try:
            found[one.name] = one.read(given)
        except ValueError:
            return refused("parameter", f"{one.name} is {given[:SHOWN]!r}", one.expected)
    return found


def refused(code: str, message: str, expected: str, status: int = 400) -> Refusal:
    """A refusal of what a request asks for."""
    return Refusal(status, code, message, expected)
