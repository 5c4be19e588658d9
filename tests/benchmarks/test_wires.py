"""Every form of a venue's content is the same market; what a peer reads is what we read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest


@pytest.mark.parametrize(
    ("venue", "wires"),
    [("kraken", ["v1", "v2"]), ("binance", ["combined"]), ("bitfinex", ["seq", "full"])],
)
def test_every_form_is_a_file_and_a_bundle(venue: str, wires: list[str], tmp_path: Path) -> None:
    from content import load
    from wires import make

    made = make(venue, tmp_path, 10, 0.01)
    assert list(made.frames) == wires
    books = []
    for wire, n in made.frames.items():
        lines = (tmp_path / f"{wire}.txt").read_bytes().splitlines()
        content = load(tmp_path, wire)
        assert set(lines) - {lines[0]} <= set(content.frames)
        assert n == sum(line.startswith((b"[", b'{"channel":"book"', b'{"stream":')) for line in lines)
        final = [view for view in _fed(content).instruments() if view.book.bids()]
        books.append([(view.book.bids(), view.book.asks()) for view in final])
    assert len(books[0]) == 1
    assert all(one == books[0] for one in books)


def _fed(content: object) -> object:
    from content import SHARD, Content
    from venues import KITS

    from mm_framework.feed import Feed

    assert isinstance(content, Content)
    feed = Feed(KITS, SHARD)
    for record in content.records[:-3]:
        feed.feed(record)
    return feed


def test_the_file_of_binance_begins_with_the_snapshot_that_its_updates_join(tmp_path: Path) -> None:
    from wires import make

    make("binance", tmp_path, 10, 0.01)
    snapshot, *updates = map(msgspec.json.decode, (tmp_path / "combined.txt").read_bytes().splitlines())
    first = updates[0]["data"]
    assert first["U"] <= snapshot["lastUpdateId"] + 1 <= first["u"]


def test_a_frame_of_version_2_as_version_1_wrote_it() -> None:
    from wires import version_1

    level = b'{"price":0.0279,"qty":0.00000000}'
    rest = b'"checksum":222201382,"timestamp":"2026-08-16T23:37:05.723653Z"}]}'
    head = b'{"channel":"book","type":"%b","data":[{"symbol":"BTC/EUR","bids":[%b],"asks":[%b],'
    one = version_1(head % (b"update", level, b"") + rest, 10)
    assert one == (
        b'[336,{"b":[["0.0279","0.00000000","1786923425.723653"]],"c":"222201382"},"book-10","XBT/EUR"]'
    )
    both = msgspec.json.decode(version_1(head % (b"update", level, level) + rest, 25) or b"")
    assert [list(part) for part in both[1:3]] == [["a"], ["b", "c"]]
    snapshot = msgspec.json.decode(version_1(head % (b"snapshot", level, b"") + rest, 25) or b"")
    assert snapshot[1:] == [
        {"as": [], "bs": [["0.0279", "0.00000000", "1786923425.723653"]]},
        "book-25",
        "XBT/EUR",
    ]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"channel":"heartbeat"}',
        b'{"method":"subscribe","result":{"channel":"book"},"success":true}',
        b'{"channel":"ticker","type":"update","data":[{}]}',
    ],
)
def test_other_frames_have_no_form_in_version_1(frame: bytes) -> None:
    from wires import version_1

    assert version_1(frame, 10) is None
