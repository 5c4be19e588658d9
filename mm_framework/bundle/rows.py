"""All rows of a bundle in memory, in the order of processing, with what their numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.bundle.digest import EventDigest
from mm_framework.bundle.run import Run
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.events import message_dtype, row_dtype
from mm_framework.model.instrument import Definition

__all__ = ["RunRows", "read_rows"]

Rows = npt.NDArray[np.void]


@attrs.frozen(eq=False)
class RunRows:
    """``rows``: structured array of `row_dtype`, ``seq`` counted over all shards; all ``definitions``."""

    rows: Rows
    definitions: tuple[Definition, ...]

    @property
    def ids(self) -> dict[int, str]:
        """Instrument number -> id."""
        return {one.number: one.id for one in self.definitions}

    def digest(self) -> str:
        """The event digest of all rows."""
        digest = EventDigest(self.ids.values())
        digest.update(self.rows, self.ids)
        return digest.hexdigest()


def read_rows(run: Run, kits: Mapping[str, VenueKit]) -> RunRows:
    """Every record through `Feed`. Raises CorruptFrame at damage; a torn end is left out."""
    parts: list[Rows] = []
    stamps: list[npt.NDArray[np.int64]] = []
    definitions: list[Definition] = []
    for reader in run.shards:
        feed = Feed(kits, reader.shard)
        for block in reader.blocks():
            output = feed.feed(block)
            parts.append(np.frombuffer(bytes(output.rows), dtype=row_dtype()))
            messages: npt.NDArray[Any] = np.frombuffer(output.messages, dtype=message_dtype())
            stamps.append(np.repeat(np.array(output.mono_ns, dtype=np.int64), messages["n_rows"]))
        definitions += feed.definitions
    rows = np.concatenate([np.empty(0, dtype=row_dtype()), *parts])
    if len(run.shards) > 1:
        # Stamps are unique over all shards, so equal ones are rows of one record, already in order.
        rows = rows[np.argsort(np.concatenate(stamps), kind="stable")]
        begins = (np.diff(rows["seq"], prepend=-1) != 0) | (np.diff(rows["instrument"] >> 16, prepend=0) != 0)
        rows["seq"] = np.cumsum(begins) - 1
    return RunRows(rows, tuple(sorted(definitions, key=lambda one: (one.valid_from_ns, one.index))))
