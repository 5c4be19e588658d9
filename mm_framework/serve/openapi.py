"""The OpenAPI document, made of the operations that answer: what is written there is what is checked.

An `Operation` names its path, its parameters and the type of its answer; `document` has one entry for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec

from mm_framework.serve.answers import Errors
from mm_framework.serve.parameters import Parameter

__all__ = ["Answerer", "Operation", "document"]

Answerer = Callable[[Any, Mapping[str, Any]], Awaitable[Any]]
"""Gives the answer, or a `guard.Refusal`, for a context and the values of the parameters."""

_REFERENCE: Final = "#/components/schemas/{name}"
_REFUSALS: Final[Mapping[int, str]] = {
    400: "A parameter is unknown, missing or out of bounds.",
    403: "The Host or the Origin is not one that is served.",
    404: "Nothing of this name is known.",
    413: "The request has a body.",
    503: "What was asked for cannot be read now.",
}


@attrs.frozen
class Operation:
    """A GET. ``path`` as OpenAPI writes it; ``answer``: its type, with None where there may be nothing."""

    path: str
    name: str
    summary: str
    answer: Any
    call: Answerer
    parameters: tuple[Parameter, ...] = ()

    @property
    def route(self) -> str:
        """The path as Starlette writes it: symbols have slashes."""
        return self.path.replace("{symbol}", "{symbol:path}")


def document(operations: Sequence[Operation], version: str, *, token: bool) -> dict[str, Any]:
    """OpenAPI 3.1. ``token``: whether clients must send one."""
    types = [Errors, *(one.answer for one in operations)]
    shapes, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    error, *answers = shapes
    refusals = dict(_REFUSALS)
    if token:
        refusals[401] = "No valid token came with the request."
    told: dict[str, Any] = {str(one): _answer(text, error) for one, text in sorted(refusals.items())}
    paths = {
        one.path: {
            "get": {
                "operationId": one.name,
                "summary": one.summary,
                "parameters": [parameter.document() for parameter in one.parameters],
                "responses": {"200": _answer("The answer.", answer)} | told,
            }
        }
        for one, answer in zip(operations, answers, strict=True)
    }
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "mm serve",
            "version": version,
            "description": "Market data of mm-framework: read only. Prices and sizes are decimal strings.",
        },
        "paths": paths,
        "components": {"schemas": _plain(components)},
    }
    if token:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found


def _answer(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _plain(schema: Any) -> Any:
    """Tuples as arrays of what they hold: few tools that read OpenAPI know ``prefixItems``."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _plain(value) for key, value in schema.items() if key != "prefixItems"}
    if "prefixItems" in schema:
        kinds = [_plain(one) for one in schema["prefixItems"]]
        found["items"] = kinds[0] if all(one == kinds[0] for one in kinds) else {"anyOf": kinds}
    return found
