"""The truth log as a file: one JSON object a line, absent facts left out, exact numbers."""

from __future__ import annotations

import io
import json

from mm_framework.emulator.truth import Outcome, TruthEntry, TruthLog, TruthWriter


def test_lines_leave_out_what_does_not_apply_and_write_numbers_as_text() -> None:
    file = io.BytesIO()
    writer = TruthWriter(file, {"A/B": (2, 3)})
    book = TruthEntry(
        4, 10, 0, Outcome.ALTERED, "book", ("corrupt",), 3, "book", "A/B", 5, (), ((12345, 1500),), ()
    )
    writer.write([book, TruthEntry(5, 11, None, Outcome.STRUCK, "clock", ("jump",), detail="by 3 ns")])
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [
        {
            "number": 4,
            "at_ns": 10,
            "connection": 0,
            "outcome": "altered",
            "kind": "book",
            "faults": ["corrupt"],
            "wire": 3,
            "channel": "book",
            "symbol": "A/B",
            "depth": 5,
            "bids": [["123.45", "1.500"]],
            "asks": [],
        },
        {
            "number": 5,
            "at_ns": 11,
            "outcome": "struck",
            "kind": "clock",
            "faults": ["jump"],
            "detail": "by 3 ns",
        },
    ]


def test_entries_are_taken_once_and_stay_counted() -> None:
    log = TruthLog()
    log.add(TruthEntry(0, 1, 0, Outcome.SUPPRESSED, "book", ("drop",)))
    assert len(log.drain()) == 1
    assert log.drain() == []
    assert log.outcomes == {"suppressed": 1}
    assert log.faults == {"drop": 1}
