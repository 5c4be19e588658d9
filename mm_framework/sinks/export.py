"""A run bundle into sinks: the calls of the live run again, one record at a time.

The output is made in a folder beside its place and moved there when it is whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import attrs

from mm_framework.bundle.disk import move_all, writing
from mm_framework.bundle.run import Run
from mm_framework.contracts.sink import Sink, SinkRun
from mm_framework.errors import ConfigError
from mm_framework.feed import Feed, VenueKit
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.model.frame import HEADER
from mm_framework.sinks.driver import SinkSet

__all__ = ["export", "sink_run"]


def sink_run(
    run: Run,
    kits: Mapping[str, VenueKit],
    clock: ClockSettings,
    data_dir: Path,
    no_data_warn_s: float = 10.0,
) -> SinkRun:
    """A bundle's run as sinks are told of it."""
    manifest = run.manifest
    venues = tuple(sorted({shard.venue for shard in manifest.shards}))
    return SinkRun(
        run_id=manifest.run_id,
        wall0_ns=manifest.wall0_ns,
        mono0_ns=manifest.mono0_ns,
        venues=venues,
        rules={venue: kits[venue].rules for venue in venues},
        data_dir=data_dir,
        clock=clock,
        untimed=manifest.untimed,
        subscriptions=tuple(one for shard in manifest.shards for one in shard.subscriptions),
        start_ns=_start_ns(run),
        no_data_warn_s=no_data_warn_s,
    )


def _start_ns(run: Run) -> int:
    """The receive time of the first record."""
    manifest = run.manifest
    first = next((HEADER.unpack_from(record)[6] for _, record in run.records()), manifest.mono0_ns)
    return manifest.wall0_ns + int(first) - manifest.mono0_ns


def export(
    run: Run,
    sink: Sink,
    told: SinkRun,
    out: Path,
    kits: tuple[Mapping[str, VenueKit], Mapping[str, VenueKit]],
    progress: Callable[[int], object] = lambda _: None,
) -> list[Path]:
    """Write ``sink`` to ``out``, a file or folder that does not exist; the paths that were made.

    ``kits``: for `Feed`, and for the sink. Raises ConfigError when something is there already,
    CorruptFrame at damage, EnvironmentFailed; ``out`` is untouched then.
    """
    _refuse([out])
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent)
    with folder as name:
        made = Path(name)
        _drive(run, sink, attrs.evolve(told, out=made / out.name), kits, progress)
        targets = {path: out.parent / path.name for path in sorted(made.iterdir())}
        _refuse(targets.values())
        with writing(out):
            move_all(targets)
        return list(targets.values())


def _refuse(paths: Iterable[Path]) -> None:
    """Raise ConfigError when one of these is there."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{path} exists and is never overwritten: name another with --out", key="out", value=str(path)
            )


def _drive(
    run: Run,
    sink: Sink,
    told: SinkRun,
    kits: tuple[Mapping[str, VenueKit], Mapping[str, VenueKit]],
    progress: Callable[[int], object],
) -> None:
    sinks = SinkSet([sink], kits[1])
    sinks.open([told])
    feeds = {reader.shard: Feed(kits[0], reader.shard) for reader in run.shards}
    try:
        for shard, record in run.records():
            sinks.take(shard, bytes(record), feeds[shard].feed(record).kept())
            progress(len(record))
    finally:
        sinks.close()
