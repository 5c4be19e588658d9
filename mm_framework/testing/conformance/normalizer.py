"""What every normalizer must hold to: the same by both paths, exact, tolerant, without a state of its own."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import msgspec
import pytest

from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass, Normalizer, shapes_of
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.errors import MalformedFrame
from mm_framework.feed import VenueKit
from mm_framework.kernels.loader import active, status
from mm_framework.model.frame import Record, RecordKind, encode_json, encode_record, iter_records
from mm_framework.testing.conformance.base import Conformance, bodies_of, frames_of
from mm_framework.testing.mutations import damaged
from mm_framework.testing.twin import compare
from mm_framework.testing.writer import KeepingWriter, Told, ToldMessage, read

__all__ = ["Golden", "NormalizerConformance"]

MOST_FRAMES = 400
"""Frames of a log that checks of single frames read."""

EXTRA = b'{"zz_new":{"a":[1,"x",null]},'


@attrs.frozen
class Golden:
    """A frame and what it says, to the letter.

    ``sent`` and ``before``: messages of ours and frames that came earlier on the connection to ``url``, where
    the venue's frames do not stand alone.
    """

    frame: bytes
    messages: tuple[ToldMessage, ...] = ()
    controls: tuple[Control, ...] = ()
    kind: FrameClass = FrameClass.DATA
    sequence: int | None = None
    sent: tuple[bytes, ...] = ()
    before: tuple[bytes, ...] = ()
    url: str = ""


class NormalizerConformance(Conformance):
    """``golden``: at least one frame for each kind of data that the adapter declares.

    ``unknown``: frames that the venue may send one day and nobody knows today; ``malformed``: what
    is no frame at all. ``damages``: how many damaged frames are read, from ``seed``.
    """

    golden: Sequence[Golden] = ()
    unknown: Sequence[bytes] = (b'{"zz_event":"of tomorrow","zz_data":{"a":[1,"2",null,true]}}',)
    malformed: Sequence[bytes] = (b"", b"{", b"[", b'{"a":', b"\xff\xfe", b"\x00", b"not json")
    damages = 1500
    seed = 1

    # what a frame says

    def test_golden_frames_say_what_they_say(self) -> None:
        """Frame by frame the messages, rows, numbers and control events of the table."""
        told = set()
        for one in self.golden:
            info, normalizer = ConnectionInfo(0, one.url or self.kit.adapter.url), self.kit.normalizer
            for message in one.sent:
                normalizer.sent(message, info, KeepingWriter())
            for frame in one.before:
                read(normalizer, frame, info)
            found = read(normalizer, one.frame, info)
            expected = Told(one.kind, tuple(one.messages), tuple(one.controls), one.sequence)
            assert found == expected, f"{one.frame[:200]!r} says\n{found}\nexpected\n{expected}"
            told |= {message.carries for message in one.messages}
        missing = {channel.carries for channel in self.kit.adapter.channels} - told
        assert not missing, f"no golden frame carries {', '.join(sorted(missing))}"

    def test_messages_are_of_declared_channels(self, recordings: Sequence[Sequence[Path]]) -> None:
        """Name and kind of every message are those of a channel of the adapter."""
        declared = {(channel.name, channel.carries) for channel in self.kit.adapter.channels}
        for _, told in self._read(recordings):
            for message in told.messages:
                name = (message.channel, message.carries)
                assert name in declared, f"a message of {name}, declared are {sorted(declared)}"

    def test_numbers_stay_the_texts_that_they_were(self, recordings: Sequence[Sequence[Path]]) -> None:
        """More digits than a float holds come through, each one."""
        changed = 0
        for steps in self._connections(recordings):
            normalizer, info = self.kit.normalizer, ConnectionInfo(0, self.kit.adapter.url)
            for record in steps:
                before = _copy(info)
                told = _take(normalizer, record, info)
                if told is None or not told.messages:
                    continue
                frame = bytes(record.payload)
                for text in [one for one in told.texts() if "." in one and "e" not in one.lower()][:2]:
                    longer = f"{text}{'0' * max(0, 18 - len(text))}7"
                    pattern = rb"(?<![0-9.])" + re.escape(text.encode()) + rb"(?![0-9.eE])"
                    other, count = re.subn(pattern, longer.encode(), frame)
                    assert count, f"{text!r} was told, but does not stand in {frame[:200]!r}"
                    found = _take(normalizer, record._replace(payload=memoryview(other)), _copy(before))
                    expected = [longer if one == text else one for one in told.texts()]
                    assert found is not None, f"{other[:200]!r} is malformed"
                    assert found.texts() == expected, f"{longer} became another number in {other[:200]!r}"
                    changed += 1
        assert changed, "no frame holds a number with a point"

    # what it tolerates

    def test_unknown_messages_are_tolerated(self) -> None:
        """They are UNKNOWN and say nothing."""
        for frame in self.unknown:
            found = read(self.kit.normalizer, frame, ConnectionInfo(0, self.kit.adapter.url))
            assert found == Told(FrameClass.UNKNOWN), f"{frame!r} says {found}"

    def test_unknown_keys_are_tolerated(self, recordings: Sequence[Sequence[Path]]) -> None:
        """A frame with one key more says the same."""
        tried = 0
        for steps in self._connections(recordings):
            normalizer, info = self.kit.normalizer, ConnectionInfo(0, self.kit.adapter.url)
            for record in steps:
                before, frame = _copy(info), bytes(record.payload)
                told = _take(normalizer, record, info)
                if record.kind != RecordKind.FRAME or told is None or frame[:2] != b'{"':
                    continue
                more = record._replace(payload=memoryview(EXTRA + frame[1:]))
                found = _take(normalizer, more, before)
                assert found == told, f"with an unknown key {frame[:200]!r} says\n{found}\ninstead of\n{told}"
                tried += 1
        if not tried:
            pytest.skip("no frame is a JSON object")

    def test_what_is_no_frame_is_malformed(self) -> None:
        """MalformedFrame, and nothing else, for bytes that are no message of the venue."""
        for frame in self.malformed:
            try:
                found = read(self.kit.normalizer, frame, ConnectionInfo(0, self.kit.adapter.url))
            except MalformedFrame:
                continue
            raise AssertionError(f"{frame!r} is no frame, but is read as {found}")

    def test_damage_raises_nothing_but_malformed_frame(self, recordings: Sequence[Sequence[Path]]) -> None:
        """Frames, REST bodies and messages of ours, damaged: an exception is MalformedFrame or a bug."""
        meta = {"what": "snapshot", "instrument": self.venue.instruments[0], "url": "", "status": 200}
        bodies = [body for records in self.logs(recordings) for body in bodies_of(records)]
        for frame in damaged(bodies, self.damages // 10 if bodies else 0, seed=self.seed):
            self._check_malformed(self.kit.normalizer, frame, ConnectionInfo(0, ""), meta)
        for steps in self._connections(recordings):
            normalizer, info = self.kit.normalizer, ConnectionInfo(0, self.kit.adapter.url)
            for record in steps:
                _take(normalizer, record, info)
            good = [bytes(record.payload) for record in steps]
            for frame in damaged(good, self.damages // 2, seed=self.seed):
                self._check_malformed(normalizer, frame, _copy(info), meta)

    # by both paths

    def test_every_frame_is_read_alike_by_both_paths(self, recordings: Sequence[Sequence[Path]]) -> None:
        """Rows, messages, notices, counts, books, checkpoints: of all recordings and a tape."""
        self._need_kernels()
        for number, records in enumerate(self.logs(recordings)):
            compare(self.venue.kits, records, seed=number)

    def test_the_scanner_reads_frames_of_its_shapes(self, recordings: Sequence[Sequence[Path]]) -> None:
        """Most of the log that suits it best: a declaration that no frame fits is of no use."""
        self._need_kernels()
        twins = [compare(self.venue.kits, records, seed=7) for records in self.logs(recordings)]
        best = min(twins, key=lambda twin: twin.slow / max(twin.frames, 1))
        said = f"the scanner left {best.slow} of {best.frames} frames to the reference path"
        assert best.slow < 0.5 * best.frames, said

    def test_damaged_frames_are_read_alike_by_both_paths(self, recordings: Sequence[Sequence[Path]]) -> None:
        """Frames damaged from a seed, among whole ones."""
        self._need_kernels()
        for number, records in enumerate(self.logs(recordings)):
            frames = [bytes(record.payload) for record in frames_of(records)]
            if frames:
                changed = list(damaged(frames, self.damages, seed=self.seed + number))
                half = len(changed) // 2
                compare(self.venue.kits, _mixed(records, changed[:half]), seed=number)
                compare(self._unproved(), _mixed(records, changed[half:]), seed=number)

    # without a state

    def test_two_connections_do_not_disturb_each_other(self, recordings: Sequence[Sequence[Path]]) -> None:
        """One normalizer reads two connections in turn as two would read one each."""
        for steps in self._connections(recordings):
            shared, one, other = self.kit.normalizer, self.kit.normalizer, self.kit.normalizer
            info = [ConnectionInfo(number, self.kit.adapter.url) for number in range(4)]
            later = [None] * (len(steps) // 3) + list(steps)
            for first, second in zip([*steps, *[None] * (len(later) - len(steps))], later, strict=True):
                for record, alone, place in ((first, one, 0), (second, other, 1)):
                    if record is not None:
                        found = _take(shared, record, info[place])
                        expected = _take(alone, record, info[2 + place])
                        assert found == expected, (
                            f"beside another connection {bytes(record.payload)[:200]!r} says\n{found}\n"
                            f"alone\n{expected}"
                        )

    def test_all_state_is_in_the_memo(self, recordings: Sequence[Sequence[Path]]) -> None:
        """A new normalizer goes on with the connection's memo, which is JSON, as a checkpoint keeps it."""
        for steps in self._connections(recordings):
            kept, info = self.kit.normalizer, ConnectionInfo(0, self.kit.adapter.url)
            memo: dict[str, object] = {}
            for record in steps:
                fresh = self.kit.normalizer
                restored = ConnectionInfo(0, info.url, msgspec.json.decode(encode_json(memo)))
                expected, found = _take(kept, record, info), _take(fresh, record, restored)
                memo = restored.memo
                assert found == expected, (
                    f"after a checkpoint {bytes(record.payload)[:200]!r} says\n{found}\nbefore\n{expected}"
                )

    # parts

    def _need_kernels(self) -> None:
        kit = self.kit
        if not shapes_of(kit.normalizer):
            pytest.skip(f"{kit.adapter.venue} declares no shapes for the kernels")
        if not active():
            pytest.skip(f"this process has no kernels: {status().state} {status().reason}")

    def _unproved(self) -> dict[str, VenueKit]:
        """Under rules that no damage breaks, so that all of it comes to the books."""
        rules = SyncRules(crossed="ignore", trade_ids=self.venue.rules.trade_ids)
        return {name: attrs.evolve(kit, rules=rules) for name, kit in self.venue.kits.items()}

    def _connections(self, recordings: Sequence[Sequence[Path]]) -> Iterator[list[Record]]:
        """What went over one connection of each log, both ways."""
        kinds = (RecordKind.FRAME, RecordKind.SENT)
        for records in self.logs(recordings):
            all_of_it = [record for one in records for record in iter_records(one)]
            first = next((one.connection for one in all_of_it if one.kind in kinds), None)
            steps = [one for one in all_of_it if one.kind in kinds and one.connection == first]
            if steps:
                yield steps[:MOST_FRAMES]

    def _read(self, recordings: Sequence[Sequence[Path]]) -> Iterator[tuple[bytes, Told]]:
        for steps in self._connections(recordings):
            normalizer, info = self.kit.normalizer, ConnectionInfo(0, self.kit.adapter.url)
            for record in steps:
                told = _take(normalizer, record, info)
                if told is not None:
                    yield bytes(record.payload), told

    def _check_malformed(
        self, normalizer: Normalizer, frame: bytes, info: ConnectionInfo, meta: dict[str, object]
    ) -> None:
        for name, call in (
            ("decode", lambda out: normalizer.decode(frame, info, out)),
            ("http", lambda out: normalizer.http(meta, frame, out)),
            ("sent", lambda out: normalizer.sent(frame, info, out)),
        ):
            try:
                call(KeepingWriter())
            except Exception as error:
                if name == "sent" or not isinstance(error, MalformedFrame):
                    raise AssertionError(f"{name} of {frame!r} raises {error!r}") from error


