"""The total order of a run: records of all shards by (mono_ns, shard, index), in constant memory.

Stamps are strictly increasing over all shards of one process, so that ``mono_ns`` alone decides; the
other two make the order total for recordings whose stamps are not. Consecutive records of one shard
come as one batch, as far as their block goes; a record that begins or ends something a listener has
to know of on its own (LOST, CHECKPOINT, HTTP) is a batch by itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

import attrs

from mm_framework.model.frame import HEADER, RecordKind

__all__ = ["Batch", "merge"]

_ALONE = (RecordKind.LOST, RecordKind.CHECKPOINT, RecordKind.HTTP)

_Key = tuple[int, int, int]


@attrs.frozen
class Batch:
    """Consecutive records of one shard. ``kind`` is the first one's, ``mono_ns`` the last one's stamp."""

    shard: int
    block: memoryview
    kind: int
    mono_ns: int

    def before(self, limit_ns: int) -> Batch | None:
        """The records of the batch that are stamped up to ``limit_ns``; None when there is none."""
        if self.mono_ns <= limit_ns:
            return self
        cut, last_ns = 0, 0
        while True:
            _, length, _, _, _, _, mono_ns, _ = HEADER.unpack_from(self.block, cut)
            if mono_ns > limit_ns:
                break
            cut, last_ns = cut + HEADER.size + length, mono_ns
        return attrs.evolve(self, block=self.block[:cut], mono_ns=last_ns) if cut else None


def merge(shards: Iterable[tuple[int, Iterable[memoryview]]]) -> Iterator[Batch]:
    """Batches in order. ``shards``: number and blocks of whole records of each, in their own order.

    Holds one block a shard. Blocks are views: they stay valid as long as they are referred to.
    """
    cursors = [_Cursor(shard, iter(blocks)) for shard, blocks in shards]
    heap = [(cursor.key, cursor) for cursor in cursors if cursor.load()]
    heapq.heapify(heap)
    while heap:
        cursor = heap[0][1]
        others = [entry[0] for entry in heap[1:3]]
        yield cursor.take(min(others, default=None))
        if cursor.load():
            heapq.heapreplace(heap, (cursor.key, cursor))
        else:
            heapq.heappop(heap)


class _Cursor:
    """The place in one shard's log. Keys are unique, so that cursors are never compared."""

    def __init__(self, shard: int, blocks: Iterator[memoryview]) -> None:
        self.shard, self._blocks = shard, blocks
        self._block, self._position = memoryview(b""), 0
        self.key: _Key = (0, shard, 0)
        self._kind = 0
        self._end = 0

    def load(self) -> bool:
        """Look at the next record; False at the end of the log."""
        while self._position == len(self._block):
            block = next(self._blocks, None)
            if block is None:
                return False
            self._block, self._position = block, 0
        _, length, self._kind, _, _, index, mono_ns, _ = HEADER.unpack_from(self._block, self._position)
        self._end = self._position + HEADER.size + length
        self.key = (mono_ns, self.shard, index)
        return True

    def take(self, limit: _Key | None) -> Batch:
        """The record looked at and those after it in the block whose keys are below ``limit``."""
        start, kind = self._position, self._kind
        while True:
            mono_ns, self._position = self.key[0], self._end
            if kind in _ALONE or self._position == len(self._block):
                break
            self.load()
            if self._kind in _ALONE or (limit is not None and self.key > limit):
                break
        return Batch(self.shard, self._block[start : self._position], kind, mono_ns)
