"""Frames that are damaged at random, and frames that somebody wrote to harm: `Feed` must read on.

Both go into a book that is in sync, through the compiled path and the reference path, which must agree
in everything; without kernels the reference path is alone. Nothing may raise, and good frames that follow
must still be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs
from command import Endless, within
from corpus import VENUES, venue
from trial import Room, Tried

from mm_framework.feed import Feed, VenueKit
from mm_framework.kernels.mode import mode
from mm_framework.model.frame import Record, RecordKind, encode_record, iter_records
from mm_framework.testing.mutations import damaged
from mm_framework.testing.simulation import Simulation
from mm_framework.testing.twin import Twin

__all__ = ["damage_venue", "hostile_frames", "mutated_frames"]

MILLION = 1_000_000
"""Damaged frames of all venues, when everything is to be tried."""

SESSION = 400
"""Damaged frames that one pair of feeds reads."""
BLOCK = 40
LIMIT_S = 60.0
DEEP: Final = 100_000
LONG: Final = 10_000_000


def mutated_frames(room: Room) -> Tried:
    """Damaged frames of every venue; a million of them when everything is to be tried."""
    return _all_venues(room, "mutated")


def hostile_frames(room: Room) -> Tried:
    """Numbers, texts and nestings that nobody sends by mistake, in the place of every value of a frame."""
    return _all_venues(room, "hostile")


def _all_venues(room: Room, kind: str) -> Tried:
    done = Tried()
    for name in VENUES:
        damage_venue(name, kind, attrs.evolve(room, seconds=room.seconds / len(VENUES)), done)
    return done


def damage_venue(name: str, kind: str, room: Room, done: Tried) -> None:
    """Frames of a venue, ``mutated`` or ``hostile``, until the time is spent."""
    log = _Log(name)
    for what, frames in _mutated(log, room) if kind == "mutated" else _hostile(log, room):
        done.tried += len(frames)
        done.counts[name] = done.counts.get(name, 0) + len(frames)
        wrong = log.read(frames)
        if wrong:
            done.violation(f"{name}, {what}, seed {room.seed}: {wrong}")


class _Log:
    """A minute of a venue: the records until its books are in sync, and frames to damage."""

    def __init__(self, name: str) -> None:
        one = venue(name)
        simulation = Simulation(one, seconds=12, rate=6)
        simulation.run()
        self.kits, self.start = simulation.kits, simulation.tape.records
        read = [record for block in self.start for record in iter_records(block)]
        self.last: Record = read[-1]
        found = [record for record in read if record.kind == RecordKind.FRAME]
        self.connection = found[-1].connection
        self.frames = [bytes(record.payload) for record in found]

    def read(self, frames: Sequence[bytes]) -> str | None:
        """Feed the log, the frames, and good ones; what went wrong."""
        records = [*self.start, *self._records([*frames, *self.frames[-5:]])]
        try:
            with within(LIMIT_S):
                _read(self.kits, records)
        except Endless as error:
            return str(error)
        except AssertionError as error:
            return str(error)[:400]
        except Exception as error:
            return f"raised {error!r}"[:400]
        return None

    def _records(self, frames: Sequence[bytes]) -> list[bytes]:
        last = self.last
        return [
            encode_record(
                RecordKind.FRAME,
                frame,
                connection=self.connection,
                index=last.index + at,
                mono_ns=last.mono_ns + 1000 * at,
                wall_ns=last.wall_ns,
            )
            for at, frame in enumerate(frames, 1)
        ]


def _read(kits: Mapping[str, VenueKit], records: Sequence[bytes]) -> None:
    if mode() == "off":
        feed = Feed(kits, 0, reference=True)
        for record in records:
            feed.feed(record)
        return
    twin = Twin(kits)
    for at in range(0, len(records), BLOCK):
        twin.take(records[at : at + BLOCK])
    twin.settle()


def _mutated(log: _Log, room: Room) -> Iterator[tuple[str, list[bytes]]]:
    for number in room.some(range(MILLION // len(VENUES) // SESSION), "mutated"):
        yield (
            f"session {number}",
            list(damaged(log.frames, SESSION, seed=room.seed * 1_000_003 + number)),
        )


_VALUE: Final = re.compile(rb'(?<=[:\[,])("[^"]*"|-?[0-9][0-9.]*|null|true|false)(?=[,\]}])')


def _texts() -> dict[str, bytes]:
    """What is put in the place of a value."""
    return {
        "NaN": b"NaN",
        "Infinity": b"-Infinity",
        "1e400": b"1e400",
        "quoted NaN": b'"NaN"',
        "quoted 1e400": b'"1e400"',
        "40 digits": b"1" * 40,
        "40 digits, quoted": b'"' + b"9" * 40 + b'"',
        "40 decimals": b'"0.' + b"0" * 39 + b'1"',
        "int64 and one": b"9223372036854775808",
        "minus zero": b'"-0.0"',
        "a deep list": b"[" * DEEP + b"]" * DEEP,
        "a deep list that does not end": b"[" * DEEP,
        "a deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        "a long text": b'"' + b"x" * LONG + b'"',
        "invalid UTF-8": b'"\xff\xfe\xc0\x80"',
        "a lone surrogate": b'"\\ud800"',
        "NUL": b'"\\u0000"',
        "a path": b'"../../../../etc/passwd"',
        "a drive": b'"C:\\\\..\\\\x"',
        "colours": b'"\\u001b[2J\\u001b]0;x\\u0007"',
        "a line of a log": b'"x\\n{\\"event\\":\\"stop\\"}"',
        "a formula": b"\"=cmd|' /C calc'!A0\"",
        "a case twin": b'"btc/eur"',
        "an Arabic digit": '"\u0661"'.encode(),
        "nothing": b"",
    }


def _hostile(log: _Log, room: Room) -> Iterator[tuple[str, list[bytes]]]:
    """A frame of each shape, with each text in a drawn place of it."""
    shapes = {_VALUE.sub(b"_", frame): frame for frame in log.frames}
    texts = _texts()
    cases = [(frame, name) for frame in shapes.values() for name in texts]
    for frame, name in room.some(cases, "hostile"):
        places = list(_VALUE.finditer(frame))
        if not places:
            continue
        place = room.draw(f"{name}/{frame[:80]!r}").choice(places)
        yield (
            f"{name} in {json.dumps(frame[:120].decode())}",
            [frame[: place.start()] + texts[name] + frame[place.end() :]],
        )
