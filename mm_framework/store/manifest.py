"""``manifest.json`` of a store: its inputs, its parts, what counts of them, and what may be used.

Only what the manifest names is in the store: a build writes new files beside the old ones and
replaces the manifest last, so that it is there as a whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import attrs
import msgspec

from mm_framework.bundle.times import FIRST_NS, LAST_NS
from mm_framework.errors import ManifestMismatch, SchemaMismatch, StoreError
from mm_framework.store.consistency import check
from mm_framework.store.partitions import MANIFEST, Partition, is_ours
from mm_framework.store.root import Root, checked
from mm_framework.store.schema import SCHEMA_VERSION, TABLES

__all__ = ["FORMAT", "Input", "Note", "Overlap", "Part", "StoreManifest", "Stored", "Stretch", "Verdict"]

FORMAT: Final = "mm-store"

Status = Literal["PASS", "WARN", "QUARANTINE", "REJECT"]
_RANKS: Final = ("PASS", "WARN", "QUARANTINE", "REJECT")

Ns = Annotated[int, msgspec.Meta(ge=FIRST_NS, le=LAST_NS)]
Count = Annotated[int, msgspec.Meta(ge=0, le=LAST_NS)]

Note = tuple[str, Ns, Ns, str]
"""What an input shows and its rows do not: ``(instrument, from_ns, to_ns, flag)``, by receive time."""


@attrs.frozen
class Input:
    """What was read.

    ``files``: name -> ``[size, mtime_ns]`` as they were when ``sha256`` was computed over them.
    ``versions``: what derived the rows: distribution -> version; another one derives them anew.
    ``offsets``: shard -> receive time and offset of the venue's clock in ms from then on.
    ``symbols``: the ids that the user gave to symbols. ``notes``, ``counts``: what is odd about it.
    """

    run: str
    kind: str
    path: str
    sha256: str
    files: dict[str, tuple[int, int]]
    versions: dict[str, str]
    start_ns: Ns
    rows: Count
    definitions: tuple[dict[str, Any], ...] = ()
    offsets: dict[int, tuple[tuple[Ns, float], ...]] = attrs.field(factory=dict)
    symbols: dict[str, str] = attrs.field(factory=dict)
    notes: tuple[Note, ...] = ()
    counts: dict[str, int] = attrs.field(factory=dict)


@attrs.frozen
class Verdict:
    """Whether data may be used. ``flags``: sorted. ``intervals`` are to be left out, ``tagged`` ones are only
    warned about: ``[from_ns, to_ns, flag]``, half-open, by receive time.
    """

    status: Status
    flags: tuple[str, ...] = ()
    intervals: tuple[tuple[Ns, Ns, str], ...] = ()
    tagged: tuple[tuple[Ns, Ns, str], ...] = ()

    @property
    def rank(self) -> int:
        """0 is best."""
        return _RANKS.index(self.status)

    @classmethod
    def worst(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """What several come to together; REJECT of none at all."""
        found = list(verdicts)
        if not found:
            return cls("REJECT", ("empty",))
        return cls(
            max(found, key=lambda one: one.rank).status,
            tuple(sorted({flag for one in found for flag in one.flags})),
            tuple(sorted({interval for one in found for interval in one.intervals})),
            tuple(sorted({interval for one in found for interval in one.tagged})),
        )


@attrs.frozen
class Stretch:
    """The rows of one instrument in a part. ``digest``: the event digest of these rows alone.

    ``first_ns``, ``last_ns``: receive times of its first and last row.
    """

    instrument: str
    rows: Count
    digest: str
    first_ns: Ns
    last_ns: Ns
    verdict: Verdict


@attrs.frozen
class Part:
    """One run in one partition. ``files``: table -> ``[name, sha256, rows]``; ``synthetic``: how many of
    the rows of ``events`` are SYNTHETIC, and do not count. ``cuts``: what was left out for a better run,
    ``[instrument, from_ns, to_ns]``.
    """

    partition: Partition
    run: str
    files: dict[str, tuple[str, str, Count]]
    stretches: tuple[Stretch, ...]
    synthetic: Count = 0
    cuts: tuple[tuple[str, Ns, Ns], ...] = ()

    @property
    def rows(self) -> int:
        """Rows that count."""
        return sum(one.rows for one in self.stretches)


@attrs.frozen
class Overlap:
    """Two runs over one instrument at one time: ``winner``'s rows stand for ``[from_ns, to_ns)``."""

    instrument: str
    winner: str
    loser: str
    from_ns: Ns
    to_ns: Ns


