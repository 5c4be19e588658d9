"""A table that is made part by part, so that it need not be in memory whole. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pyarrow as pa

__all__ = ["TableParts"]


@attrs.frozen(eq=False)
class TableParts:
    """``batches`` makes the rows anew at each call, all of one ``schema``."""

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]

    def tables(self, rows: int) -> Iterator[pa.Table]:
        """The whole as tables of at least so many rows, but for the last one."""
        held: list[pa.RecordBatch] = []
        for batch in self.batches():
            held.append(batch)
            if sum(map(len, held)) >= rows:
                yield pa.Table.from_batches(held, self.schema)
                held = []
        if held:
            yield pa.Table.from_batches(held, self.schema)

    def table(self) -> pa.Table:
        """The whole."""
        return pa.Table.from_batches(self.batches(), self.schema)
