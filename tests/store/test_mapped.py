"""Mapped rows are the file's; memory that was given back is read again, and a day does not stay in it."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from mm_framework.model.events import row_dtype
from mm_framework.store.judge import DayRows
from mm_framework.store.mapped import give_back, map_rows
from mm_framework.store.schema import ROW_GROUP

COUNT = 4 * ROW_GROUP


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = np.zeros(COUNT, dtype=row_dtype())
    rows["price"] = np.arange(COUNT)
    path = tmp_path_factory.mktemp("mapped") / "x.rows"
    path.write_bytes(b"h" * 64 + rows.tobytes())
    return path


def mapped_kib(path: Path) -> int:
    """How much of the file this process has in its memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[place:] if line.startswith("Rss:"))


def test_rows_are_those_of_the_file_before_and_after(path: Path) -> None:
    rows = map_rows(path, 64)
    part = rows[100:200]["price"]
    for given_back in (False, True):
        assert part.tolist() == list(range(100, 200)), given_back
        give_back(part)
    assert len(map_rows(path, 64, 7)) == 7
    with pytest.raises(ValueError, match="read-only"):
        rows["price"] = 1


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system takes no advice on memory")
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell what is mapped")
def test_a_day_that_goes_by_in_pieces_does_not_stay_in_memory(path: Path) -> None:
    rows = map_rows(path, 64)
    most_kib = count = 0
    for chunk in DayRows("toy:A/B", rows, []).chunks():
        count += int(chunk["price"][-1] - chunk["price"][0]) + 1
        int(chunk["price"].sum())
        most_kib = max(most_kib, mapped_kib(path))
    assert count == COUNT
    assert 0 < most_kib < 2 * 64 * ROW_GROUP // 1024 < 64 * COUNT // 1024


def test_rows_that_are_no_files_are_left_alone() -> None:
    rows = np.ones(3, dtype=row_dtype())
    give_back(rows)
    assert rows["price"].tolist() == [1, 1, 1]
