"""Every cell of the state table, legal and illegal."""

from __future__ import annotations

import pytest

from mm_framework.model.events import SyncState
from mm_framework.sync.state import TRANSITIONS, Trigger, next_state

LEGAL = """
CONNECTING  CONNECTED SNAPSHOT
CONNECTING  LOST      CONNECTING
CONNECTING  STOPPED   STOPPED
SNAPSHOT    SNAPSHOT  SYNCING
SNAPSHOT    BROKEN    RESYNCING
SNAPSHOT    LOST      CONNECTING
SNAPSHOT    STOPPED   STOPPED
SYNCING     SNAPSHOT  SYNCING
SYNCING     PROVED    SYNCED
SYNCING     BROKEN    RESYNCING
SYNCING     LOST      CONNECTING
SYNCING     STOPPED   STOPPED
SYNCED      SNAPSHOT  SYNCING
SYNCED      PROVED    SYNCED
SYNCED      BROKEN    RESYNCING
SYNCED      LOST      CONNECTING
SYNCED      STOPPED   STOPPED
RESYNCING   SNAPSHOT  SYNCING
RESYNCING   BROKEN    RESYNCING
RESYNCING   LOST      CONNECTING
RESYNCING   STOPPED   STOPPED
STOPPED     LOST      STOPPED
STOPPED     FOLLOWED  CONNECTING
"""
CELLS = {
    (SyncState[old], Trigger[trigger]): SyncState[new]
    for old, trigger, new in (line.split() for line in LEGAL.strip().splitlines())
}


@pytest.mark.parametrize("trigger", Trigger, ids=lambda trigger: trigger.name)
@pytest.mark.parametrize("state", SyncState, ids=lambda state: state.name)
def test_every_cell(state: SyncState, trigger: Trigger) -> None:
    expected = CELLS.get((state, trigger))
    if expected is None:
        with pytest.raises(RuntimeError, match=f"no transition from {state.name} on {trigger.name}"):
            next_state(state, trigger)
    else:
        assert next_state(state, trigger) is expected


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(SyncState)


def test_only_a_proof_leads_to_synced() -> None:
    assert {trigger for (_, trigger), new in CELLS.items() if new is SyncState.SYNCED} == {Trigger.PROVED}
