"""What a book's proof works on: one decoded message, the state beside the levels, whose book it is."""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from mm_framework.model.events import NULL, Reason, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.sync.depth import KnownDepth
from mm_framework.sync.doubt import Doubt
from mm_framework.sync.refresh import Refresh
from mm_framework.sync.repeated import Repeated

__all__ = ["BookMessage", "BookState", "Owner"]

MAX_EPOCH: Final = 2**16 - 1

GRACE_NS: Final = 1_000_000_000
"""How long a book may stay crossed where the venue shows an order before its match removes it."""

MAX_REPETITION: Final = 10_000_000
"""A number that falls by more is no repetition of an update: the venue counts anew, something is missing."""

MAX_WAITING: Final = 10_000
"""Updates that are kept for a snapshot that is being fetched; then the oldest go."""


class Owner(Protocol):
    """The instrument that a book belongs to."""

    @property
    def definition(self) -> Definition:
        """The definition in force."""
        ...

    @property
    def defined(self) -> bool:
        """False before the first definition: there is no number to write rows under."""
        ...

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        """Record a new definition with this display precision, from the present message on."""
        ...

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        """The book's state changed."""
        ...


@attrs.define
class BookMessage:
    """One decoded book message. ``levels`` are (side, price, size) in the order of application.

    ``decimals``: the most decimals seen in its prices and sizes. Numbers not told are NULL.
    """

    snapshot: bool
    levels: list[tuple[int, int, int]]
    decimals: tuple[int, int] = (0, 0)
    first: int = NULL
    last: int = NULL
    prev: int = NULL
    checksum: int = NULL
    ts_venue_ns: int = NULL
    digest: str | None = None


@attrs.define
class BookState:
    """All that a checkpoint must hold of a book, besides its levels.

    ``epoch`` names the book that is being built or kept; it is raised when continuity is lost.
    ``built``: a snapshot of this epoch was applied. ``probing``: the next snapshot was asked for
    because the book was silent; if it differs, something was lost. ``attempts``: losses in a row.
    ``synced_ns``: mono_ns of the last change to SYNCED. ``seen_*``: most decimals seen. ``number``: that
    of the last update or snapshot that was applied; ``bridging``: a fetched snapshot that no update has
    joined yet; ``joining``: another connection feeds it from now on, whose updates may overlap with what
    it has; ``waiting``: updates that wait for a snapshot; ``asked``: the levels a side that a snapshot
    was asked for, of a venue whose books may hold more; ``repeated``: the last row of seeming
    repetitions; ``crossed_ns``: since when it is crossed, where that is not an error at once; ``hashed``: the
    last hash that decided something held; ``doubt``: one after it did not; ``witness_ns``: mono_ns of the
    last question to a witness; ``refresh``: a snapshot was asked for to know more of the book.
    """

    state: SyncState = SyncState.CONNECTING
    epoch: int = 1
    built: bool = False
    probing: bool = False
    unverified: bool = False
    attempts: int = 0
    synced_ns: int | None = None
    seen_price: int = 0
    seen_size: int = 0
    bound: KnownDepth = attrs.Factory(KnownDepth)
    number: int | None = None
    bridging: bool = False
    joining: bool = False
    waiting: list[BookMessage] = attrs.Factory(list)
    asked: int | None = None
    repeated: Repeated | None = None
    crossed_ns: int | None = None
    hashed: bool = False
    doubt: Doubt | None = None
    witness_ns: int | None = None
    refresh: Refresh | None = None
