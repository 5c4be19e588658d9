"""Reading files of best prices: both kinds of columns, damage, parts that do not fit in one read."""

from __future__ import annotations

import gzip
from pathlib import Path

import bbo_files
import numpy as np
import pytest

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.errors import StoreError
from mm_framework.quality.bbo_file import BboFile, Quotes
from mm_framework.quality.runs import split_runs
from mm_framework.store import bbo_text


def everything(path: Path) -> tuple[BboFile, list[Quotes]]:
    file = BboFile(path)
    return file, list(file.quotes())


def test_all_columns_are_numbers_and_rows_are_counted(tmp_path: Path) -> None:
    file, (quotes,) = everything(bbo_files.clean_hour(tmp_path / "h.csv", step_ms=60_000))
    assert (file.rows, file.earlier, file.symbols) == (61, False, ["BTC/EUR"])
    assert quotes.recv_ms[1] - quotes.recv_ms[0] == 60_000
    assert quotes.venue_ms[0] == bbo_files.START_MS - 8
    assert quotes.row.tolist() == list(range(1, 62))
    assert quotes.captured[0].as_py() == "2025-10-09T08:53:20.000000+00:00"


def test_an_earlier_file_has_the_same_columns_but_no_session_time(tmp_path: Path) -> None:
    file, (quotes,) = everything(bbo_files.earlier_file(tmp_path / "e.csv"))
    assert file.earlier
    assert np.isnan(quotes.e2e_ms).all()
    assert set(quotes.age_ms) == {12.5}
    assert quotes.venue_ms.tolist() == quotes.recv_ms.tolist()
    assert {run for run, _ in split_runs([quotes])} == {1}


def test_a_time_that_is_none_is_a_bad_cell_of_an_earlier_file(tmp_path: Path) -> None:
    path = bbo_files.earlier_file(tmp_path / "e.csv", 10)
    text = path.read_text(encoding="utf-8").replace("2025-10-09T08:53:20.100000Z", "yesterday")
    text = text.replace("2025-10-09T08:53:20.200000Z", "2025-10-09T08:53:20.200000")
    path.write_text(text, encoding="utf-8")
    file, (quotes,) = everything(path)
    assert file.bad_cells == {"exchange_ts": 2}
    assert np.flatnonzero(np.isnan(quotes.venue_ms)).tolist() == [1, 2]


def test_a_compressed_file_is_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    plain = bbo_files.clean_hour(tmp_path / "h.csv", step_ms=1000)
    packed = tmp_path / "h.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert everything(packed)[0].rows == 3601
    packed.write_bytes(packed.read_bytes()[:-200])
    with pytest.raises(StoreError, match=r"h\.csv\.gz"):
        everything(packed)


def test_many_reads_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bbo_files.bad_day(tmp_path / "bad.csv", 3000)
    _, (whole,) = everything(path)
    monkeypatch.setattr(bbo_text, "BLOCK_BYTES", 10_000)
    file, parts = everything(path)
    assert len(parts) > 20
    assert file.rows == 3000
    for name in ("row", "recv_ms", "age_ms", "symbol"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tolist() == getattr(whole, name).tolist()


@pytest.mark.parametrize(
    "text",
    ["", "a,b,c\n1,2,3\n", ",".join(BBO_COLUMNS[::-1]) + "\n", "\x00\x01\x02"],
)
def test_another_file_is_refused_by_its_header(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match="is no file of best prices: expected the columns capture_time_utc"):
        BboFile(path)


def test_a_folder_and_an_absent_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        BboFile(tmp_path)
    with pytest.raises(StoreError, match="there is no file"):
        BboFile(tmp_path / "absent.csv")


def test_bytes_that_are_no_text_are_a_bad_cell(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "h.csv", step_ms=60_000)
    path.write_bytes(path.read_bytes().replace(b",90000.4,", b",9\xff000.4,", 1))
    assert everything(path)[0].bad_cells == {"ask": 1}


def test_a_run_ends_where_the_session_time_falls_also_between_reads(tmp_path: Path) -> None:
    recv = bbo_files.times(9)
    e2e = np.array([0, 1, 1, 2, 0, 5, 9, 9, 8], dtype=float)
    path = bbo_files.write(tmp_path / "r.csv", bbo_files.rows(recv, recv, recv * 0, e2e))
    (whole,) = BboFile(path).quotes()
    runs = [(run, part.row.tolist()) for run, part in split_runs([whole])]
    assert runs == [(1, [1, 2, 3, 4]), (2, [5, 6, 7, 8]), (3, [9])]
    parts = [whole.part(slice(n, n + 1)) for n in range(9)]
    assert [run for run, _ in split_runs(parts)] == [1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_the_sessions_of_several_symbols_make_one_run_and_a_loss_one_more(tmp_path: Path) -> None:
    recv = bbo_files.times(4)
    a = bbo_files.rows(recv, recv, recv * 0, np.array([50.0, 60, 5, 15]))
    b = bbo_files.rows(recv, recv, recv * 0, np.array([30.0, 40, 1, 11]), symbol="ETH/EUR")
    lines = [row for pair in zip(a, b, strict=True) for row in pair]
    (quotes,) = BboFile(bbo_files.write(tmp_path / "r.csv", lines)).quotes()
    assert [(run, len(part)) for run, part in split_runs([quotes])] == [(1, 4), (2, 4)]
    parts = [quotes.part(slice(n, n + 1)) for n in range(8)]
    assert [run for run, _ in split_runs(parts)] == [1, 1, 1, 1, 2, 2, 2, 2]
