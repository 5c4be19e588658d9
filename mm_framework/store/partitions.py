"""The names of a store's files: the only module that knows them.

    events/venue=kraken/date=2026-11-21/symbol=BTC%2FEUR/<run>-<digest>.parquet
    bbo/...  trades/...             the same below another table
    instruments/<digest>.parquet    all definitions
    qa/<digest>.parquet             all findings of the last judgement
    whole/...                       parts as read, of which a better run replaced some; not for readers
    manifest.json                   what counts

A run with more than `MAX_SYMBOLS` instruments of a venue on a day keeps them in 64 buckets
``symbol=~NN``, by the first byte of the SHA-256 of the symbol, each sorted by (instrument, order).
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from mm_framework.bundle.names import symbol_from_disk, symbol_to_disk

__all__ = [
    "LOCK",
    "MANIFEST",
    "MAX_SYMBOLS",
    "WHOLE",
    "Partition",
    "Table",
    "bucket_of",
    "date_of",
    "instruments_name",
    "is_ours",
    "part_name",
    "partition_of",
]

Table = Literal["events", "bbo", "trades"]

MANIFEST: Final = "manifest.json"
WHOLE: Final = "whole"
MAX_SYMBOLS: Final = 64
LOCK: Final = ".lock"
_BUCKETS: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OURS = re.compile(
    r"(whole/)?(events|bbo|trades)/venue=[^/]+/date=[^/]+/symbol=[^/]+/[^/]+\.parquet(\.part)?"
    r"|(instruments|qa)/[0-9a-f]{16}\.parquet(\.part)?|manifest\.json(\.part)?|\.lock"
)


class Partition(NamedTuple):
    """A venue's day of one symbol, or of one bucket of symbols; ``symbol`` as it stands on disk."""

    venue: str
    date: str
    symbol: str

    def folder(self, table: str) -> str:
        """Where a table keeps it."""
        return f"{table}/venue={self.venue}/date={self.date}/symbol={self.symbol}"

    @property
    def shown(self) -> str:
        """The symbol as people write it; a bucket or a shortened name as it stands on disk."""
        return symbol_from_disk(self.symbol) or self.symbol

    def __str__(self) -> str:
        return f"{self.venue} {self.date} {self.symbol}"


def date_of(day: int) -> str:
    """``2026-11-21`` of a day that counts from 1970-01-01."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def bucket_of(symbol: str) -> str:
    """The bucket of a symbol: ``~00`` to ``~63``."""
    return f"~{hashlib.sha256(symbol.encode()).digest()[0] % _BUCKETS:02d}"


def partition_of(instrument: str, date: str, *, bucketed: bool) -> Partition:
    """The partition of an instrument id on a day."""
    venue, _, symbol = instrument.partition(":")
    return Partition(venue, date, bucket_of(symbol) if bucketed else symbol_to_disk(symbol))


def part_name(table: str, partition: Partition, run: str, digest: str) -> str:
    """The file of a run in a partition; ``digest`` makes the name that of its content."""
    return f"{partition.folder(table)}/{symbol_to_disk(run)}-{digest[:16]}.parquet"


def instruments_name(digest: str) -> str:
    """The file of all definitions."""
    return f"instruments/{digest[:16]}.parquet"


def is_ours(name: str) -> bool:
    """Whether a build may have written a file of this name."""
    return _OURS.fullmatch(name) is not None
