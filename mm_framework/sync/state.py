"""The states of a book, as a literal table. A cell that is missing is an error of ours.

The documentation draws its diagram from `TRANSITIONS`.
"""

from __future__ import annotations

import enum
from typing import Final

from mm_framework.model.events import SyncState

__all__ = ["TRANSITIONS", "SyncState", "Trigger", "next_state"]


class Trigger(enum.Enum):
    """What may change the state of a book."""

    CONNECTED = "the connection that feeds the book is open"
    SNAPSHOT = "a full book arrived"
    PROVED = "the venue's proof holds for the book as it is"
    BROKEN = "a gap, a mismatch, a crossed book: the book is not the venue's"
    LOST = "the connection that feeds the book is gone"
    STOPPED = "the run stops, the instrument is followed no longer, or the venue has ended it"
    FOLLOWED = "the instrument is followed again"


TRANSITIONS: Final[dict[SyncState, dict[Trigger, SyncState]]] = {
    SyncState.CONNECTING: {
        Trigger.CONNECTED: SyncState.SNAPSHOT,
        Trigger.LOST: SyncState.CONNECTING,
        Trigger.STOPPED: SyncState.STOPPED,
    },
    SyncState.SNAPSHOT: {
        Trigger.SNAPSHOT: SyncState.SYNCING,
        Trigger.BROKEN: SyncState.RESYNCING,
        Trigger.LOST: SyncState.CONNECTING,
        Trigger.STOPPED: SyncState.STOPPED,
    },
    SyncState.SYNCING: {
        Trigger.SNAPSHOT: SyncState.SYNCING,
        Trigger.PROVED: SyncState.SYNCED,
        Trigger.BROKEN: SyncState.RESYNCING,
        Trigger.LOST: SyncState.CONNECTING,
        Trigger.STOPPED: SyncState.STOPPED,
    },
    SyncState.SYNCED: {
        Trigger.SNAPSHOT: SyncState.SYNCING,
        Trigger.PROVED: SyncState.SYNCED,
        Trigger.BROKEN: SyncState.RESYNCING,
        Trigger.LOST: SyncState.CONNECTING,
        Trigger.STOPPED: SyncState.STOPPED,
    },
    SyncState.RESYNCING: {
        Trigger.SNAPSHOT: SyncState.SYNCING,
        Trigger.BROKEN: SyncState.RESYNCING,
        Trigger.LOST: SyncState.CONNECTING,
        Trigger.STOPPED: SyncState.STOPPED,
    },
    SyncState.STOPPED: {
        Trigger.LOST: SyncState.STOPPED,
        Trigger.FOLLOWED: SyncState.CONNECTING,
    },
}


def next_state(state: SyncState, trigger: Trigger) -> SyncState:
    """The state after ``trigger``. Raises RuntimeError where the table has no cell."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise RuntimeError(f"no transition from {state.name} on {trigger.name}") from None
