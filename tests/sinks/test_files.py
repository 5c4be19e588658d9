"""Growing files: pieces end by rows and time alone, members stand alone, a refused write leaves no half."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.errors import EnvironmentFailed
from mm_framework.sinks.files import MemberFile, TextFile, gzip_text, line_number, read_tail
from mm_framework.sinks.live_stream import LiveStream

S = 10**9


def members(path: Path) -> list[list[str]]:
    """The lines of each member."""
    data, found = path.read_bytes(), []
    while data:
        inflate = zlib.decompressobj(31)
        found.append(inflate.decompress(data).decode().splitlines())
        assert inflate.eof
        data = inflate.unused_data
    return found


def test_a_member_ends_after_its_rows(tmp_path: Path) -> None:
    file = MemberFile(tmp_path / "a.gz", max_rows=2)
    for n in range(5):
        file.add(f"{n}\n", 0)
    file.close()
    assert members(tmp_path / "a.gz") == [["0", "1"], ["2", "3"], ["4"]]


def test_a_member_ends_before_the_first_record_that_is_too_late_for_it(tmp_path: Path) -> None:
    file = MemberFile(tmp_path / "a.gz", max_age_ns=S)
    for time_ns in (0, S - 1, S, S + 1, 3 * S):
        file.flush_if_due(time_ns)
        file.add(f"{time_ns}\n", time_ns)
    assert file.due_ns == 4 * S
    file.close()
    assert members(tmp_path / "a.gz") == [["0", str(S - 1)], [str(S), str(S + 1)], [str(3 * S)]]
    file.close()


@given(
    steps=st.lists(st.tuples(st.integers(0, 2 * S), st.booleans()), max_size=40),
    max_rows=st.integers(1, 5),
)
@settings(max_examples=50, deadline=None)
def test_members_do_not_depend_on_who_asks_in_between(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]], max_rows: int
) -> None:
    """``flush_if_due`` at the time of any record changes nothing: the times of lines decide."""
    folder, time_ns = tmp_path_factory.mktemp("members"), 0
    asked = MemberFile(folder / "asked.gz", max_rows=max_rows)
    plain = MemberFile(folder / "plain.gz", max_rows=max_rows)
    for n, (step_ns, ask) in enumerate(steps):
        time_ns += step_ns
        if ask:
            asked.flush_if_due(time_ns)
        for file in (asked, plain):
            file.add(f"{n}\n", time_ns)
    asked.close()
    plain.close()
    assert (folder / "asked.gz").read_bytes() == (folder / "plain.gz").read_bytes()


@pytest.mark.parametrize("torn", range(1, 25))
def test_a_torn_member_is_left_out_and_its_place_is_known(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "a.gz"
    first = gzip.compress(b"a\nb\n")
    path.write_bytes(first + gzip.compress(b"c\nd\n")[:-torn])
    assert list(gzip_text(path)) == ["a", "b"]
    tail = read_tail(path)
    assert (tail.whole_bytes, tail.last) == (len(first), "b")


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"recv_seq":7}\n{"recv_s')
    tail = read_tail(path)
    assert (tail.whole_bytes, tail.last) == (15, '{"recv_seq":7}')
    assert line_number(tail.last or "", "recv_seq") == 7
    assert line_number("{", "recv_seq") == line_number('{"a":1}', "recv_seq") == 0


def test_an_empty_file_has_no_last_line(tmp_path: Path) -> None:
    for name in ("a.gz", "a.ndjson"):
        (tmp_path / name).write_bytes(b"")
        assert read_tail(tmp_path / name).last is None


def test_a_new_file_is_not_an_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        TextFile(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "mine"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk_is_one_clear_error() -> None:
    file = MemberFile(Path("/dev/full"), append=True)
    file.add("line\n", 0)
    with pytest.raises(EnvironmentFailed, match="No space left on device; free space"):
        file.flush()
    file.close()


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit")
def test_a_write_that_stops_half_way_leaves_the_whole_pieces(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "a.csv"
    file = TextFile(path, max_rows=1)
    file.add("x" * 99 + "\n", 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
    try:
        with pytest.raises(EnvironmentFailed, match="cannot write"):
            file.add("y" * 99 + "\n", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.close()
    assert path.read_text() == "x" * 99 + "\n"


def test_a_live_file_of_an_earlier_run_is_rotated_and_its_numbers_are_known(tmp_path: Path) -> None:
    path = tmp_path / "live.ndjson"
    first = LiveStream(path, rotate_ms=1000, retain_ms=0)
    for n in range(3):
        first.add(f'{{"recv_ms":{n * 600},"recv_seq":{n + 1}}}\n', n * 600)
        first.flush()
    first.close()
    with path.open("a") as file:
        file.write('{"recv_ms":9')
    second = LiveStream(path, rotate_ms=1000, retain_ms=0)
    assert second.recv_seq == 3
    second.add('{"recv_ms":2000,"recv_seq":4}\n', 2000)
    second.close()
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["live.ndjson", "live.ndjson.1", "live.ndjson.2"]
    lines = [line for name in ("live.ndjson.1", "live.ndjson.2", "live.ndjson")
             for line in (tmp_path / name).read_text().splitlines()]  # fmt: skip
    assert [line_number(line, "recv_seq") for line in lines] == [1, 2, 3, 4]


def test_old_live_files_go_also_those_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "live.ndjson"
    for start_ms in (0, 5000):
        stream = LiveStream(path, rotate_ms=1000, retain_ms=3000)
        for time_ms in (start_ms, start_ms + 1000):
            stream.add(f'{{"recv_ms":{time_ms},"recv_seq":{time_ms + 1}}}\n', time_ms)
            stream.flush()
        stream.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["live.ndjson", "live.ndjson.3"]
