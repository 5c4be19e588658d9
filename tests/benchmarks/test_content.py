"""The content has the shape of the venue's traffic, and is the same market in both wire versions."""

from __future__ import annotations

import statistics

import msgspec
import pytest


@pytest.mark.parametrize("name", ["book10", "book25"])
def test_updates_have_the_shape_of_recorded_ones(name: str) -> None:
    """Recordings: 194 bytes and 1.3 levels, 212 bytes and 2.0 levels in the mean, one side a message."""
    from content import emulate

    frames = [item.payload for item in emulate(name, 0.1) if not item.sent]
    books = [frame for frame in frames if frame.startswith(b'{"channel":"book","type":"update"')]
    assert len(books) > 0.9 * len(frames)
    assert 190 < statistics.mean(map(len, books)) < 215
    updates = [msgspec.json.decode(frame)["data"][0] for frame in books]
    assert 1.3 < statistics.mean(len(one["bids"]) + len(one["asks"]) for one in updates) < 2.0
    assert not any(one["bids"] and one["asks"] for one in updates)


def test_a_frame_of_version_2_as_version_1_wrote_it() -> None:
    from content import version_1

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
    from content import version_1

    assert version_1(frame, 10) is None
