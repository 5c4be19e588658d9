"""Emulated recordings are a function of their arguments, and files that the import reads."""

from __future__ import annotations

import json
from pathlib import Path

from mm_framework.bundle.containers import detect, read
from mm_framework.model.frame import RecordKind
from mm_framework.testing.recordings import START_NS, Recorded, record, write_raw, write_recorder
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect


def recording(seed: int = 1) -> list[Recorded]:
    return record(KrakenAdapter(), KrakenDialect(), ["kraken:BTC/EUR"], depth=10, seconds=2, seed=seed)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others() -> None:
    assert recording() == recording()
    assert recording() != recording(seed=2)


def test_requests_come_before_their_answers_and_times_never_go_back() -> None:
    made = recording()
    times = [item.wall_ns for item in made]
    assert times == sorted(times)
    assert START_NS <= times[0] < times[-1] <= START_NS + 2_000_000_000
    asked = next(number for number, item in enumerate(made) if item.sent)
    answered = next(number for number, item in enumerate(made) if b'"method":"subscribe"' in item.payload)
    assert asked <= answered
    params = json.loads(made[asked].payload)["params"]
    assert (params["channel"], params["depth"]) == ("book", 10)


def test_files_hold_what_was_recorded(tmp_path: Path) -> None:
    made = recording()
    timed = write_recorder(made, tmp_path / "timed", url="ws://venue")
    assert detect(timed) == "recorder"
    opened, *items = read(timed, "recorder")
    assert (opened.kind, opened.url) == (RecordKind.OPEN, "ws://venue")
    assert [(item.wall_ns, item.kind is RecordKind.SENT, item.payload) for item in items] == made
    raw = write_raw(made, tmp_path / "raw")
    assert [item.payload for item in read(raw, "raw")] == [item.payload for item in made if not item.sent]
