"""The event digest: one SHA-256 over rows in order, the same for a bundle, a part of it or a store.

Hashed first: the sorted ids of the instruments, one a line. Then the rows as they are, little-endian,
but ``instrument`` is the position in that list, ``seq`` counts the messages from 0, ``connection``
and ``frame`` are 0, and SYNTHETIC rows are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_framework.model.events import RowFlag, row_dtype
from mm_framework.model.frame import Block
from mm_framework.model.instrument import SHARD_SHIFT

__all__ = ["EventDigest"]

NO_INSTRUMENT = 2**32 - 1


class EventDigest:
    """Takes rows in the order of processing. ``ids`` are all instruments of the selection."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._positions = {name: position for position, name in enumerate(sorted(set(ids)))}
        self._hash = hashlib.sha256("".join(f"{name}\n" for name in self._positions).encode())
        self._seq = -1
        self._last = -1
        self.rows = 0
        """Rows that were hashed."""

    def update(self, rows: Block, ids: Mapping[int, str]) -> None:
        """The next rows, 64 bytes each; ``ids`` gives the id of each instrument number.

        Raises KeyError for a row whose instrument is in neither list.
        """
        table: npt.NDArray[Any] = np.frombuffer(rows, dtype=row_dtype())
        table = table[table["flags"] & RowFlag.SYNTHETIC == 0].copy()
        if not len(table):
            return
        numbers, inverse = np.unique(table["instrument"], return_inverse=True)
        # Numbers of messages are those of a shard: a change of shard begins a message, too.
        messages = table["seq"] + (table["instrument"].astype(np.int64) >> SHARD_SHIFT << 40)
        begins = np.diff(messages, prepend=self._last) != 0
        seq = self._seq + np.cumsum(begins)
        self._last, self._seq = int(messages[-1]), int(seq[-1])
        places = [
            self._positions[ids[number]] if number != NO_INSTRUMENT else number for number in numbers.tolist()
        ]
        table["instrument"] = np.array(places, dtype=np.uint32)[inverse]
        table["seq"] = seq
        table["connection"] = 0
        table["frame"] = 0
        self._hash.update(table.tobytes())
        self.rows += len(table)

    def hexdigest(self) -> str:
        """The digest of the rows so far, in hex."""
        return self._hash.hexdigest()
