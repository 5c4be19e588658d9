"""Events of a store or a bundle in the total order, with a digest and a record of what was asked.

    replayed = replay_events(store, ReplayRequest(("kraken:BTC/EUR",), start, end), sink)

The same request on the same data gives the same bytes. A bundle is replayed through a store of its own,
built for the purpose, so that both give the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework import __version__
from mm_framework.bundle.digest import EventDigest
from mm_framework.bundle.disk import writing
from mm_framework.bundle.times import FIRST_NS, LAST_NS, format_utc
from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.model.fixed import text
from mm_framework.model.instrument import Definition
from mm_framework.store.reader import Store
from mm_framework.store.schema import EVENTS, Scales, event_columns
from mm_framework.store.selection import Policy, Selection

__all__ = [
    "ArrowFile",
    "EventSink",
    "NdjsonFile",
    "ReplayRequest",
    "ReplayedEvents",
    "replay_events",
    "replay_metadata",
]

Rows = npt.NDArray[Any]

_PRICED = frozenset({Kind.LEVEL, Kind.TRADE, Kind.TOP})


@attrs.frozen
class ReplayRequest:
    """Instruments (ids or patterns; all when empty), a half-open range of receive time, a policy."""

    instruments: tuple[str, ...] = ()
    from_ns: int = FIRST_NS
    to_ns: int = LAST_NS
    policy: Policy = "pass"


@attrs.frozen
class ReplayedEvents:
    """What was replayed: ``count`` of rows without SYNTHETIC ones, their ``digest``, and where from."""

    count: int
    digest: str
    metadata: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {"count": self.count, "digest": self.digest, **self.metadata}


class EventSink(Protocol):
    """Takes the rows as they come."""

    def begin(self, metadata: dict[str, Any], definitions: list[Definition]) -> None:
        """Before the first block: what was asked, and what ``instrument`` of the rows counts."""
        ...

    def rows(self, block: Rows) -> None:
        """The next rows, in order."""
        ...


def replay_events(
    store: Store,
    request: ReplayRequest,
    sinks: tuple[EventSink, ...] = (),
    progress: Callable[[int], object] = lambda rows: None,
) -> ReplayedEvents:
    """Replay to the end. Raises ConfigError for an instrument that is not there, StoreError for damage."""
    selection = store.events(request.instruments, request.from_ns, request.to_ns, request.policy)
    definitions = selection.definitions
    metadata = replay_metadata(store, selection, request)
    digest = EventDigest(definition.id for definition in definitions)
    ids = dict(enumerate(definition.id for definition in definitions))
    for sink in sinks:
        sink.begin(metadata, definitions)
    for block in selection.blocks():
        digest.update(block, ids)
        for sink in sinks:
            sink.rows(block)
        progress(len(block))
    return ReplayedEvents(digest.rows, digest.hexdigest(), metadata)


def replay_metadata(store: Store, selection: Selection, request: ReplayRequest) -> dict[str, Any]:
    """What makes the replay again: the request, the data by digest, the versions."""
    partitions = [one for one in selection.partitions if one.rows]
    return {
        "instruments": sorted({definition.id for definition in selection.definitions}),
        "from": None if request.from_ns == FIRST_NS else format_utc(request.from_ns),
        "to": None if request.to_ns == LAST_NS else format_utc(request.to_ns),
        "qa": request.policy,
        "order": "ts_recv_ns, run, shard, frame, row",
        "partitions": {
            str(one.partition): {"digest": one.digest, "qa_status": one.verdict.status} for one in partitions
        },
        "store_digest": store.manifest.digest,
        "inputs": {one.run: one.sha256 for one in store.manifest.inputs},
        "made_by": f"mm-framework {__version__}",
    }


class _File:
    """A file that appears whole, when the block ends without an error, or not at all."""

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, path.with_name(path.name + ".part")
        with writing(path):
            self._file: BinaryIO = self._part.open("wb")

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)
            return
        with writing(self.path):
            self._end()
            self._file.close()
            self._part.replace(self.path)

    def _end(self) -> None:
        """Write what stands last."""


class NdjsonFile(_File):
    """One JSON object a line: the metadata first, then each row; prices and sizes as exact decimals."""

    def begin(self, metadata: dict[str, Any], definitions: list[Definition]) -> None:
        """See `EventSink`."""
        self._definitions = definitions
        self._write([{"record": "replay", **metadata}])

    def rows(self, block: Rows) -> None:
        """See `EventSink`."""
        self._write(_lines(block, self._definitions))

    def _write(self, lines: Any) -> None:
        with writing(self.path):
            self._file.writelines(
                json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n" for line in lines
            )


class ArrowFile(_File):
    """An Arrow IPC stream of the ``events`` columns; the metadata stands in its schema as ``mm_replay``."""

    def begin(self, metadata: dict[str, Any], definitions: list[Definition]) -> None:
        """See `EventSink`."""
        self._scales = {
            place: Scales(one.id, one.price_scale, one.size_scale) for place, one in enumerate(definitions)
        }
        schema = _decoded(event_columns(np.empty(0, _row_dtype()), "", self._scales)).schema
        self._schema = schema.with_metadata({"mm_replay": json.dumps(metadata)})
        self._writer = pa.ipc.new_stream(self._file, self._schema)

    def rows(self, block: Rows) -> None:
        """See `EventSink`."""
        table = _decoded(event_columns(block, "", self._scales))
        with writing(self.path):
            self._writer.write_table(table.cast(self._schema))

    def _end(self) -> None:
        self._writer.close()


def _row_dtype() -> np.dtype[np.void]:
    from mm_framework.model.events import row_dtype

    return row_dtype()


def _decoded(table: pa.Table) -> pa.Table:
    """Plain text instead of dictionaries, which may differ from block to block; without the run."""
    text_of = table["instrument"].cast(pa.string())
    place = EVENTS.get_field_index("instrument")
    return table.set_column(place, "instrument", text_of).drop_columns(["run"])


def _lines(block: Rows, definitions: list[Definition]) -> Iterator[dict[str, Any]]:
    for row in block.tolist():
        recv, venue, seq, price, size, aux, instrument, _, kind, side, flags, epoch, _ = row
        definition = definitions[instrument]
        priced = kind in _PRICED
        yield {
            "seq": seq,
            "ts_recv_ns": recv,
            "ts_venue_ns": None if venue == NULL else venue,
            "instrument": definition.id,
            "kind": Kind(kind).name,
            "side": side,
            "price": _number(price, definition.price_scale if priced else None),
            "size": _number(size, definition.size_scale if priced else None),
            "aux": None if aux == NULL else aux,
            "epoch": epoch,
            "flags": [flag.name for flag in RowFlag if flags & flag],
        }


def _number(value: int, scale: int | None) -> str | int | None:
    if value == NULL:
        return None
    return value if scale is None else text(value, scale)
