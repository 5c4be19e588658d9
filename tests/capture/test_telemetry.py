"""What a run counts of itself."""

from __future__ import annotations

import json

from toy_server import World

from mm_framework.capture.telemetry import Tally
from mm_framework.model.events import Reason


def test_planned_and_unplanned_losses_are_told_apart_and_the_end_is_none() -> None:
    tally = Tally(hole_ns=1_234_567_890)
    tally.lost.update([Reason.SESSION_AGE, Reason.RESET, Reason.IDLE, Reason.RESET, Reason.SHUTDOWN])
    assert tally.unplanned == 3
    assert tally.reconnects() == {
        "total": 3,
        "planned": 1,
        "by_reason": {"reset": 2, "idle": 1, "session_age": 1},
    }
    assert tally.disconnected() == {"incidents": 3, "time_s_total": 1.234568}


def test_a_result_is_json_with_the_keys_that_verify_has() -> None:
    result = World().capture(5)
    document = json.loads(json.dumps(result.to_json()))
    assert document["frames"] == document["counts"]["frames"] == result.counts.frames > 0
    assert document["checksums"] == {"verified": result.counts.checksums_verified, "failed": 0}
    assert {"gaps", "epochs", "crossed", "reconnects", "instruments", "stopped_by"} <= document.keys()
