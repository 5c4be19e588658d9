"""What every sink must hold to: a function of the records, whoever reads them, and never over old files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_framework.contracts.sink import Sink
from mm_framework.errors import MMError, PluginError
from mm_framework.testing.sink_tape import drive, sink_tape

__all__ = ["SinkConformance"]


class SinkConformance:
    """``sink`` makes a new one; ``file``: its output is one file, else a folder.

    ``readable`` gives what counts of a file, such as its decompressed content.
    """

    sink: Callable[[], Sink]
    file = True

    def readable(self, path: Path) -> bytes:
        """The content of a file that two runs must agree on."""
        return path.read_bytes()

    def test_the_same_records_give_the_same_files(self, tmp_path: Path) -> None:
        """As an export of a live run does; so nothing depends on a clock, a path or chance."""
        first = self._made(tmp_path / "first")
        assert first, "the sink wrote nothing of a run with books, trades and tickers"
        time.sleep(0.01)
        assert self._made(tmp_path / "second") == first

    def test_a_longer_run_begins_with_the_same_bytes(self, tmp_path: Path) -> None:
        """What was written does not change by what follows it."""
        whole, part = self._made(tmp_path / "whole"), self._made(tmp_path / "part", cut=True)
        for name, data in part.items():
            lines = data.splitlines()[:-1] or [b""]
            assert name in whole, f"{name} is there after half of the run, and not at its end"
            assert whole[name].startswith(b"\n".join(lines[: len(lines) // 2])), f"{name} was changed later"

    def test_what_exists_is_not_written_over(self, tmp_path: Path) -> None:
        """An error of the framework, or a folder that goes on; the old file stays in either case."""
        if not self.file:
            pytest.skip("the output of the sink is a folder, which may go on")
        out = tmp_path / "out"
        out.write_bytes(b"mine")
        self._refused(out)
        assert out.read_bytes() == b"mine"

    def test_a_place_that_cannot_be_written_is_an_error_of_the_framework(self, tmp_path: Path) -> None:
        """One clear line for the user, not a traceback."""
        (tmp_path / "way").write_bytes(b"")
        self._refused(tmp_path / "way" / "out")

    def _refused(self, out: Path) -> None:
        """It says itself why not: what it merely raises is told as a mistake of its plugin."""
        with pytest.raises(MMError) as told:
            drive(type(self).sink(), out, sink_tape())
        assert not isinstance(told.value, PluginError), str(told.value)

    def _made(self, folder: Path, *, cut: bool = False) -> dict[str, bytes]:
        """Everything that a run makes, by its path there."""
        folder.mkdir()
        records = sink_tape()
        drive(type(self).sink(), folder / "out", records[: len(records) // 2] if cut else records)
        return {
            path.relative_to(folder).as_posix(): self.readable(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }
