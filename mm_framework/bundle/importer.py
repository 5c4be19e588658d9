"""`mm import`: recordings of others become a run bundle, read by the same `Feed` as a capture.

    files -> containers.read -> receive times -> records -> RunWriter, Feed -> the bundle in its place

The bundle is made beside its place and renamed when it is whole. Several files, in the order given,
are one run. What a container does not tell is not made up: a file without a line that opens a
connection goes on with the one before it (or with one of unknown address), and a recording without
receive times makes an `untimed` run, unless a rule for them is given, which is recorded.

Stamps: ``mono_ns`` follows the receive times and is strictly increasing; where a receive time goes
back it is kept in ``wall_ns``, ``mono_ns`` is one more than before, and the step is counted. Without
receive times ``mono_ns`` is the number of the record.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.containers import FORMATS, Item, detect, read
from mm_framework.bundle.disk import sync_folder, writing
from mm_framework.bundle.import_log import LEAD_NS, SHARD, ImportLog
from mm_framework.bundle.manifest import Manifest, PluginUsed, ShardInfo
from mm_framework.bundle.probe import Probe
from mm_framework.bundle.receive_times import AssumeReceive, stamped
from mm_framework.bundle.run import RunWriter
from mm_framework.errors import ConfigError, MMError, StoreError
from mm_framework.feed import Feed, FeedConfig, VenueKit

__all__ = [
    "TIMED",
    "ImportReport",
    "ImportRequest",
    "ImportedFile",
    "Made",
    "import_recording",
    "refuse_existing",
]

TIMED: Final = frozenset({"recorder", "log", "headered"})
"""The containers that hold receive times."""


@attrs.frozen
class ImportRequest:
    """What to import: ``files`` in order, their ``container`` (one of FORMATS, or ``auto``), the
    ``venue`` that spoke, the ``symbols`` to follow (ids or the venue's names; none means all), where to
    (``out`` must not exist; its name is the run id), and the rule ``assume_receive``, or None.
    """

    files: tuple[Path, ...]
    venue: str
    out: Path
    container: str = "auto"
    symbols: tuple[str, ...] = ()
    assume_receive: str | None = None


@attrs.frozen
class ImportReport:
    """What came of it. ``steps_back``: items whose receive time is before that of the item before.

    ``counts`` are those of `sync.counts.Counts`.
    """

    run_id: str
    records: int
    instruments: tuple[str, ...]
    untimed: bool
    steps_back: int
    counts: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """JSON values only: the ``result`` of the manifest."""
        return attrs.asdict(self)


def import_recording(
    request: ImportRequest,
    kit: VenueKit,
    *,
    created: str,
    made_by: str,
    plugins: Sequence[PluginUsed] = (),
    config: Mapping[str, Any] | None = None,
) -> ImportReport:
    """Make the bundle. ``kit`` is the venue's; the rest goes into the manifest as it is.

    Raises ConfigError (the run exists, an instrument that the recording does not have, receive times
    that are assumed although there are some), StoreError (a file cannot be read; it names the line),
    EnvironmentFailed. After an error nothing of the bundle is left.
    """
    refuse_existing(request.out)
    files = [_examined(path, request.container) for path in request.files]
    rule = AssumeReceive.parse(request.assume_receive) if request.assume_receive else None
    timed = _check_times(files, rule)
    items = _items(files)
    if rule is not None:
        items = stamped(items, rule, Probe(kit.normalizer))
    first = next(items, None)
    if first is None:
        raise StoreError(f"{request.files[0]}: nothing was recorded there", path=request.files[0])
    feed_config = FeedConfig(
        venue=request.venue,
        wall0_ns=(first[1].wall_ns or 0) - LEAD_NS if timed else 0,
        discover=True,
        symbols=tuple(_instrument_id(symbol, kit) for symbol in request.symbols),
        untimed=not timed,
        live=False,
    )
    made = Made(created, made_by, plugins, config or {})
    source = {"files": [file.to_json() for file in files], "symbols": list(feed_config.symbols)}
    return made.bundle(request.out, feed_config, kit, itertools.chain([first], items), rule, source)


@attrs.frozen
class Made:
    """When and by what a bundle is made, with which plugins and settings."""

    created: str
    made_by: str
    plugins: Sequence[PluginUsed]
    settings: Mapping[str, Any]

    def bundle(
        self,
        out: Path,
        config: FeedConfig,
        kit: VenueKit,
        items: Iterable[tuple[int, Item]],
        rule: AssumeReceive | None,
        source: dict[str, Any],
    ) -> ImportReport:
        """Write the bundle of ``items`` (number of the file, item), whole or not at all.

        Raises ConfigError, StoreError, EnvironmentFailed.
        """
        manifest = Manifest(
            run_id=out.name,
            state="running",
            created=self.created,
            wall0_ns=config.wall0_ns,
            mono0_ns=config.mono0_ns,
            shards=(ShardInfo(SHARD, config.venue),),
            made_by=self.made_by,
            flags=("untimed",) if config.untimed else (),
            assume_receive=rule.text if rule else None,
            plugins=tuple(self.plugins),
            config=dict(self.settings),
            source=source,
        )
        return _write(out, manifest, config, kit, items)


def _write(
    out: Path, manifest: Manifest, config: FeedConfig, kit: VenueKit, items: Iterable[tuple[int, Item]]
) -> ImportReport:
    probe = Probe(kit.normalizer)
    with _in_its_place(out) as path:
        writer = RunWriter.create(path, manifest)
        with _interrupted(writer):
            log = ImportLog(writer, Feed({config.venue: kit}, SHARD), config)
            for place, item in items:
                log.item(place, probe.kind(item), item)
            log.finish()
            report = _report(out, log)
            writer.close("imported", report.to_json())
    return report


def _report(out: Path, log: ImportLog) -> ImportReport:
    instruments = sorted({definition.id for definition in log.feed.definitions})
    missing = [symbol for symbol in log.config.symbols if symbol not in instruments]
    if missing:
        raise ConfigError(
            f"the recording has no data of {', '.join(missing)}: leave out --symbol to import all of it",
            key="symbol",
            value=missing[0],
        )
    return ImportReport(
        run_id=out.name,
        records=log.records,
        instruments=tuple(instruments),
        untimed=log.config.untimed,
        steps_back=log.steps_back,
        counts=attrs.asdict(log.feed.counts),
    )


@attrs.frozen
class ImportedFile:
    """A file that was read: ``container`` is its format."""

    path: Path
    container: str
    size: int
    sha256: str

    @classmethod
    def examine(cls, path: Path, container: str) -> ImportedFile:
        """Size and hash of a file. Raises StoreError when it cannot be read."""
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                size = file.tell()
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror or error}", path=path) from None
        return cls(path, container, size, digest.hexdigest())

    def to_json(self) -> dict[str, Any]:
        """As the manifest tells it."""
        return {"name": self.path.name, "format": self.container, "bytes": self.size, "sha256": self.sha256}


def _examined(path: Path, container: str) -> ImportedFile:
    if container != "auto" and container not in FORMATS:
        raise ConfigError(f"format {container!r}: expected auto, {', '.join(FORMATS)}", key="format")
    file = ImportedFile.examine(path, container)
    return attrs.evolve(file, container=detect(path)) if container == "auto" else file


def _check_times(files: Sequence[ImportedFile], rule: AssumeReceive | None) -> bool:
    """Whether records get receive times."""
    timed = [file for file in files if file.container in TIMED]
    if timed and rule is not None:
        raise ConfigError(
            f"{timed[0].path} ({timed[0].container}) has receive times: leave out --assume-receive",
            key="assume_receive",
            value=rule.text,
        )
    if timed and len(timed) < len(files):
        other = next(file for file in files if file.container not in TIMED)
        raise ConfigError(
            f"{timed[0].path} ({timed[0].container}) has receive times and {other.path}"
            f" ({other.container}) has none: import them as two runs",
            key="files",
        )
    return bool(timed) or rule is not None


def _items(files: Sequence[ImportedFile]) -> Iterator[tuple[int, Item]]:
    for place, file in enumerate(files):
        for item in read(file.path, file.container):
            yield place, item


def _instrument_id(symbol: str, kit: VenueKit) -> str:
    name = kit.adapter.venue_symbol(symbol) if ":" in symbol else symbol
    return kit.adapter.instrument_id(name)


@contextlib.contextmanager
def _interrupted(writer: RunWriter) -> Iterator[None]:
    """Close the files of a bundle that an error (or Ctrl-C) ends; the error says why."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(MMError):
            writer.close("interrupted")
        raise


@contextlib.contextmanager
def _in_its_place(out: Path) -> Iterator[Path]:
    """A path beside ``out``, of the same name, that becomes ``out`` at the end or is removed."""
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield folder / out.name
        with writing(out):
            refuse_existing(out)
            (folder / out.name).rename(out)
            sync_folder(out.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_existing(out: Path) -> None:
    """Raise ConfigError when there is something at ``out``."""
    if out.exists():
        raise ConfigError(
            f"run {out} exists and is never overwritten: choose another run id", key="out", value=str(out)
        )
