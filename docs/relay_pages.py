"""The messages of the relay as tables: one a type, from the types themselves, each with an example."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mm_framework.serve.messages import DATA, Data, schema

__all__ = ["EXAMPLES", "messages", "words"]

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]

TS_MS = 1795236312101
AT = {"epoch": 3, "venue_ms": 1795236312088}
EXAMPLES: dict[str, dict[str, Any]] = {
    "snapshot": {
        **AT,
        "seq": 4107,
        "state": "SYNCED",
        "bids": [["74301.9", "0.41260000"], ["74301.1", "1.20000000"]],
        "asks": [["74302.0", "0.08000000"], ["74303.4", "0.55310000"]],
    },
    "diff": {**AT, "seq": 4108, "bids": [["74301.9", "0"], ["74301.5", "0.30000000"]], "asks": []},
    "trade": {
        **AT,
        "seq": 912,
        "price": "74302.0",
        "size": "0.01250000",
        "side": "buy",
        "trade_id": "85530142",
    },
    "event": {
        "event": "state_change",
        "epoch": 3,
        "reason": "CHECKSUM_MISMATCH",
        "old": "SYNCED",
        "new": "RESYNCING",
    },
    "spread": {
        "bid": "74301.9",
        "ask": "74302.0",
        "mid": "74301.95",
        "spread_abs": "0.1",
        "spread_bps": 0.0135,
    },
    "levels": {
        "epoch": 3,
        "seq": 4108,
        "bids": [["74301.5", "0.30000000"]],
        "asks": [["74302.0", "0.08000000"]],
    },
    "volume_24h": {"base": "12.40120000", "quote": "921456.80", "trades": 3310, "covered_s": 5400},
    "status": {
        "state": "SYNCED",
        "epoch": 3,
        "seq": 4108,
        "venue_symbol": "BTC/EUR",
        "messages": 51200,
        "trades": 912,
        "gaps": 0,
        "mismatches": 1,
        "resyncs": 2,
        "age_ms": {"p50": 10.0, "p95": 20.0, "p99": 50.0, "max": 181.402},
        "age_histogram": [[10.0, 31204], [20.0, 18800], [50.0, 1196]],
    },
}
"""The data of one message of each type."""


def messages(table: Table) -> str:
    """One section a type."""
    shapes = schema()["$defs"]
    return "\n".join(_section(table, name, cls, shapes[cls.__name__]) for name, cls in DATA.items())


def _section(table: Table, name: str, cls: type[Data], shape: dict[str, Any]) -> str:
    rows = [
        (f"`{field}`", words(one), one.get("description", "")) for field, one in shape["properties"].items()
    ]
    example = msgspec.convert(EXAMPLES[name], cls)
    document = {
        "type": name,
        "exchange": "kraken",
        "symbol": "BTC/EUR",
        "ts_ms": TS_MS,
        "data": msgspec.to_builtins(example),
    }
    return (
        f"## `{name}`\n\n{shape['description'].replace('``', '`')}\n\n"
        f"{table(('field of data', 'type', 'meaning'), rows)}\n"
        f"```json\n{json.dumps(document)}\n```\n"
    )


def words(shape: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "anyOf" in shape:
        return " or ".join(words(one) for one in shape["anyOf"])
    if "enum" in shape:
        return ", ".join(f"`{one}`" for one in shape["enum"])
    match shape["type"]:
        case "array" if "prefixItems" in shape:
            return f"[{', '.join(words(one) for one in shape['prefixItems'])}]"
        case "array":
            return f"list of {words(shape['items'])}"
        case "object" if "additionalProperties" in shape:
            return f"object of {words(shape['additionalProperties'])}"
    return str(shape["type"])