def _take(normalizer: Normalizer, record: Record, info: ConnectionInfo) -> Told | None:
    """What a record says, None when it is malformed."""
    writer, payload = KeepingWriter(), bytes(record.payload)
    if record.kind == RecordKind.SENT:
        normalizer.sent(payload, info, writer)
        return writer.told(None)
    try:
        return writer.told(normalizer.decode(payload, info, writer))
    except MalformedFrame:
        return None


def _copy(info: ConnectionInfo) -> ConnectionInfo:
    return ConnectionInfo(info.index, info.url, msgspec.json.decode(encode_json(info.memo)))


def _mixed(records: Sequence[bytes], changed: Iterable[bytes]) -> list[bytes]:
    """The log with the changed frames strewn in, numbered and stamped anew."""
    decoded = [record for one in records for record in iter_records(one)]
    extra, draw = list(changed), random.Random(len(records))
    frames = [place for place, record in enumerate(decoded) if record.kind == RecordKind.FRAME]
    at: dict[int, list[bytes]] = {}
    for frame in extra:
        at.setdefault(draw.choice(frames), []).append(frame)
    mixed: list[bytes] = []
    mono_ns = 0
    for place, record in enumerate(decoded):
        payloads = [*at.get(place, ()), bytes(record.payload)]
        for number, payload in enumerate(payloads):
            kind = record.kind if number == len(payloads) - 1 else RecordKind.FRAME
            mono_ns = max(mono_ns + 1, record.mono_ns)
            mixed.append(
                encode_record(
                    kind,
                    payload,
                    connection=record.connection,
                    index=len(mixed),
                    mono_ns=mono_ns,
                    wall_ns=record.wall_ns,
                    flags=record.flags,
                )
            )
    return mixed
