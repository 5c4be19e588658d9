"""`build`: inputs into a store. What the store holds already is not read again.

    sources -> new or changed? -> extract, each in a process -> overlaps -> manifest -> what is left over goes

The manifest is replaced last: a build that is killed leaves the store as it was, and the next one
completes it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.times import DAY_NS
from mm_framework.errors import ConfigError, SchemaMismatch, StoreError
from mm_framework.model.instrument import Definition, shard_of
from mm_framework.store.extract import Extract, Extracted, MakeKits, extract
from mm_framework.store.inputs import Source, check_names, find_again, unchanged
from mm_framework.store.judge import DayRows, Judge, judge_sync, notes_of
from mm_framework.store.manifest import Input, Part, StoreManifest, Verdict
from mm_framework.store.overlap import resolve, without
from mm_framework.store.parquet import is_parquet
from mm_framework.store.partitions import LOCK, WHOLE, instruments_name, is_ours
from mm_framework.store.parts import PartContext, PartWriter
from mm_framework.store.root import LocalRoot, Root, locked, open_root
from mm_framework.store.row_cache import part_rows
from mm_framework.store.schema import INSTRUMENTS, SCHEMA_VERSION

__all__ = ["Build", "BuildReport", "build"]


@attrs.frozen
class Build:
    """How a store is built. ``versions``: venues -> distributions that derive their rows, with versions.

    ``find``: an input that the store knows, where it was.

    ``executor`` None works in this process; any other is given functions and values that can be sent to
    another process, which must see the inputs and the store by the same names.
    """

    make_kits: MakeKits
    versions: Callable[[frozenset[str]], dict[str, str]]
    made_by: str
    executor: Executor | None = None
    judge: Judge = judge_sync
    temp_dir: str = ""
    find: Callable[[Input], Source] = find_again
    progress: Callable[[str, int, int], object] = lambda run, done, count: None


@attrs.frozen
class BuildReport:
    """What a build came to. ``read``, ``kept``: runs that were read, and that were as they had been."""

    digest: str
    rows: int
    partitions: int
    read: tuple[str, ...]
    kept: tuple[str, ...]
    overlaps: int
    statuses: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return attrs.asdict(self)


def build(store: str, sources: Sequence[Source], how: Build) -> BuildReport:
    """Bring a store up to date with these sources; inputs that it holds from before stay.

    Raises ConfigError for two sources of one name, StoreError and its kinds for what cannot be read,
    EnvironmentFailed for the disk or another build at work; the store is then as it was.
    """
    check_names(sources)
    root = open_root(store)
    with locked(root):
        found = StoreManifest.read(root)
        _check_place(root, found)
        old = found or StoreManifest(built="", made_by="")
        if old.schema < SCHEMA_VERSION:
            sources, old = _all_again(root, old, sources, how), StoreManifest(built="", made_by="")
        known = {one.run: one for one in old.inputs}
        broken = _broken(root, old, {one.run for one in sources})
        todo = [one for one in sources if one.run in broken or not _known(one, known, how)]
        extracted = _extract_all(store, todo, how)
        manifest = _assemble(root, old, extracted, _former(old, sources), how)
        manifest.write(root)
        _sweep(root, manifest)
    stored = manifest.partitions()
    statuses = [one.verdict.status for one in stored]
    read = {source.run for source in todo}
    return BuildReport(
        manifest.digest,
        manifest.rows,
        len(stored),
        tuple(sorted(read)),
        tuple(sorted(source.run for source in sources if source.run not in read)),
        len(manifest.overlaps),
        {status: statuses.count(status) for status in sorted(set(statuses))},
    )


def _all_again(root: Root, old: StoreManifest, sources: Sequence[Source], how: Build) -> list[Source]:
    """Every input of a store of an older schema: those that are given, the others from where they were."""
    given = {source.run for source in sources}
    found = list(sources)
    for one in old.inputs:
        if one.run not in given:
            try:
                found.append(how.find(one))
            except StoreError as error:
                raise SchemaMismatch(
                    f"{root.url} is of schema {old.schema} and is built anew for {SCHEMA_VERSION}, but its"
                    f" input {one.run} is not where it was: {error}; name it, or build another store",
                    path=root.url,
                ) from None
    return found


def _former(manifest: StoreManifest, sources: Sequence[Source]) -> set[str]:
    """Inputs that are named by their content, of which another content is at the same path now."""
    now = {os.path.abspath(source.path): source.run for source in sources}
    return {one.run for one in manifest.inputs if now.get(os.path.abspath(one.path), one.run) != one.run}


def _broken(root: Root, manifest: StoreManifest, runs: set[str]) -> set[str]:
    """Those of the inputs of which a file is missing or, in a folder, cut off: they are read again."""
    there, found = set(root.names()), set()
    for part in (*manifest.parts, *manifest.kept):
        for name, _, _ in part.files.values() if part.run in runs else ():
            if name not in there or (isinstance(root, LocalRoot) and not is_parquet(root, name)):
                found.add(part.run)
    return found


def _known(source: Source, known: Mapping[str, Input], how: Build) -> bool:
    one = known.get(source.run)
    return one is not None and unchanged(source, one, how.versions(source.venues))


def _extract_all(store: str, sources: Sequence[Source], how: Build) -> list[Extracted]:
    """All extracts, in order of runs. The first that fails ends the build."""
    tasks = [
        Extract(source, store, how.make_kits, how.versions(source.venues), how.judge, how.temp_dir)
        for source in sorted(sources, key=lambda source: source.run)
    ]
    done: dict[str, Extracted] = {}
    if how.executor is None:
        for task in tasks:
            done[task.source.run] = extract(task)
            how.progress(task.source.run, len(done), len(tasks))
    else:
        futures: dict[Future[Extracted], str] = {
            how.executor.submit(extract, task): task.source.run for task in tasks
        }
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                how.progress(futures[future], len(done), len(tasks))
        finally:
            for future in futures:
                future.cancel()
    return [done[run] for run in sorted(done)]


def _assemble(
    root: Root, old: StoreManifest, extracted: Sequence[Extracted], former: set[str], how: Build
) -> StoreManifest:
    fresh = former | {one.input.run for one in extracted}
    inputs = [one for one in old.inputs if one.run not in fresh] + [one.input for one in extracted]
    inputs.sort(key=lambda one: one.run)
    whole = [part for part in (*old.parts, *old.kept) if part.run not in fresh and not part.cuts]
    whole += [part for one in extracted for part in one.parts]
    whole.sort(key=lambda part: (part.partition, part.run))
    resolved = resolve(whole, {one.run: one.start_ns for one in inputs})
    cut_before = {(str(part.partition), part.run): part for part in old.parts if part.cuts}
    # A compacted file holds several runs: when one of them goes its own way, so do the others.
    gone = [part for part in old.parts if part.run in fresh or _key(part) in resolved.cuts]
    stale = {name for part in gone for name, _, _ in part.files.values()}
    parts, kept = [], []
    for part in whole:
        cuts = resolved.cuts.get(_key(part), ())
        if not cuts:
            shared = part.run not in fresh and not stale.isdisjoint(
                name for name, _, _ in part.files.values()
            )
            parts.append(_derived(root, part, (), inputs, how) if shared else _at(root, part, ""))
            continue
        kept.append(_at(root, part, f"{WHOLE}/"))
        before = cut_before.get(_key(part))
        again = before is not None and before.cuts == cuts and part.run not in fresh
        parts.append(before if again else _derived(root, kept[-1], cuts, inputs, how))
    return StoreManifest(
        built=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        made_by=how.made_by,
        inputs=tuple(inputs),
        parts=tuple(part for part in parts if part is not None),
        kept=tuple(kept),
        overlaps=resolved.overlaps,
        instruments=_write_instruments(root, inputs),
        verdicts=_still(old, parts),
        qa=old.qa,
    )


def _still(old: StoreManifest, parts: Sequence[Part | None]) -> dict[str, Verdict]:
    """The verdicts that stay: of partitions whose parts are the same files as before."""

    def files(found: Sequence[Part | None]) -> dict[str, set[str]]:
        named: dict[str, set[str]] = {}
        for part in found:
            if part is not None:
                named.setdefault(str(part.partition), set()).update(
                    name for name, _, _ in part.files.values()
                )
        return named

    before, now = files(old.parts), files(parts)
    return {name: verdict for name, verdict in old.verdicts.items() if before.get(name) == now.get(name)}


def _at(root: Root, part: Part, prefix: str) -> Part:
    """The part with its files below a prefix; they are copied where they are not."""
    files = {}
    for table, (name, sha256, rows) in part.files.items():
        wanted = prefix + name.removeprefix(f"{WHOLE}/")
        if wanted != name:
            with root.open(name) as file:
                root.write(wanted, file.read())
        files[table] = (wanted, sha256, rows)
    return attrs.evolve(part, files=files)


def _key(part: Part) -> tuple[str, str]:
    return str(part.partition), part.run


def _derived(
    root: Root, part: Part, cuts: Sequence[tuple[str, int, int]], inputs: Sequence[Input], how: Build
) -> Part | None:
    """A part of its own without what is cut; None when nothing is left."""
    source = next(one for one in inputs if one.run == part.run)
    definitions = [Definition(**one) for one in source.definitions]
    context = PartContext(part.run, Path(source.path).name, how.judge)
    rows = np.concatenate([*part_rows(root, part)])
    with tempfile.TemporaryDirectory(dir=how.temp_dir or None, prefix="mm-store-") as folder:
        writer = PartWriter(part.partition, context, Path(folder))
        for stretch in part.stretches:
            own = [one for one in definitions if one.id == stretch.instrument]
            left = rows[np.isin(rows["instrument"], [one.number for one in own])]
            out = [(from_ns, to_ns) for name, from_ns, to_ns in cuts if name == stretch.instrument]
            left = without(left, out, own) if out else left
            if len(left):
                offsets = dict(source.offsets.get(shard_of(own[0].number), ()))
                notes = notes_of(source.notes, stretch.instrument, stretch.first_ns // DAY_NS)
                writer.add(DayRows(stretch.instrument, left, own, offsets, notes))
        derived = writer.finish(root)
    return None if derived is None else attrs.evolve(derived, cuts=tuple(cuts))


def _write_instruments(root: Root, inputs: Sequence[Input]) -> str | None:
    """All definitions as a table; its name, None without any."""
    lines = [{"run": one.run, **definition} for one in inputs for definition in one.definitions]
    if not lines:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(lines, schema=INSTRUMENTS), sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    name = instruments_name(hashlib.sha256(data).hexdigest())
    root.write(name, data)
    return name


def _check_place(root: Root, manifest: StoreManifest | None) -> None:
    """A folder with files of others is not taken for a store. Raises ConfigError."""
    if manifest is None and (strange := [name for name in root.names() if not is_ours(name)]):
        raise ConfigError(
            f"{root.url} is no store, and not empty ({strange[0]} is there): name a new folder with --out",
            key="out",
            value=root.url,
        )


def _sweep(root: Root, manifest: StoreManifest) -> None:
    """Remove what a build that was killed, or the one before, left behind."""
    for name in root.names():
        if name not in manifest.names() and is_ours(name) and name != LOCK:
            root.remove(name)
