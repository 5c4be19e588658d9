"""What a store answers with: an Arrow table, and the ways on from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pyarrow as pa

__all__ = ["StoreTable"]


@attrs.frozen(eq=False)
class StoreTable:
    """Rows and columns in memory. What reads Arrow streams (Polars, DuckDB, pandas) takes it as it is."""

    arrow: pa.Table

    @property
    def num_rows(self) -> int:
        """How many rows."""
        return int(self.arrow.num_rows)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.arrow.column_names)

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        return self.arrow[column]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.arrow.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """The `pyarrow.Table` itself."""
        return self.arrow

    def to_polars(self) -> Any:
        """A `polars.DataFrame`; needs mm-framework[frames]."""
        import polars

        return polars.from_arrow(self.arrow)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; needs mm-framework[frames]."""
        return self.arrow.to_pandas()

    def to_batches(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches of at most ``rows`` rows."""
        return iter(self.arrow.to_batches(max_chunksize=rows))

    def to_pylist(self) -> list[dict[str, Any]]:
        """A dictionary a row."""
        return list(self.arrow.to_pylist())
