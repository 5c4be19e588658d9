"""Paths come back from a table, and from Parquet, as they went in."""

from __future__ import annotations

from pathlib import Path

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.results.path import TopPath, market_paths
from mm_framework.results.path_table import paths_of, table_of
from tests.support.random_tapes import IDS, random_tape


def same(one: TopPath, two: TopPath) -> bool:
    columns = [field.name for field in attrs.fields(TopPath) if field.name not in ("instrument", "rescaled")]
    return all(getattr(one, name).tolist() == getattr(two, name).tolist() for name in columns)


def test_paths_come_back_as_they_were(tmp_path: Path) -> None:
    paths = market_paths(random_tape(5, 200).messages())
    instruments = [path.instrument for path in paths.values()]
    table = table_of(paths)
    pq.write_table(table, tmp_path / "tops.parquet")
    for read in (table, pq.read_table(tmp_path / "tops.parquet")):
        found = paths_of(read.to_batches(1_000), instruments)
        assert sorted(found) == list(IDS)
        assert all(same(found[name], paths[name]) for name in IDS)


def test_of_no_paths_there_is_an_empty_table() -> None:
    paths = market_paths(random_tape(5, 200).messages())
    table = table_of({})
    assert isinstance(table, pa.Table)
    (path,) = paths_of(table.to_batches(), [paths[IDS[0]].instrument]).values()
    assert len(path) == 0
