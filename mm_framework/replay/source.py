"""A run bundle as a data source: its records through `Feed`, in the order of the run, to a listener.

The listener hears what it would have heard live. Commands of `Feed` are ignored: what came of them is
in the log. A log that begins with a CHECKPOINT (a slice) gives its books to the listener first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import attrs

from mm_framework.bundle.run import Run
from mm_framework.errors import ConfigError
from mm_framework.feed import Feed, Output, VenueKit
from mm_framework.model.frame import Block, RecordKind, iter_records
from mm_framework.replay.merge import Batch, merge

__all__ = ["ReplayListener", "Replayed", "replay"]


class ReplayListener(Protocol):
    """What a replay drives; see the listener of a live capture for the first and last."""

    @property
    def done(self) -> bool:
        """Whether it needs no more: the replay ends."""
        ...

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """What `Feed` made of a block of records, the last one stamped ``mono_ns``."""
        ...

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """A shard begins with a checkpoint: ``feed`` holds what the records before it had built."""
        ...

    def on_end(self, mono_ns: int) -> None:
        """The recording, or the part of it that was asked for, ends."""
        ...


@attrs.frozen
class Replayed:
    """What was read: ``feeds`` by shard, in their state at the end; ``mono_ns`` of the last record."""

    feeds: dict[int, Feed]
    mono_ns: int


def replay(
    run: Run,
    kits: Mapping[str, VenueKit],
    listener: ReplayListener,
    *,
    max_seconds: float | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Replayed:
    """Drive the listener through a run, to its end or until the listener is ``done``.

    ``max_seconds``: recorded time from the first frame. ``progress`` is told the bytes of each batch.
    Raises ConfigError for ``max_seconds`` on a run without receive times, CorruptFrame at damage.
    """
    if max_seconds is not None and run.manifest.untimed:
        raise ConfigError(
            f"run {run.path.name} has no receive times: --max-seconds means nothing there, use --max-events",
            key="max_seconds",
            value=max_seconds,
        )
    feeds = {reader.shard: Feed(kits, reader.shard) for reader in run.shards}
    started: set[int] = set()
    mono_ns = 0
    for batch in _limited(merge((reader.shard, reader.blocks()) for reader in run.shards), max_seconds):
        feed, mono_ns = feeds[batch.shard], batch.mono_ns
        output = feed.feed(batch.block)
        if batch.kind == RecordKind.CHECKPOINT and batch.shard not in started:
            listener.restore(feed, mono_ns)
        started.add(batch.shard)
        listener.on_output(batch.shard, batch.block, mono_ns, output)
        progress(len(batch.block))
        if listener.done:
            break
    listener.on_end(mono_ns)
    return Replayed(feeds, mono_ns)


def _limited(batches: Iterator[Batch], max_seconds: float | None) -> Iterator[Batch]:
    """Batches up to ``max_seconds`` of recorded time after the first frame."""
    if max_seconds is None:
        yield from batches
        return
    limit_ns: int | None = None
    for batch in batches:
        if limit_ns is None and (first_ns := _first_frame_ns(batch)) is not None:
            limit_ns = first_ns + round(max_seconds * 1e9)
        part = batch if limit_ns is None else batch.before(limit_ns)
        if part is not None:
            yield part
        if part is not batch:
            return


def _first_frame_ns(batch: Batch) -> int | None:
    frames = (record.mono_ns for record in iter_records(batch.block) if record.kind == RecordKind.FRAME)
    return next(frames, None)
