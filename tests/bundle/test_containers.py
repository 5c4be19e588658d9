"""Recordings of others are read as they were recorded, and a bad line is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mm_framework.bundle import containers
from mm_framework.bundle.containers import FORMATS, Item, detect, read
from mm_framework.errors import StoreError
from mm_framework.model.frame import RecordKind

FRAME, SENT, OPEN, HTTP = RecordKind.FRAME, RecordKind.SENT, RecordKind.OPEN, RecordKind.HTTP

RAW = '{"channel":"heartbeat"}\n\n{"price": 1.50 }\r\nPONG\n'
RECORDER = (
    '{"ts":"1618678132.3858151","dir":"open","url":"wss://venue"}\n'
    '{"ts":"1618678132.8","dir":"out","url":"wss://venue","raw":"{\\"event\\":\\"subscribe\\"}"}\n'
    '{"ts":1618678133,"dir":"in","raw":"[1,\\"0.000022900\\"]"}\n'
    '{"ts":"1618678134.1","dir":"http","url":"https://venue/x","raw":"{}","new":1}\n'
)
LOG = '1723161600000000001 {"stream":"a"}\n1723161600000000000 {"lastUpdateId":7}\n'
HEADERED = (
    '{"captured_at": "2026-08-16T23:37:03.402652+00:00", "url": "wss://venue/v2", "depth": 25}\n'
    '{"rx_ns": 42890204228400, "dir": "tx", "frame": {"method":"subscribe"}}\n'
    '{"rx_ns": 42890204502000, "frame": {"price":0.0280,"qty": 12925.63811394}}\n'
)
INIT_UPDATES = '{\n  "init": {"a": 1.50,\n "b": 2},\n  "updates": [\n    {"c":3},\n [4.0]\n  ]\n}\n'
TESTS = (
    '{"test":"trade::spot","raw":"[1.10]"}\n{"kind":"rest_book","raw":"{}"}\n{"kind":"ws_book","raw":"{}"}\n'
)
BODY = '{\n  "error": [],\n  "result": {}\n}\n'

EXPECTED: dict[str, tuple[str, list[Item]]] = {
    "raw": (
        RAW,
        [
            Item(FRAME, b'{"channel":"heartbeat"}', line=1),
            Item(FRAME, b'{"price": 1.50 }', line=3),
            Item(FRAME, b"PONG", line=4),
        ],
    ),
    "recorder": (
        RECORDER,
        [
            Item(OPEN, b"", 1_618_678_132_385_815_100, "wss://venue", 1),
            Item(SENT, b'{"event":"subscribe"}', 1_618_678_132_800_000_000, "wss://venue", 2),
            Item(FRAME, b'[1,"0.000022900"]', 1_618_678_133_000_000_000, None, 3),
            Item(HTTP, b"{}", 1_618_678_134_100_000_000, "https://venue/x", 4),
        ],
    ),
    "log": (
        LOG,
        [
            Item(None, b'{"stream":"a"}', 1_723_161_600_000_000_001, line=1),
            Item(None, b'{"lastUpdateId":7}', 1_723_161_600_000_000_000, line=2),
        ],
    ),
    "headered": (
        HEADERED,
        [
            Item(OPEN, b"", 1_786_923_423_402_652_000, "wss://venue/v2", 1),
            Item(SENT, b'{"method":"subscribe"}', 1_786_923_423_402_652_000, line=2),
            Item(FRAME, b'{"price":0.0280,"qty": 12925.63811394}', 1_786_923_423_402_925_600, line=3),
        ],
    ),
    "init-updates": (
        INIT_UPDATES,
        [Item(FRAME, b'{"a": 1.50,\n "b": 2}'), Item(FRAME, b'{"c":3}'), Item(FRAME, b"[4.0]")],
    ),
    "tests": (TESTS, [Item(None, b"[1.10]", line=1), Item(HTTP, b"{}", line=2), Item(None, b"{}", line=3)]),
    "body": (BODY, [Item(None, BODY.strip().encode())]),
}


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "recording"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_format_has_its_example_here() -> None:
    assert set(EXPECTED) == set(FORMATS)


@pytest.mark.parametrize("container", FORMATS)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_is_recognised_and_its_items_keep_their_bytes(
    tmp_path: Path, container: str, zipped: bool
) -> None:
    content, items = EXPECTED[container]
    path = write(tmp_path, gzip.compress(content.encode()) if zipped else content)
    assert detect(path) == container
    assert list(read(path, container)) == items


@pytest.mark.parametrize(
    ("content", "container"),
    [
        ('{"channel":"heartbeat"}', "body"),
        ('{"channel":"heartbeat"}\n{"channel":"heartbeat"}\n', "raw"),
        ("[1,2]\n[3,4]\n", "raw"),
        ('[\n{"a":1},\n{"b":2}\n]\n', "body"),
        ('{"init":{},"updates":[]}', "init-updates"),
        ('{"event_type":"book","kind":"x"}\n{}\n', "raw"),
    ],
)
def test_what_a_file_is_shows_in_its_first_line_or_in_the_whole(
    tmp_path: Path, content: str, container: str
) -> None:
    assert detect(write(tmp_path, content)) == container


@pytest.mark.parametrize(
    "content",
    [
        "time,price\n1,2\n",
        "1637971200000,1.2\n1637971200001,1.3\n",
        '{"a":1\n{"b":2\n',
        '"text"\n',
        b"\xff\xfe\n",
        "[" * 100_000,
    ],
    ids=["csv", "numbers", "two lines", "text", "binary", "deep"],
)
def test_a_file_that_fits_no_format_says_so(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(StoreError, match=r"in none of the formats raw, recorder, .*--format names one"):
        detect(write(tmp_path, content))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_says_so(tmp_path: Path, content: str) -> None:
    with pytest.raises(StoreError, match="is empty"):
        detect(write(tmp_path, content))


@pytest.mark.parametrize(
    ("container", "line"),
    [
        ("recorder", "not json"),
        ("recorder", '{"ts":"1.5","dir":"sideways","raw":"{}"}'),
        ("recorder", '{"ts":"soon","dir":"in","raw":"{}"}'),
        ("recorder", '{"ts":null,"dir":"in","raw":"{}"}'),
        ("recorder", '{"ts":"1.1234567891","dir":"in","raw":"{}"}'),
        ("recorder", '{"dir":"in","raw":"{}"}'),
        ("recorder", '{"ts":"1.5","dir":"in"}'),
        ("log", "{}"),
        ("log", "yesterday {}"),
        ("log", "1723161600000000001"),
        ("headered", '{"rx_ns": "5", "frame": {}}'),
        ("headered", '{"rx_ns": 5}'),
        ("headered", '{"rx_ns": 5, "dir": "up", "frame": {}}'),
        ("tests", '{"raw":"{}"}'),
        ("tests", '{"test":"x"}'),
    ],
)
def test_a_bad_line_is_named_with_its_file(tmp_path: Path, container: str, line: str) -> None:
    content = EXPECTED[container][0].splitlines()
    path = write(tmp_path, "\n".join([*content, "", line]) + "\n")
    with pytest.raises(
        StoreError, match=f"recording, line {len(content) + 2}: no line of format {container}"
    ):
        list(read(path, container))


@pytest.mark.parametrize("captured_at", ["yesterday", "2026-08-16T23:37:03.402652", ""])
def test_the_time_of_a_header_needs_its_offset(tmp_path: Path, captured_at: str) -> None:
    path = write(tmp_path, json.dumps({"captured_at": captured_at}) + "\n")
    with pytest.raises(StoreError, match="line 1: no line of format headered: captured_at"):
        list(read(path, "headered"))


@pytest.mark.parametrize("content", ["", "[]", '{"init":{}}', '{"init":{},"updates":{}}', '{"init":'])
def test_a_file_of_init_and_updates_needs_both(tmp_path: Path, content: str) -> None:
    with pytest.raises(StoreError, match="no file of format init-updates"):
        list(read(write(tmp_path, content), "init-updates"))


def test_an_empty_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no file of format body"):
        list(read(write(tmp_path, " \n"), "body"))


def test_a_gzip_file_that_was_cut_says_so(tmp_path: Path) -> None:
    cut = gzip.compress(RECORDER.encode() * 50)[:-20]
    with pytest.raises(StoreError, match="damaged gzip"):
        list(read(write(tmp_path, cut), "recorder"))


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        detect(tmp_path / "nothing")


def test_a_frame_larger_than_a_record_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_FRAME_BYTES", 10)
    with pytest.raises(StoreError, match="line 1: a frame of 23 bytes, at most 10"):
        list(read(write(tmp_path, RAW), "raw"))


@pytest.mark.parametrize(
    ("container", "content"),
    [
        ("log", "9999999999999999999 {}\n"),
        ("recorder", '{"ts":"-1.5","dir":"in","raw":"{}"}\n'),
        ("headered", '{"captured_at":"9999-12-31T00:00:00+00:00"}\n'),
        ("headered", '{"captured_at":"0001-01-01T00:00:00+00:00"}\n'),
    ],
)
def test_a_receive_time_out_of_all_reason_is_refused(tmp_path: Path, container: str, content: str) -> None:
    with pytest.raises(StoreError, match=r"line 1: receive time .* expected one from 1970 to 2116"):
        list(read(write(tmp_path, content), container))


def test_a_line_longer_than_any_frame_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_MAX_LINE", 10)
    with pytest.raises(StoreError, match="line 1: longer than 10 bytes"):
        list(read(write(tmp_path, RAW), "raw"))


def test_a_document_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_MAX_WHOLE", 10)
    with pytest.raises(StoreError, match="too large to be one document"):
        list(read(write(tmp_path, BODY), "body"))
