"""Live files and those who read them: no line is lost or repeated, however often files are rotated."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from mm_framework.sinks.live_stream import LiveStream
from mm_framework.sinks.live_tail import LiveTail


def line(seq: int) -> str:
    return (
        json.dumps({"recv_ms": seq, "recv_seq": seq, "text": "\u2028" * (seq % 3)}, ensure_ascii=False) + "\n"
    )


def seqs(lines: list[str]) -> list[int]:
    return [json.loads(one)["recv_seq"] for one in lines]


def test_a_reader_beside_a_writer_of_a_thousand_rotations_sees_each_line_once(tmp_path: Path) -> None:
    path, lines = tmp_path / "live" / "live_trades.ndjson", 4000
    done, read = threading.Event(), threading.Event()

    def write() -> None:
        stream = LiveStream(path, rotate_ms=4, retain_ms=0)
        for seq in range(1, lines + 1):
            if seq == lines // 2:
                assert read.wait(60)
            stream.add(line(seq), seq)
            if seq % 3 == 0:
                stream.flush()
        stream.close()
        done.set()

    writer = threading.Thread(target=write)
    tail, seen = LiveTail(path), list[int]()
    writer.start()
    while not done.is_set():
        seen += seqs(tail.read())
        time.sleep(0.001)
        if seen:
            read.set()
    writer.join()
    while news := seqs(tail.read()):
        seen += news
    assert seen == list(range(1, lines + 1))
    assert len(list(path.parent.iterdir())) == lines // 4


def test_a_line_that_is_not_whole_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "live.ndjson"
    tail = LiveTail(path)
    assert tail.read() == []
    path.write_text(line(1) + line(2)[:10])
    assert seqs(tail.read()) == [1]
    assert tail.read() == []
    path.write_text(line(1) + line(2))
    assert seqs(tail.read()) == [2]


def test_a_reader_goes_on_over_restarts_of_the_writer_and_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "live.ndjson"
    tail = LiveTail(path)
    for start in (1, 4, 7):
        stream = LiveStream(path, rotate_ms=2, retain_ms=0)
        for seq in range(start, start + 3):
            stream.add(line(seq), seq)
        stream.close()
        assert seqs(tail.read()) == list(range(start, start + 3))
    assert seqs(LiveTail(path, after=5).read()) == [6, 7, 8, 9]


def test_numbers_that_begin_anew_after_all_files_were_removed(tmp_path: Path) -> None:
    path = tmp_path / "live.ndjson"
    tail = LiveTail(path)
    for seq in range(1, 6):
        path.with_name(f"live.ndjson.{seq}").write_text(line(seq))
    assert seqs(tail.read()) == [1, 2, 3, 4, 5]
    for one in tmp_path.iterdir():
        one.unlink()
    path.with_name("live.ndjson.1").write_text(line(6))
    path.write_text(line(7))
    assert seqs(tail.read()) == [6, 7]
