"""Result bundles: a folder that holds what a run was, what it did, and what it stands on.

    results/<id>/result.json      configuration, data by digest, versions, models, summary
                 fills.parquet  orders.parquet  reports.parquet  equity.parquet  tops.parquet

A bundle appears whole or not at all. Two runs of one configuration on one data give the same bytes but for
the key ``timing`` of result.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.disk import writing
from mm_framework.errors import ConfigError, ManifestMismatch, SchemaMismatch, StoreError
from mm_framework.results.parts import TableParts

if TYPE_CHECKING:
    from mm_framework.results.columns import RunColumns

__all__ = ["FORMAT", "TABLES", "Result", "as_written", "read_result", "result_path", "write_result"]

FORMAT: Final = 1
DOCUMENT: Final = "result.json"
_GROUP_ROWS: Final = 1 << 17
"""Rows that a table made part by part is written at a time."""
_BATCH_ROWS: Final = 1 << 16
TABLES: Final = ("fills", "orders", "reports", "equity", "tops")


@attrs.frozen(eq=False, slots=False, repr=False)
class Result:
    """A run's result. ``document``: result.json. ``path``: its folder, None while it is in memory only.

    Its tables are Arrow tables: ``result.fills.to_pandas()``, ``polars.from_arrow(result.equity)``;
    ``tables`` are those in memory, the others are read when they are asked for.
    """

    document: Mapping[str, Any]
    path: Path | None = None
    tables: Mapping[str, pa.Table | TableParts] = attrs.field(factory=dict)

    def write(self, folder: str | os.PathLike[str]) -> Result:
        """Keep a result that is in memory as a bundle. Raises ConfigError, EnvironmentFailed."""
        return write_result(Path(folder), self.document, {name: self._held(name) for name in TABLES})

    def columns(self) -> RunColumns:
        """The run as the functions of this package take it. Raises StoreError when it is not whole."""
        from mm_framework.results.reading import columns_of_result

        return columns_of_result(self)

    def page(self) -> str:
        """The HTML of `mm report`, which needs no network. Raises EnvironmentFailed without plotly."""
        from mm_framework.results.page import page

        return page(self.columns(), self.document, self.summary, self.title)

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else str(self.path)
        state = "" if self.ok else ", a strategy failed"
        return f"<Result of {self.title}: {self.summary['fills']} fills{state}, {where}>"

    @property
    def title(self) -> str:
        """Strategies and instruments, as the page is called."""
        strategies = ", ".join(sorted(self.document["configuration"]["strategies"]))
        names = [one["id"] for one in self.document["instruments"]]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{strategies} on {', '.join(names[:3])}{more}"

    @property
    def ok(self) -> bool:
        """Whether no strategy failed."""
        return bool(self.document["ok"])

    @property
    def summary(self) -> Mapping[str, Any]:
        """The measures of the run."""
        summary: Mapping[str, Any] = self.document["summary"]
        return summary

    @cached_property
    def fills(self) -> pa.Table:
        """One row a fill, in the order of the venue."""
        return self._table("fills")

    @cached_property
    def orders(self) -> pa.Table:
        """One row an order, as they were sent."""
        return self._table("orders")

    @cached_property
    def reports(self) -> pa.Table:
        """All that the venue said of orders, in its order."""
        return self._table("reports")

    @cached_property
    def equity(self) -> pa.Table:
        """The accounts on a grid of times."""
        return self._table("equity")

    @cached_property
    def tops(self) -> pa.Table:
        """Best prices at the venue, one row a change."""
        return self._table("tops")

    def read(self, name: str, columns: Sequence[str]) -> pa.Table:
        """These columns of a table of `TABLES`, which the result does not keep. Raises StoreError and its
        kinds.
        """
        if name in self.tables or self.path is None:
            return self._table(name).select(columns)
        with self._reading(name) as file, pq.ParquetFile(file) as parquet:
            return parquet.read(columns=columns)

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a table, some at a time; otherwise as `read`."""
        if name in self.tables or self.path is None:
            held = self._held(name)
            batches = held.batches() if isinstance(held, TableParts) else held.to_batches()
            yield from (one if columns is None else one.select(columns) for one in batches)
            return
        with self._reading(name) as file, pq.ParquetFile(file) as parquet:
            yield from parquet.iter_batches(_BATCH_ROWS, columns=columns)

    def _table(self, name: str) -> pa.Table:
        held = self._held(name)
        return held.table() if isinstance(held, TableParts) else held

    def _held(self, name: str) -> pa.Table | TableParts:
        if name in self.tables:
            return self.tables[name]
        if self.path is None:
            raise RuntimeError(f"the result holds no {name}")
        with self._reading(name) as file:
            return pq.read_table(file)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        assert self.path is not None
        file = self.path / f"{name}.parquet"
        try:
            yield file
        except FileNotFoundError:
            raise ManifestMismatch(f"{file} is missing: run it again", path=file) from None
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{file} is not readable: {error}", path=file) from None


def write_result(
    folder: Path, document: Mapping[str, Any], tables: Mapping[str, pa.Table | TableParts]
) -> Result:
    """Write a bundle at ``folder``, which must not exist. Raises ConfigError, EnvironmentFailed."""
    if folder.exists():
        raise ConfigError(f"{folder} exists and is never overwritten: choose another --id", key="id")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.mkdir()
            for name in TABLES:
                _write(tables[name], part / f"{name}.parquet")
            (part / DOCUMENT).write_text(result_text(document), encoding="utf-8")
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Result(document, folder, dict(tables))


def _write(table: pa.Table | TableParts, file: Path) -> None:
    if isinstance(table, pa.Table):
        pq.write_table(table, file, compression="zstd")
        return
    with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for rows in table.tables(_GROUP_ROWS):
            writer.write_table(rows)


def result_text(document: Mapping[str, Any]) -> str:
    """The bytes of result.json."""
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"


def as_written(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as it is when it is read again: lists for tuples."""
    again: dict[str, Any] = json.loads(result_text(document))
    return again


def result_path(results: Path, name: str) -> Path:
    """The bundle that a user names: an id below ``results``, or else a path."""
    known = results / name
    return known if known.is_dir() or not Path(name).exists() else Path(name)


def read_result(path: Path) -> Result:
    """Open a bundle. Raises StoreError and its kinds for what is none."""
    file = path / DOCUMENT
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (path / "points").is_dir():
            raise StoreError(
                f"{path} is a sweep, told by its table.csv: `mm backtest` with the settings of a point makes"
                " a result",
                path=path,
            ) from None
        raise StoreError(f"there is no result at {path}: `mm backtest` makes one", path=path) from None
    except (OSError, ValueError) as error:
        raise ManifestMismatch(f"{file} is not readable: {error}", path=file) from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise SchemaMismatch(
            f"{file} is of format {found!r}, this version knows {FORMAT}: run it again", path=file
        )
    return Result(document, path)
