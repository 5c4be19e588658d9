"""DuckDB and Polars on the Parquet files of our store: the same questions as `store_workloads` asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from store_workloads import Measured, Place, ask, bars, rate, windows

from mm_framework.model.events import Kind

__all__ = ["DUCKDB", "POLARS"]


def _duckdb(place: Place) -> Any:
    import duckdb

    connection = duckdb.connect()
    for table in ("events", "trades"):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{place.file(table)}')")
    return connection


def _duckdb_window(place: Place) -> dict[str, Measured]:
    connection = _duckdb(place)
    text = "SELECT * FROM events WHERE ts_recv_ns >= {} AND ts_recv_ns < {}"
    return {"window_sql": ask([_of(connection, text.format(*one)) for one in windows(place)])}


def _duckdb_bars(place: Place) -> dict[str, Measured]:
    connection = _duckdb(place)
    return {
        f"bars_{table}": ask([_of(connection, bars(table))] * 3) for table in ("trades", "events", "rows")
    }


def _duckdb_read(place: Place) -> dict[str, Measured]:
    connection = _duckdb(place)
    connection.execute("SET threads = 1")
    ((rows,),) = connection.sql("SELECT count(*) FROM events").fetchall()

    def read() -> None:
        for _ in connection.sql("SELECT * FROM events").to_arrow_reader(1 << 20):
            pass

    return {"read": rate(rows, read)}


def _of(connection: Any, sql: str) -> Callable[[], int]:
    return lambda: len(connection.sql(sql).to_arrow_table())


def _polars_window(place: Place) -> dict[str, Measured]:
    import polars as pl

    path, at = place.file("events"), pl.col("ts_recv_ns")

    def window(from_ns: int, to_ns: int) -> Callable[[], int]:
        return lambda: len(pl.scan_parquet(path).filter((at >= from_ns) & (at < to_ns)).collect())

    return {"window_sql": ask([window(*one) for one in windows(place)])}


def _polars_bars(place: Place) -> dict[str, Measured]:
    import polars as pl

    def frame(table: str) -> Any:
        frame = pl.scan_parquet(place.file("trades" if table == "trades" else "events"))
        return frame.filter(pl.col("kind") == int(Kind.TRADE)) if table == "events" else frame

    def made(table: str) -> int:
        at, size = ("ts_capture", "qty") if table == "trades" else ("ts_recv_ns", "size")
        price = pl.col("price")
        found = (
            frame(table)
            .group_by((pl.col(at) // 10**9).alias("second"))
            .agg(
                price.first().alias("open"),
                price.max().alias("high"),
                price.min().alias("low"),
                price.last().alias("close"),
                pl.col(size).sum().alias("volume"),
            )
        )
        return len(found.sort("second").collect())

    return {
        f"bars_{table}": ask([lambda table=table: made(table)] * 3) for table in ("trades", "events", "rows")
    }


def _polars_read(place: Place) -> dict[str, Measured]:
    import polars as pl
    import pyarrow.parquet as pq

    path = place.file("events")
    return {"read": rate(pq.read_metadata(path).num_rows, lambda: pl.read_parquet(path))}


DUCKDB: Final = {"window": _duckdb_window, "bars": _duckdb_bars, "read": _duckdb_read}
POLARS: Final = {"window": _polars_window, "bars": _polars_bars, "read": _polars_read}