@attrs.frozen
class Stored:
    """A partition as users see it."""

    partition: Partition
    rows: int
    digest: str
    verdict: Verdict
    parts: tuple[Part, ...]


@attrs.frozen(kw_only=True)
class StoreManifest:
    """The contents of ``manifest.json``.

    ``kept``: parts as read that are not in the store because a better run covers some of their time.
    ``verdicts``: partition, as text, to a verdict that replaces what the build came to.
    ``instruments``, ``qa``: the files of all definitions and of all findings. ``schema``: that of its tables.
    """

    built: str
    made_by: str
    inputs: tuple[Input, ...] = ()
    parts: tuple[Part, ...] = ()
    kept: tuple[Part, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    instruments: str | None = None
    qa: str | None = None
    verdicts: dict[str, Verdict] = attrs.field(factory=dict)
    schema: int = SCHEMA_VERSION

    def partitions(self) -> list[Stored]:
        """All partitions in order of venue, date, symbol."""
        grouped: dict[Partition, list[Part]] = {}
        for part in self.parts:
            grouped.setdefault(part.partition, []).append(part)
        return [
            Stored(
                partition,
                sum(part.rows for part in parts),
                _digest(f"{one.instrument}|{run}|{one.digest}" for run, one in _in_order(parts)),
                self.verdicts.get(str(partition))
                or Verdict.worst(one.verdict for part in parts for one in part.stretches),
                tuple(parts),
            )
            for partition, parts in sorted(grouped.items())
        ]

    @property
    def rows(self) -> int:
        """Rows of all partitions."""
        return sum(part.rows for part in self.parts)

    @property
    def digest(self) -> str:
        """The SHA-256 over all partitions: equal for equal inputs, however they were built."""
        return _digest(f"{one.partition}|{one.rows}|{one.digest}" for one in self.partitions())

    def names(self) -> set[str]:
        """Every file that the store needs."""
        parts = [*self.parts, *self.kept]
        named = {name for part in parts for name, _, _ in part.files.values()}
        return named | {MANIFEST} | {name for name in (self.instruments, self.qa) if name is not None}

    def encode(self) -> bytes:
        """The bytes of the file."""
        body = {"format": FORMAT, **msgspec.to_builtins(self, str_keys=True)}
        return msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=1) + b"\n"

    def write(self, root: Root) -> None:
        """Replace the manifest. Raises EnvironmentFailed."""
        root.write(MANIFEST, self.encode())

    @classmethod
    def read(cls, root: Root) -> StoreManifest | None:
        """The manifest of a store, None when there is no store yet.

        Raises SchemaMismatch when a newer release wrote it, ManifestMismatch for what is none.
        """
        data = root.read(MANIFEST)
        return None if data is None else cls.decode(data, root.location(MANIFEST))

    @classmethod
    def decode(cls, data: bytes, path: str) -> StoreManifest:
        """Read the bytes of ``path``. Raises SchemaMismatch or ManifestMismatch."""
        try:
            body = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestMismatch(f"{path} is not readable: {error}", path=path) from None
        if body.pop("format", None) != FORMAT:
            raise ManifestMismatch(f"{path} is not the manifest of a store", path=path)
        schema = body.get("schema")
        if type(schema) is not int or not 1 <= schema <= SCHEMA_VERSION:
            raise SchemaMismatch(
                f"{path} has schema {schema!r}, this version reads up to {SCHEMA_VERSION}: use a newer"
                " mm-framework, or build another store from the bundles",
                path=path,
            )
        try:
            manifest = msgspec.convert(body, cls, strict=False)
            for name in manifest.names():
                if not is_ours(checked(name)):
                    raise StoreError(f"{name!r} is no name of a file in a store", path=path)
            strange = {table for part in manifest.parts for table in part.files} - set(TABLES)
            if strange:
                raise StoreError(f"there is no table {min(strange)!r}, only {', '.join(TABLES)}", path=path)
            check(manifest)
        except (msgspec.ValidationError, StoreError) as error:
            raise ManifestMismatch(f"{path} does not fit schema {schema}: {error}", path=path) from None
        return manifest


def _in_order(parts: Iterable[Part]) -> list[tuple[str, Stretch]]:
    found = [(part.run, one) for part in parts for one in part.stretches]
    return sorted(found, key=lambda pair: (pair[1].instrument, pair[1].first_ns, pair[0]))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
