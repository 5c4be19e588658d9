"""One input into parts of a store: a function of the input alone, made to run in any process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.bundle.run import Run, open_run
from mm_framework.feed import VenueKit
from mm_framework.model.instrument import Definition, shard_of
from mm_framework.store.inputs import Source, fingerprint
from mm_framework.store.judge import DayRows, Judge, judge_sync
from mm_framework.store.manifest import Input, Part
from mm_framework.store.partitions import MAX_SYMBOLS, Partition, partition_of
from mm_framework.store.parts import PartContext, PartWriter
from mm_framework.store.root import open_root
from mm_framework.store.spill import Key, Spill, date_of, spill_run

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
    files, sha256 = source.files(), fingerprint(source)
    run = open_run(source.path)
    with tempfile.TemporaryDirectory(dir=task.temp_dir or None, prefix="mm-store-") as name:
        folder = Path(name)
        spill = Spill(folder)
        definitions = spill_run(run, task.make_kits(source.venues), spill)
        by_id: dict[str, list[Definition]] = {}
        for one in definitions:
            by_id.setdefault(one.id, []).append(one)
        context, offsets = PartContext(source.run, source.path.name, task.judge), _offsets(run)
        parts = []
        for partition, instruments in _partitions(spill.keys, by_id):
            writer = PartWriter(partition, context, folder)
            for instrument, keys in instruments:
                shard = shard_of(keys[0].number)
                rows = _merged(spill, keys)
                writer.add(DayRows(instrument, rows, by_id[instrument], offsets.get(shard, {})))
                for key in keys:
                    spill.drop(key)
            part = writer.finish(root)
            if part is not None:
                parts.append(part)
    return Extracted(
        Input(
            run=source.run,
            kind=source.kind,
            path=str(source.path),
            sha256=sha256,
            files=files,
            versions=dict(task.versions),
            start_ns=run.manifest.wall0_ns,
            rows=sum(part.rows for part in parts),
            definitions=tuple(_valid(one, run) for one in definitions),
            offsets={shard: tuple(found.items()) for shard, found in offsets.items()},
        ),
        tuple(parts),
    )


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


def _offsets(run: Run) -> dict[int, dict[int, float]]:
    """Shard -> receive time -> offset of the venue's clock in ms from then on, as the run accepted them."""
    manifest = run.manifest
    found: dict[int, dict[int, float]] = {}
    for sample in manifest.clock_samples:
        if sample.get("in_force_ns") is not None:
            ts_recv_ns = int(sample["mono_ns"]) - manifest.mono0_ns + manifest.wall0_ns
            found.setdefault(int(sample["shard"]), {})[ts_recv_ns] = int(sample["in_force_ns"]) / 1e6
    return found


def _valid(definition: Definition, run: Run) -> dict[str, Any]:
    """A definition as the store keeps it: ``valid_from_ns`` is a receive time there."""
    manifest = run.manifest
    valid = definition.valid_from_ns - manifest.mono0_ns + manifest.wall0_ns
    return {**definition.as_json(), "valid_from_ns": valid}
