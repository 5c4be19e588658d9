"""The kit for sinks: those of the core pass, and one that looks at a clock does not."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from mm_framework.contracts.sink import Seen, SinkRun
from mm_framework.sinks.bbo_csv import BboCsv
from mm_framework.sinks.day_files import DayFiles, LiveFiles
from mm_framework.testing.conformance import SinkConformance
from mm_framework.testing.sink_tape import drive, sink_tape


class TestBboCsv(SinkConformance):
    sink = BboCsv


class TestDayFiles(SinkConformance):
    sink = DayFiles
    file = False

    def readable(self, path: Path) -> bytes:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


class TestLiveFiles(SinkConformance):
    sink = LiveFiles
    file = False


class Clocked:
    """Writes when it was called, over whatever is there."""

    def open(self, run: SinkRun) -> None:
        assert run.out is not None
        self.file = run.out.open("w")

    def write(self, seen: Seen) -> None:
        self.file.write(f"{time.time_ns()}\n")

    def close(self) -> None:
        self.file.close()


class _Bad(SinkConformance):
    sink = Clocked


@pytest.mark.parametrize(
    "name",
    [
        "test_the_same_records_give_the_same_files",
        "test_a_longer_run_begins_with_the_same_bytes",
        "test_what_exists_is_not_written_over",
        "test_a_place_that_cannot_be_written_is_an_error_of_the_framework",
    ],
)
def test_a_sink_that_breaks_the_contract_fails_the_kit(tmp_path: Path, name: str) -> None:
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        getattr(_Bad(), name)(tmp_path)


def test_the_tape_has_a_loss_and_a_reconnect(tmp_path: Path) -> None:
    drive(DayFiles(), tmp_path / "out", sink_tape())
    (path,) = (tmp_path / "out").rglob("gaps_*.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    assert "SEQUENCE_GAP" in text
    assert len(text.splitlines()) == 2
