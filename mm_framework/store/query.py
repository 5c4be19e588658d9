"""SQL over a store: one view a table, in an embedded DuckDB that is held to a memory limit.

The views are ``events``, ``bbo``, ``trades``, ``instruments``, ``partitions`` and, after `mm qa daily`,
``qa``; each of the first three has ``verdict``, the status of its partition, and ``venue``, ``date``. Only
the files of the store's manifest can be read, nothing can be written, no other file is reached. To open a
database takes longer than most questions, so an opened store keeps its own.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa

from mm_framework.bundle.disk import writing
from mm_framework.errors import ConfigError, EnvironmentFailed, GateFailed, ManifestMismatch
from mm_framework.store.manifest import Stored, StoreManifest
from mm_framework.store.root import RemoteRoot, Root
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    import duckdb

    from mm_framework.store.reader import Store

__all__ = ["Database", "query"]

_AGAIN_S: Final = 0.05
"""A query that had not begun is not interrupted: it is told again after so long."""


class Database:
    """The views of a store in a DuckDB of their own. Several threads may ask it at a time.

    Closed, and its temporary files removed, when nobody holds it any more. Raises EnvironmentFailed without
    DuckDB, or without room for temporary files.
    """

    def __init__(self, root: Root, manifest: StoreManifest, settings: StoreSettings) -> None:
        self._fits = settings.memory_mib, settings.temp_dir
        with writing(Path(settings.temp_dir or tempfile.gettempdir())):
            folder = tempfile.mkdtemp(dir=settings.temp_dir or None, prefix="mm-query-")
        self._connection = _connection(settings.memory_mib, folder)
        weakref.finalize(self, _let_go, self._connection, folder)
        if isinstance(root, RemoteRoot):
            self._connection.register_filesystem(root.filesystem)
        _make_views(self._connection, root, manifest)
        # From here on only what the views name is to be reached.
        for setting in _allowed(root):
            self._connection.execute(setting)

    def fits(self, settings: StoreSettings) -> bool:
        """Whether it was opened with these settings, as far as they are its own."""
        return self._fits == (settings.memory_mib, settings.temp_dir)

    def ask(self, sql: str, timeout_s: float) -> pa.Table:
        """The answer of one SELECT. Raises ConfigError for another statement, TimeoutError, duckdb.Error."""
        with self._connection.cursor() as cursor:
            return _answer(cursor, sql, timeout_s)


def query(store: Store, sql: str, settings: StoreSettings | None = None) -> pa.Table:
    """The answer of one SELECT, by the database that the store keeps.

    Raises ConfigError for SQL that is wrong or asks for more than reading the views, EnvironmentFailed
    without DuckDB or when memory and temporary space do not suffice, GateFailed when it runs too long.
    """
    settings = settings or StoreSettings()
    try:
        import duckdb
    except ImportError:
        raise EnvironmentFailed("queries need DuckDB: install mm-framework[query]") from None
    asked_wrongly = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
    try:
        return store.database(settings).ask(sql, settings.query_timeout_s)
    except TimeoutError:
        raise GateFailed(
            f"the query ran for {settings.query_timeout_s:g} s and was stopped: ask for less, or raise"
            " --store-query-timeout-s"
        ) from None
    except duckdb.OutOfMemoryException as error:
        raise EnvironmentFailed(
            f"the query needs more than {settings.memory_mib} MiB: raise --store-memory-mib ({_line(error)})"
        ) from None
    except (*asked_wrongly, duckdb.PermissionException) as error:
        _check_files(store, whole=False)
        raise ConfigError(f"the query is not usable: {_line(error)}", key="sql") from None
    except duckdb.Error as error:
        store.close()
        _check_files(store, whole=True)
        if isinstance(error, duckdb.IOException):
            raise EnvironmentFailed(f"the query could not read or spill: {_line(error)}") from None
        raise ConfigError(f"the query is not usable: {_line(error)}", key="sql") from None


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, timeout_s: float) -> pa.Table:
    """Asks in a thread, so that time and Ctrl-C end a query wherever it is. Raises TimeoutError."""
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ConfigError("give one SELECT statement: a store is only read", key="sql")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: connection.sql(sql).to_arrow_table())
        try:
            return asked.result(timeout_s)
        finally:
            while not asked.done():
                connection.interrupt()
                wait([asked], _AGAIN_S)


def _check_files(store: Store, *, whole: bool) -> None:
    """Raises StoreError and its kinds when it is the store that is broken, not the question.

    ``whole``: not only the ends of the files are looked at, but all of them.
    """
    from mm_framework.store.parquet import parquet_file

    for part in store.manifest.parts:
        for table, (name, sha256, _) in part.files.items():
            with parquet_file(store.root, name, table):
                pass
            with store.root.open(name) as file:
                if whole and hashlib.file_digest(cast(Any, file), "sha256").hexdigest() != sha256:
                    raise ManifestMismatch(
                        f"{store.root.location(name)} is not readable: its SHA-256 is not the one that the"
                        " manifest names; build the store anew",
                        path=name,
                    )


def _connection(memory_mib: int, folder: str) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mib}MiB",
            "temp_directory": folder,
            "python_enable_replacements": False,
        }
    )
    connection.execute("SET enable_progress_bar = false")  # it would go to stdout
    return connection


def _let_go(connection: duckdb.DuckDBPyConnection, folder: str) -> None:
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)


def _make_views(connection: duckdb.DuckDBPyConnection, root: Root, manifest: StoreManifest) -> None:
    stored = manifest.partitions()
    _keep(connection, "partitions", _partitions(stored))
    for table in ("events", "bbo", "trades"):
        lines = {
            root.location(part.files[table][0]): (
                one.partition.venue,
                one.partition.date,
                one.verdict.status,
            )
            for one in stored
            for part in one.parts
            if table in part.files
        }
        _view(connection, table, [(location, *line) for location, line in lines.items()])
    for view, name in (("instruments", manifest.instruments), ("qa", manifest.qa)):
        if name:
            location = _quoted(root.location(name))
            connection.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet({location})")


def _view(connection: duckdb.DuckDBPyConnection, table: str, lines: list[tuple[str, ...]]) -> None:
    if not lines:
        return
    columns = [[line[place] for line in lines] for place in range(4)]
    _keep(
        connection, f"_{table}_files", dict(zip(("file", "venue", "date", "verdict"), columns, strict=True))
    )
    listed = ", ".join(_quoted(line[0]) for line in lines)
    extra = ", events.price / 10.0 ** events.price_scale AS price_f" if table == "events" else ""
    connection.execute(
        f"CREATE VIEW {table} AS SELECT {table}.* EXCLUDE (filename){extra}, f.venue, f.date::DATE AS date,"
        f" f.verdict FROM read_parquet([{listed}], filename=true, hive_partitioning=false) AS {table}"
        f" JOIN _{table}_files AS f ON {table}.filename = f.file"
    )


def _keep(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, list[Any]]) -> None:
    """A table of the database itself: what is registered is seen by one cursor only."""
    types = {"rows": "BIGINT[]", "flags": "VARCHAR[][]"}
    listed = ", ".join(f"unnest(?::{types.get(column, 'VARCHAR[]')}) AS {column}" for column in columns)
    connection.execute(f"CREATE TABLE {name} AS SELECT {listed}", [*columns.values()])


def _partitions(stored: list[Stored]) -> dict[str, list[Any]]:
    return {
        "venue": [one.partition.venue for one in stored],
        "date": [one.partition.date for one in stored],
        "symbol": [one.partition.symbol for one in stored],
        "rows": [one.rows for one in stored],
        "verdict": [one.verdict.status for one in stored],
        "flags": [list(one.verdict.flags) for one in stored],
        "digest": [one.digest for one in stored],
    }


def _allowed(root: Root) -> list[str]:
    """What DuckDB may reach from now on: the store, and nothing can change that."""
    where = root.url if root.url.endswith("/") else f"{root.url}/"
    return [
        f"SET allowed_directories = [{_quoted(where)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _line(error: Any) -> str:
    return " ".join(str(error).split())
