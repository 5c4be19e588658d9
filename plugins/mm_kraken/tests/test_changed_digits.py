"""One wrong digit among the best ten levels is found at its frame; deeper ones are not covered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kraken_tape import Digit, as_v1, changed, digits, told

from mm_framework.bundle.containers import detect, read
from mm_framework.feed import Feed, FeedConfig, VenueKit
from mm_framework.model.events import NULL, Kind, iter_messages
from mm_framework.model.frame import RecordKind, encode_json, encode_record
from mm_framework.testing.recordings import Recorded

Verified = Callable[..., dict[str, Any]]


class Tape:
    """Frames as the records that an import makes of them: record number = frame number + 2."""

    def __init__(self, frames: Sequence[bytes], kit: VenueKit, symbols: tuple[str, ...] = ()) -> None:
        self.frames, self.kit = frames, kit
        config = FeedConfig("kraken", discover=True, untimed=True, live=False, symbols=symbols)
        opened = {"url": "", "transport": "import", "attempt": 1, "venue": "kraken"}
        self.feed = Feed({"kraken": kit})
        self.feed.feed(
            self.record(RecordKind.CONTROL, encode_json({"op": "start", "config": config.to_json()}), 0)
        )
        self.feed.feed(self.record(RecordKind.OPEN, encode_json(opened), 1))

    @staticmethod
    def record(kind: RecordKind, payload: bytes, index: int) -> bytes:
        return encode_record(kind, payload, index=index, mono_ns=index, wall_ns=NULL)

    def verdicts(self, chosen: Sequence[Digit]) -> Iterator[tuple[Digit, bool]]:
        """For each digit, in order of frames: whether changing it is found at its frame.

        Everything before the frame is as recorded: a Feed is restored from a checkpoint made there.
        """
        waiting = list(reversed(chosen))
        for number, frame in enumerate(self.frames):
            index = number + 2
            state = self.feed.checkpoint() if waiting and waiting[-1].frame == number else b""
            while waiting and waiting[-1].frame == number:
                digit = waiting.pop()
                feed = Feed({"kraken": self.kit})
                feed.feed(self.record(RecordKind.CHECKPOINT, state, index - 1))
                output = feed.feed(self.record(RecordKind.FRAME, changed(frame, digit.at), index))
                mismatches = [
                    message.frame
                    for message in iter_messages(output.messages)
                    if message.kind == Kind.CHECKSUM_MISMATCH
                ]
                yield digit, mismatches == [index]
            self.feed.feed(self.record(RecordKind.FRAME, frame, index))


def frames_of(path: Path) -> list[bytes]:
    return [item.payload for item in read(path, detect(path)) if item.kind is RecordKind.FRAME]


def book_frames(recording: Sequence[Recorded], count: int) -> list[bytes]:
    """The first book frames of one pair of an emulated recording."""
    start = b'{"channel":"book"'
    frames = [item.payload for item in recording if item.payload.startswith(start)]
    return [frame for frame in frames if b'"BTC/EUR"' in frame][:count]


@pytest.mark.parametrize("version", [1, 2])
def test_every_covered_digit_of_an_emulated_book_is_found(
    kit: VenueKit, emulated: list[Recorded], version: int
) -> None:
    frames = book_frames(emulated, 60)
    if version == 1:
        frames = [as_v1(frame, 25) for frame in frames]
    # A snapshot of version 1 carries no checksum: a wrong level shows at the next message only.
    covered = [d for d in digits(frames, 25) if d.covered and (version == 2 or d.frame)]
    assert len(covered) > 300
    missed = [digit for digit, found in Tape(frames, kit).verdicts(covered) if not found]
    assert missed == []


def test_digits_of_deeper_levels_are_not_found_at_once_and_are_counted(
    kit: VenueKit, emulated: list[Recorded], tmp_path: Path, verified: Verified
) -> None:
    frames = book_frames(emulated, 60)
    deep = [d for d in digits(frames, 25) if not d.covered and d.frame == 0]
    assert len(deep) > 100
    prices = {d.level.price_at for d in deep}
    sizes = [d for d in deep if d.at >= d.level.size_at and d.level.price_at in prices]
    assert [digit for digit, found in Tape(frames, kit).verdicts(sizes) if found] == []
    path = tmp_path / "raw"
    path.write_bytes(b"\n".join(frames[:1]) + b"\n" + b'{"channel":"heartbeat"}\n')
    assert verified(path)["levels"] == {"covered": 20, "not_covered": 30}


def assert_named(frames: list[bytes], drawn: Sequence[Digit], folder: Path, verified: Verified) -> None:
    """`mm verify` fails at the frame of each changed digit, and says which instrument and levels."""
    for digit in drawn:
        wrong = [*frames]
        wrong[digit.frame] = changed(frames[digit.frame], digit.at)
        path = folder / "raw"
        path.write_bytes(b"\n".join(wrong) + b"\n")
        document = verified(path, container="raw")
        assert not document["ok"]
        first = document["failures"][0]
        assert (first["what"], first["frame"]) == ("checksum", digit.frame + 2)
        assert first["instrument"] == f"kraken:{digit.symbol.replace('XBT', 'BTC')}"
        assert first["instrument"] in first["text"]
        assert len(first["levels"]) == min(20, len(told(wrong[digit.frame]).levels))
        assert first["expected"] != first["found"]


def test_verify_names_the_frame_the_instrument_and_the_levels(
    emulated: list[Recorded], tmp_path: Path, verified: Verified
) -> None:
    frames = book_frames(emulated, 60)
    covered = [digit for digit in digits(frames, 25) if digit.covered]
    assert_named(frames, random.Random(5).sample(covered, 8), tmp_path, verified)


@pytest.mark.parametrize(
    ("name", "depth", "count"),
    [
        ("v2_book25_MINA-GBP_20260816.ndjson", 25, 12),
        ("v2_book10_BTC-USD_20230730_restored.ndjson.gz", 10, 8),
        ("v1_book1000_5pairs_20210417.ndjson.gz", None, 1),
    ],
)
def test_verify_names_the_frame_of_a_wrong_digit_in_a_recording(
    shared_data: Path, tmp_path: Path, verified: Verified, name: str, depth: int | None, count: int
) -> None:
    frames = frames_of(shared_data / "kraken" / name)
    covered = [d for d in digits(frames, depth) if d.covered and b'"as"' not in frames[d.frame]]
    assert_named(frames, random.Random(count).sample(covered, count), tmp_path, verified)


@pytest.mark.parametrize(
    ("name", "depth", "count"),
    [
        ("v2_book25_MINA-GBP_20260816.ndjson", 25, 706),
        ("v2_book10_BTC-USD_20230730_restored.ndjson.gz", 10, 8349),
    ],
)
def test_every_covered_digit_of_a_recording_is_found(
    shared_data: Path, kit: VenueKit, name: str, depth: int, count: int
) -> None:
    frames = frames_of(shared_data / "kraken" / name)
    covered = [digit for digit in digits(frames, depth) if digit.covered]
    assert len(covered) == count
    missed = [digit for digit, found in Tape(frames, kit).verdicts(covered) if not found]
    assert missed == []


def test_five_hundred_digits_of_the_old_recording_are_found(shared_data: Path, kit: VenueKit) -> None:
    frames = frames_of(shared_data / "kraken" / "v1_book1000_5pairs_20210417.ndjson.gz")
    # Snapshots of version 1 carry no checksum, so that only updates are drawn from.
    covered = [d for d in digits(frames) if d.covered and b'"as"' not in frames[d.frame]]
    drawn = sorted(random.Random(20210417).sample(covered, 500))
    by_symbol = {digit.symbol for digit in drawn}
    missed = []
    for symbol in sorted(by_symbol):
        own = [digit for digit in drawn if digit.symbol == symbol]
        missed += [d for d, found in Tape(frames, kit, (symbol,)).verdicts(own) if not found]
    assert missed == []
