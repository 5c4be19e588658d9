"""The event digest: one SHA-256 over rows in order, the same for a bundle, a part of it or a store.

Hashed first: the sorted ids of the instruments, one a line. Then the rows as they are, little-endian,
but ``instrument`` is the position in that list, ``seq`` counts the messages from 0, ``connection``
and ``frame`` are 0, and SYNTHETIC rows are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.model.events import RowFlag, row_dtype
from mm_framework.model.frame import Block
from mm_framework.model.instrument import SHARD_SHIFT

__all__ = ["EventDigest", "places_of"]

Rows = npt.NDArray[Any]

NO_INSTRUMENT = 2**32 - 1
_TILE: Final = 1 << 14


class EventDigest:
    """Takes rows in the order of processing. ``ids`` are all instruments of the selection."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._positions = {name: position for position, name in enumerate(sorted(set(ids)))}
        self._hash = hashlib.sha256("".join(f"{name}\n" for name in self._positions).encode())
        self._seq = -1
        self._last = -1
        self.rows = 0
        """Rows that were hashed."""

    def update(self, rows: Block | Rows, ids: Mapping[int, str]) -> None:
        """The next rows, 64 bytes each without gaps; ``ids`` gives the id of each instrument number.

        Raises KeyError for a row whose instrument is in neither list.
        """
        table: Rows = np.frombuffer(rows, dtype=row_dtype())
        for start in range(0, len(table), _TILE):
            self._take(table[start : start + _TILE], ids)

    def _take(self, tile: Rows, ids: Mapping[int, str]) -> None:
        """A few rows, which stay in the processor's cache until they are hashed."""
        counted = tile["flags"] & RowFlag.SYNTHETIC == 0
        tile = tile.copy() if counted.all() else tile[counted]
        if not len(tile):
            return
        numbers, inverse = places_of(tile["instrument"])
        # Numbers of messages are those of a shard: a change of shard begins a message, too.
        messages = tile["seq"] + (tile["instrument"].astype(np.int64) >> SHARD_SHIFT << 40)
        begins = np.diff(messages, prepend=self._last) != 0
        seq = self._seq + np.cumsum(begins)
        self._last, self._seq = int(messages[-1]), int(seq[-1])
        places = [
            self._positions[ids[number]] if number != NO_INSTRUMENT else number for number in numbers.tolist()
        ]
        tile["instrument"] = np.array(places, dtype=np.uint32)[inverse]
        tile["seq"] = seq
        tile["connection"] = 0
        tile["frame"] = 0
        self._hash.update(tile.data)
        self.rows += len(tile)

    def hexdigest(self) -> str:
        """The digest of the rows so far, in hex."""
        return self._hash.hexdigest()


def places_of(numbers: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.intp]]:
    """The different instrument numbers, sorted, and the place of each one among them; mostly there is one."""
    if len(numbers) and (numbers == numbers[0]).all():
        return np.array(numbers[:1]), np.zeros(len(numbers), np.intp)
    return np.unique(numbers, return_inverse=True)
