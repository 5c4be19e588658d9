"""One input into parts of a store: a function of the input alone, made to run in any process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.feed import VenueKit
from mm_framework.model.instrument import Definition, shard_of
from mm_framework.store.inputs import Dealt, Source
from mm_framework.store.judge import DayRows, Judge, judge_sync, notes_of
from mm_framework.store.manifest import Input, Part
from mm_framework.store.partitions import MAX_SYMBOLS, Partition, date_of, partition_of
from mm_framework.store.parts import PartContext, PartWriter
from mm_framework.store.root import Root, open_root
from mm_framework.store.spill import Key, Spill

__all__ = ["Extract", "Extracted", "MakeKits", "extract"]

Rows = npt.NDArray[Any]
MakeKits = Callable[[frozenset[str]], Mapping[str, VenueKit]]
"""Venues -> their kits; a function of a module, so that it can be sent to another process."""


@attrs.frozen
class Extract:
    """An input to read. ``versions`` of what reads it; ``store`` is the root's URL.

    Everything in it can be sent to another process: functions are those of modules.
    """

    source: Source
    store: str
    make_kits: MakeKits
    versions: dict[str, str]
    judge: Judge = judge_sync
    temp_dir: str = ""


@attrs.frozen
class Extracted:
    """What came of an input."""

    input: Input
    parts: tuple[Part, ...]


def extract(task: Extract) -> Extracted:
    """Read an input and put its parts into the store, where no manifest names them yet.

    Raises StoreError and its kinds for what cannot be read, EnvironmentFailed, PluginError.
    """
    source, root = task.source, open_root(task.store)
    files, sha256 = source.files(), source.fingerprint()
    with tempfile.TemporaryDirectory(dir=task.temp_dir or None, prefix="mm-store-") as name:
        folder = Path(name)
        spill = Spill(folder)
        dealt = source.deal(task.make_kits(source.venues), spill)
        spill.flush()
        parts = _parts(task, dealt, spill, folder, root)
    return Extracted(
        Input(
            run=source.run,
            kind=source.kind,
            path=str(source.path),
            sha256=sha256,
            files=files,
            versions=dict(task.versions),
            start_ns=dealt.start_ns,
            rows=sum(part.rows for part in parts),
            definitions=tuple(one.as_json() for one in dealt.definitions),
            offsets={shard: tuple(found.items()) for shard, found in dealt.offsets.items()},
            symbols=dict(source.symbols),
            notes=dealt.notes,
            counts=dict(dealt.counts),
        ),
        parts,
    )


def _parts(task: Extract, dealt: Dealt, spill: Spill, folder: Path, root: Root) -> tuple[Part, ...]:
    """The spilled rows as parts of the store, partition by partition."""
    by_id: dict[str, list[Definition]] = {}
    for one in dealt.definitions:
        by_id.setdefault(one.id, []).append(one)
    context = PartContext(task.source.run, task.source.path.name, task.judge)
    parts = []
    for partition, instruments in _partitions(spill.keys, by_id):
        writer = PartWriter(partition, context, folder)
        for instrument, keys in instruments:
            offsets = dealt.offsets.get(shard_of(keys[0].number), {})
            notes = notes_of(dealt.notes, instrument, keys[0].day)
            writer.add(DayRows(instrument, _merged(spill, keys), by_id[instrument], offsets, notes))
            for key in keys:
                spill.drop(key)
        part = writer.finish(root)
        if part is not None:
            parts.append(part)
    return tuple(parts)


def _partitions(
    keys: set[Key], by_id: Mapping[str, Sequence[Definition]]
) -> Iterator[tuple[Partition, list[tuple[str, list[Key]]]]]:
    """Partitions in order, with the keys of each of their instruments in order of ids."""
    ids = {one.number: instrument for instrument, known in by_id.items() for one in known}
    days: dict[tuple[int, str], dict[str, list[Key]]] = {}
    for key in sorted(keys):
        instrument = ids[key.number]
        venue = instrument.partition(":")[0]
        days.setdefault((key.day, venue), {}).setdefault(instrument, []).append(key)
    for (day, _), instruments in sorted(days.items()):
        bucketed = len(instruments) > MAX_SYMBOLS
        grouped: dict[Partition, list[tuple[str, list[Key]]]] = {}
        for instrument, found in sorted(instruments.items()):
            partition = partition_of(instrument, date_of(day), bucketed=bucketed)
            grouped.setdefault(partition, []).append((instrument, found))
        yield from sorted(grouped.items())


def _merged(spill: Spill, keys: Sequence[Key]) -> Rows:
    """The rows of an instrument's day: of several numbers or shards, in the order of processing."""
    if len(keys) == 1:
        return spill.rows(keys[0])
    rows = np.concatenate([spill.rows(key) for key in keys])
    return np.asarray(rows[np.argsort(rows["ts_recv_ns"], kind="stable")])
