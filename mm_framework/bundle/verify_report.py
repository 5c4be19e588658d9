"""What a verification found: the failures, the totals, each instrument at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mm_framework.sync.counts import Counts

__all__ = ["Failure", "VerifyReport"]


@attrs.frozen
class Failure:
    """One thing that is wrong. ``what``: crc, missing, checkpoint, malformed, checksum, gap, crossed,
    index, seal, table, waiting.

    ``frame`` is the record's index in its shard. ``expected``, ``found``: of a checksum, what the venue
    said and what the book gives; of a crossed book, its best bid and ask. ``levels``: ``(side, price,
    size)`` of the message that failed: one of them, or a level that an earlier message should have
    changed, is wrong. None where it does not apply.
    """

    what: str
    text: str
    shard: int
    frame: int | None = None
    instrument: str | None = None
    reason: str | None = None
    expected: str | None = None
    found: str | None = None
    levels: tuple[tuple[str, str, str], ...] = ()


@attrs.frozen
class VerifyReport:
    """The answer. ``counts`` add up all shards; ``failures`` are the first ones of ``n_failures``.

    ``records``: that could be read. ``crc_mismatch``: records that fail their CRC or grammar, each of
    which ends its segment. ``torn_bytes``: of an interrupted write, an error only in a run that says it
    is whole. ``span_s``: recorded time, None when untimed. ``instruments``: id -> state, book and digest
    at the end. ``fallbacks``: why the compiled scanner left frames of declared shapes to the reference
    path, and how many; empty without kernels.
    """

    run_id: str
    state: str
    flags: tuple[str, ...]
    records: int
    errors: int
    crc_mismatch: int
    torn_bytes: int
    span_s: float | None
    counts: Counts
    checkpoints: int
    unproved_channels: tuple[str, ...]
    instruments: dict[str, dict[str, Any]]
    failures: tuple[Failure, ...]
    n_failures: int
    fallbacks: dict[str, int] = attrs.Factory(dict)

    @property
    def ok(self) -> bool:
        """Nothing speaks against the recording."""
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """The document of ``mm verify --json``."""
        counts = self.counts
        return {
            "ok": self.ok,
            "run_id": self.run_id,
            "state": self.state,
            "flags": list(self.flags),
            "totals": {"records": self.records, "errors": self.errors, "crc_mismatch": self.crc_mismatch},
            "torn_bytes": self.torn_bytes,
            "span_s": self.span_s,
            "checkpoints": self.checkpoints,
            "frames": counts.frames,
            "checksums": {"verified": counts.checksums_verified, "failed": counts.checksums_failed},
            "levels": {"covered": counts.levels_covered, "not_covered": counts.levels_not_covered},
            "gaps": counts.gaps,
            "epochs": counts.epochs,
            "crossed": counts.crossed,
            "malformed": counts.malformed,
            "unknown": counts.unknown,
            "trades": counts.trades,
            **proofs_json(attrs.asdict(counts)),
            "fallback_frames": counts.fallback_frames,
            "fallbacks": self.fallbacks,
            "counts": attrs.asdict(counts),
            "unproved_channels": list(self.unproved_channels),
            "instruments": self.instruments,
            "n_failures": self.n_failures,
            "failures": [_without_none(attrs.asdict(failure)) for failure in self.failures],
        }


def proofs_json(counts: Mapping[str, int]) -> dict[str, Any]:
    """What numbers, tickers and hashes proved, of a run or of one instrument."""
    return {
        "sequence": {word: counts[f"sequence_{word}"] for word in ("applied", "dropped", "breaks")},
        "top_of_book_checks": {word: counts[f"tops_{word}"] for word in ("compared", "equal")},
        "hashes": {word: counts[f"hashes_{word}"] for word in ("verified", "unverified", "failed")},
        "depth_unproved_messages": counts["depth_unproved_messages"],
    }


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item not in (None, ())}
