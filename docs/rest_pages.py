"""REST and the metrics stream as tables: paths, parameters and answers, from what checks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import relay_pages

from mm_framework import __version__
from mm_framework.calibrate.families import Family
from mm_framework.serve import stream
from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.exposition import capture_families, market_families, server_families
from mm_framework.serve.openapi import Operation, document
from mm_framework.serve.parameters import Parameter
from mm_framework.serve.rest import OPERATIONS

__all__ = ["metrics", "operations", "question"]

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]


def operations(table: Table) -> str:
    """One section a path, and one an object of the answers."""
    told = document((*OPERATIONS, _STREAM), __version__, token=False)
    schemas = told["components"]["schemas"]
    sections = [_operation(table, one, told["paths"][one.path]) for one in OPERATIONS]
    objects = [_object(table, name, schemas[name]) for name in sorted(schemas) if name != "Figure"]
    return "\n".join(sections) + "\n## Objects\n\n" + "\n".join(objects)


def question(table: Table) -> str:
    """The parameters of the metrics stream, and the data of its messages."""
    schemas = document([_STREAM], __version__, token=False)["components"]["schemas"]
    fields = [
        (f"`{name}`", _words(one), _meaning(one)) for name, one in schemas["Figure"]["properties"].items()
    ]
    return f"{_parameters(table, stream.PARAMETERS)}\n{table(('field of data', 'type', 'meaning'), fields)}"


def metrics(table: Table) -> str:
    """The names that the server shows to Prometheus."""
    families: list[Family] = [*server_families(ServeCounters()), *market_families([]), *capture_families([])]
    return table(("metric", "kind", "what"), [(f"`{one.name}`", one.kind, one.help) for one in families])


async def _no_answer(context: Any, given: Any) -> None:
    """The stream is no operation: it is here for the words of its message."""


_STREAM = Operation("/metrics", "metrics", "", stream.Figure, _no_answer)


def _operation(table: Table, one: Operation, path: dict[str, Any]) -> str:
    schema = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    text = f"## `{one.path}`\n\n{one.summary} Answer: {_words(schema)}.\n\n"
    return text + (_parameters(table, one.parameters) if one.parameters else "")


def _parameters(table: Table, parameters: Sequence[Parameter]) -> str:
    rows = [
        (f"`{one.name}`", one.expected, "" if one.default is None else f"`{one.default}`", one.help)
        for one in parameters
    ]
    return table(("parameter", "expected", "if not given", "meaning"), rows)


def _object(table: Table, name: str, schema: dict[str, Any]) -> str:
    rows = [(f"`{field}`", _words(one), _meaning(one)) for field, one in schema["properties"].items()]
    text = schema["description"].replace("``", "`")
    return f"### {name}\n\n{text}\n\n{table(('field', 'type', 'meaning'), rows)}"


def _words(schema: dict[str, Any]) -> str:
    """As `relay_pages.words`, with links to objects."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_words(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_words(schema['items'])}"
    return relay_pages.words(schema)


def _meaning(schema: dict[str, Any]) -> str:
    return str(schema.get("description", ""))
