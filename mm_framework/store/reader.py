"""A store as programs see it: what it holds, its rows in order, its tables, a book at any instant.

store = open_store("data/store")
store.events(["kraken:BTC/EUR"], start, end).digest()
store.book_at("kraken:BTC/EUR", instant).bids[0]
store.trades(["kraken:BTC/EUR"]).to_polars()
store.query("SELECT max(price) FROM trades").to_pylist()
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.bundle.times import DAY_NS, FIRST_NS, LAST_NS
from mm_framework.errors import ConfigError, StoreError
from mm_framework.model.events import SyncState
from mm_framework.model.instrument import Definition
from mm_framework.settings import nearest
from mm_framework.store.manifest import Part, Stored, StoreManifest
from mm_framework.store.parquet import parquet_file
from mm_framework.store.partitions import Table, date_of
from mm_framework.store.result import StoreTable
from mm_framework.store.root import Root, open_root
from mm_framework.store.row_cache import RowCache
from mm_framework.store.schema import TABLES
from mm_framework.store.selection import Policy, Selection, usable

if TYPE_CHECKING:
    from mm_framework.store.query import Database
    from mm_framework.store.settings import StoreSettings

__all__ = ["BookAt", "Store", "open_store"]

Rows = npt.NDArray[Any]


@attrs.frozen
class BookAt:
    """A book at an instant: levels (price, size) best first, at the scales of ``definition``.

    ``ts_recv_ns``: of the last row before; ``trusted``: the book was provably the venue's.
    """

    instrument: str
    definition: Definition
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    state: SyncState
    epoch: int
    ts_recv_ns: int

    @property
    def trusted(self) -> bool:
        """Whether it was SYNCED."""
        return self.state is SyncState.SYNCED


def open_store(
    url: str | os.PathLike[str], *, cache: RowCache | None = None, options: Mapping[str, Any] | None = None
) -> Store:
    """Open a store by its path or URL. Raises StoreError and its kinds for what is none."""
    root = open_root(url, options)
    manifest = StoreManifest.read(root)
    if manifest is None:
        raise StoreError(
            f"there is no store at {root.url}: `mm store build RUN... --out {root.url}` makes one",
            path=root.url,
        )
    return Store(root, manifest, cache or RowCache())


class Store:
    """A store as its manifest was when it was opened."""

    def __init__(self, root: Root, manifest: StoreManifest, cache: RowCache) -> None:
        self.root, self.manifest, self._cache = root, manifest, cache
        self._database: Database | None = None
        self._stored = manifest.partitions()
        self._known = {
            (one.run, int(line["number"])): Definition(**line)
            for one in manifest.inputs
            for line in one.definitions
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_database": None}

    def close(self) -> None:
        """Let go of the database of queries; a next query opens it anew."""
        self._database = None

    def database(self, settings: StoreSettings) -> Database:
        """The database that answers queries under these settings, opened when first asked for."""
        from mm_framework.store.query import Database

        found = self._database
        if found is None or not found.fits(settings):
            found = self._database = Database(self.root, self.manifest, settings)
        return found

    def query(self, sql: str, settings: StoreSettings | None = None) -> StoreTable:
        """The answer of one SELECT over the views; see `query.query` for these and for what it raises."""
        from mm_framework.store.query import query

        return StoreTable(query(self, sql, settings))

    @property
    def cache(self) -> RowCache:
        """Where its rows are kept for the next time."""
        return self._cache

    @property
    def definitions(self) -> Mapping[tuple[str, int], Definition]:
        """(run, instrument number) -> definition; times of validity are receive times."""
        return self._known

    @property
    def instruments(self) -> list[str]:
        """All ids, sorted."""
        return sorted({s.instrument for one in self._stored for part in one.parts for s in part.stretches})

    def partitions(
        self,
        instruments: Sequence[str] = (),
        from_ns: int = FIRST_NS,
        to_ns: int = LAST_NS,
        policy: Policy = "any",
    ) -> list[Stored]:
        """The partitions that hold instruments (ids or patterns; all when empty) in a range of time."""
        wanted = self.matching(instruments)
        return [
            one
            for one in self._stored
            if usable(one.verdict, policy)
            and date_of(max(from_ns, 0) // DAY_NS) <= one.partition.date
            and (to_ns == LAST_NS or one.partition.date <= date_of(max(to_ns - 1, 0) // DAY_NS))
            and any(s.instrument in wanted for part in one.parts for s in part.stretches)
        ]

    def matching(self, instruments: Sequence[str]) -> frozenset[str]:
        """The ids of the store that are named, or match a pattern such as ``binance:*``; all for none.

        Raises ConfigError for one that nothing matches.
        """
        known = self.instruments
        found: set[str] = set(known if not instruments else ())
        for one in instruments:
            matches = [name for name in known if name == one or fnmatchcase(name, one)]
            if not matches:
                raise ConfigError(
                    f"the store {self.root.url} has no instrument {one!r}: {nearest(one, known)}",
                    key="instrument",
                    value=one,
                )
            found.update(matches)
        return frozenset(found)

    def events(
        self,
        instruments: Sequence[str] = (),
        from_ns: int = FIRST_NS,
        to_ns: int = LAST_NS,
        policy: Policy = "pass",
    ) -> Selection:
        """Rows in the total order: ids or patterns, a half-open range of receive time, a quality policy.

        Raises ConfigError for an instrument that the store does not have.
        """
        wanted = self.matching(instruments)
        stored = self.partitions(instruments, from_ns, to_ns)
        return Selection(self.root, self._cache, stored, wanted, from_ns, to_ns, policy, self._known)

    def rows(self, part: Part) -> Rows:
        """All rows of a part, of `row_dtype`, SYNTHETIC ones among them; instrument numbers of its run."""
        return self._cache.rows(self.root, part)

    def book_at(self, instrument: str, ts_ns: int) -> BookAt:
        """The book after the last row that was received at or before ``ts_ns``, whatever its verdict.

        Raises StoreError when the store has nothing of the instrument that day up to then.
        """
        self.matching([instrument])
        midnight = max(ts_ns, 0) // DAY_NS * DAY_NS
        found = self.events([instrument], midnight, ts_ns + 1, "any").last_book()
        if found is None:
            raise StoreError(
                f"the store has nothing of {instrument} on {date_of(midnight // DAY_NS)} by then"
            )
        at, definition, last_ns = found
        return BookAt(instrument, definition, at.book.bids(), at.book.asks(), at.state, at.epoch, last_ns)

    def table(
        self,
        name: Table,
        instruments: Sequence[str] = (),
        from_ns: int = FIRST_NS,
        to_ns: int = LAST_NS,
        policy: Policy = "pass",
    ) -> StoreTable:
        """A table in memory, in order of receive time, with ``verdict``: that of the partition.

        Rows of intervals that the policy leaves out are not in it.
        """
        parts = list(self._table_parts(name, self.matching(instruments), instruments, from_ns, to_ns, policy))
        schema = TABLES[name].append(pa.field("verdict", pa.dictionary(pa.int32(), pa.string())))
        table = pa.concat_tables([schema.empty_table(), *parts]).unify_dictionaries()
        return StoreTable(table.sort_by([("ts_recv_ns" if name == "events" else "ts_capture", "ascending")]))

    def trades(
        self,
        instruments: Sequence[str] = (),
        from_ns: int = FIRST_NS,
        to_ns: int = LAST_NS,
        policy: Policy = "pass",
    ) -> StoreTable:
        """`table` of ``trades``."""
        return self.table("trades", instruments, from_ns, to_ns, policy)

    def bbo(
        self,
        instruments: Sequence[str] = (),
        from_ns: int = FIRST_NS,
        to_ns: int = LAST_NS,
        policy: Policy = "pass",
    ) -> StoreTable:
        """`table` of ``bbo``."""
        return self.table("bbo", instruments, from_ns, to_ns, policy)

    def _table_parts(
        self,
        name: Table,
        wanted: frozenset[str],
        instruments: Sequence[str],
        from_ns: int,
        to_ns: int,
        policy: Policy,
    ) -> Iterator[pa.Table]:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        time = "ts_recv_ns" if name == "events" else "ts_capture"
        for stored in self.partitions(instruments, from_ns, to_ns, policy):
            for part in stored.parts:
                if name not in part.files:
                    continue
                file_name = part.files[name][0]
                with parquet_file(self.root, file_name, name), self.root.open(file_name) as file:
                    table = pq.read_table(file, filters=_between(time, from_ns, to_ns))
                if not wanted.issuperset({one.instrument for one in part.stretches}):
                    table = table.filter(pc.is_in(table["instrument"], pa.array(sorted(wanted))))
                if policy != "any":
                    table = _outside(table, time, stored)
                verdict = pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(len(table), np.int32)), pa.array([stored.verdict.status])
                )
                yield table.append_column("verdict", verdict)


def _between(time: str, from_ns: int, to_ns: int) -> Any:
    if (from_ns, to_ns) == (FIRST_NS, LAST_NS):
        return None
    import pyarrow.compute as pc

    field = pc.field(time)
    return (field >= from_ns) & (field < to_ns)


def _outside(table: pa.Table, time: str, stored: Stored) -> pa.Table:
    times = table[time].to_numpy()
    kept = np.ones(len(times), dtype=bool)
    for from_ns, to_ns, _ in stored.verdict.intervals:
        kept &= (times < from_ns) | (times >= to_ns)
    return table if kept.all() else table.filter(pa.array(kept))
