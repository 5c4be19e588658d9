"""The tables beside the log: what instruments and connections were, one JSON object a line.

Both are functions of the log: a live run writes them as it goes on, `mm recover` makes them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from mm_framework.errors import CorruptFrame
from mm_framework.model.events import NULL
from mm_framework.model.frame import Record, RecordKind, encode_json
from mm_framework.model.instrument import Definition

__all__ = [
    "CONNECTIONS",
    "CONNECTION_KINDS",
    "INSTRUMENTS",
    "METRICS",
    "RUNLOG",
    "connection_line",
    "definition_line",
    "iter_lines",
    "metrics_name",
    "precedes",
    "read_document",
    "read_lines",
]

CONNECTIONS: Final = "connections.ndjson"
INSTRUMENTS: Final = "instruments.ndjson"
METRICS: Final = "metrics"
RUNLOG: Final = "runlog.ndjson"

CONNECTION_KINDS: Final = {RecordKind.OPEN: "open", RecordKind.LOST: "lost"}


def connection_line(shard: int, record: Record) -> bytes:
    """The line that a record of CONNECTION_KINDS gives.

    It is the record's payload with ``event`` (``open``, ``lost``), ``connection``, ``shard``, ``frame``
    (the record's index), ``mono_ns`` and ``wall_ns`` (null when the recording is untimed). Raises
    CorruptFrame when the payload is no JSON object.
    """
    _, _, connection, index, mono_ns, wall_ns, payload = record
    event = CONNECTION_KINDS[RecordKind(record.kind)]
    try:
        body = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptFrame(
            f"record {index} of shard {shard} is no {event} record: {error}", index=index
        ) from None
    stamps = {"mono_ns": mono_ns, "wall_ns": None if wall_ns == NULL else wall_ns}
    line = {**body, "event": event, "connection": connection, "shard": shard, "frame": index, **stamps}
    return encode_json(line) + b"\n"


def precedes(line: Mapping[str, Any], first_index: Mapping[int, int]) -> bool:
    """Whether a line is of a record before the log's first one (shard -> index): a slice has such lines."""
    shard, frame = line.get("shard"), line.get("frame")
    return isinstance(shard, int) and isinstance(frame, int) and frame < first_index.get(shard, 0)


def definition_line(definition: Definition) -> bytes:
    """The line of ``instruments.ndjson``."""
    return encode_json(definition.as_json()) + b"\n"


def metrics_name(shard: int | None) -> str:
    """The file of a shard's metrics in the folder METRICS; None is the run as a whole."""
    return "global.ndjson" if shard is None else f"shard_{shard:02d}.ndjson"


def read_document(path: Path) -> dict[str, Any] | None:
    """The JSON object of a file, None when there is no such file. Raises CorruptFrame."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptFrame(f"{path} is not readable: {error}", path=path) from None


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All lines that `iter_lines` gives."""
    return list(iter_lines(path))


def iter_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a table; a last line without its line feed was cut and is left out.

    Raises CorruptFrame at any other line that is no JSON object, FileNotFoundError without the file.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise CorruptFrame(f"line {number} of {path} is not readable: {error}", path=path) from None
