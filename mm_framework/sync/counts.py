"""What a `Feed` counted. Counts are not state: they start at zero wherever a reading starts."""

from __future__ import annotations

import attrs

__all__ = ["Counts"]


@attrs.define
class Counts:
    """Totals since the Feed was made; two readings of parts of a log add up to that of the whole.

    ``frames`` = data + control + heartbeats + unknown + malformed. ``levels_covered`` are levels
    whose value a checksum proved at their message, ``levels_not_covered`` those beyond its depth.
    ``foreign_frames``: messages of a connection that does not feed their subscription;
    ``unfollowed_frames``: of a subscription that has ended. ``sequence_*``: numbered messages that
    followed, were repetitions, broke the chain. ``witnesses_*``: books asked for over REST because a hash did
    not match; that proved ours; that refuted it. ``refreshes``: snapshots asked for to know more of a book
    that is kept; ``refreshes_joined`` of them were, ``refreshes_differing`` spoke against the book, for
    ``refreshes_failed`` nothing came of use; one that is too old is among the ``stale_snapshots``.
    """

    records: int = 0
    frames: int = 0
    data: int = 0
    control: int = 0
    heartbeats: int = 0
    unknown: int = 0
    malformed: int = 0
    fallback_frames: int = 0
    http: int = 0
    messages: int = 0
    levels: int = 0
    trades: int = 0
    tops: int = 0
    checksums_verified: int = 0
    checksums_failed: int = 0
    levels_covered: int = 0
    levels_not_covered: int = 0
    unknown_deletes: int = 0
    gaps: int = 0
    epochs: int = 0
    crossed: int = 0
    orphan_deltas: int = 0
    duplicate_trades: int = 0
    foreign_frames: int = 0
    unfollowed_frames: int = 0
    overflows: int = 0
    refusals: int = 0
    sequence_applied: int = 0
    sequence_dropped: int = 0
    sequence_breaks: int = 0
    stale_snapshots: int = 0
    tops_compared: int = 0
    tops_equal: int = 0
    hashes_verified: int = 0
    hashes_unverified: int = 0
    hashes_failed: int = 0
    depth_unproved_messages: int = 0
    witnesses_asked: int = 0
    witnesses_equal: int = 0
    witnesses_refuted: int = 0
    refreshes: int = 0
    refreshes_joined: int = 0
    refreshes_differing: int = 0
    refreshes_failed: int = 0
    dropped_frames: int = 0

    def add(self, other: Counts) -> None:
        """Add the totals of another reading."""
        for field in attrs.fields(Counts):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
