"""Faults: what a venue or the way to it may do wrong, drawn from a seed without looking at the effect.

A fault is written ``name``, ``name:rate`` or ``name@seconds``, several joined by commas:

    drop:0.001,checksum@12.5,disconnect@30

Seconds count from the emulator's start. For a fault of a frame the rate is its probability, and
``@`` strikes the first such frame from then on; only frames with market data are struck. For a fault
of a connection or the clock the rate is events a second, and ``@`` strikes once, as soon as there is
a connection with a subscription. Without either, a fault strikes once, at a time drawn from the
first minute. Each fault draws from a stream of its own, so adding one leaves the others as they were.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

import attrs

from mm_framework.contracts.emulator import Outgoing
from mm_framework.errors import ConfigError

__all__ = [
    "FAULTS",
    "FaultPlan",
    "FaultSpec",
    "FrameFault",
    "TimedFault",
    "corrupt",
    "parse_faults",
    "wrong_checksum",
]

FAULTS: Final = {
    "drop": "a frame is not sent",
    "repeat": "a frame is sent twice",
    "reorder": "a frame is sent after the next one of its connection",
    "corrupt": "one digit of a frame becomes another one (the frame may then be no JSON)",
    "checksum": "a frame's checksum is wrong",
    "silent": "one instrument of a connection falls silent until it is subscribed again",
    "mute": "a connection is accepted and never answered (rate: probability of each connection)",
    "half-open": "a connection stays open, but nothing is sent or read any more",
    "reset": "a connection is reset without a closing handshake",
    "disconnect": "a connection is closed by the venue",
    "slow": "a connection's bytes trickle for some seconds",
    "skew": "the venue's clock runs too fast or too slow from now on, by up to 500 ppm",
    "jump": "the venue's clock is set forward or back, by up to 5 s",
}
"""Every fault and what it does."""

FRAME_FAULTS: Final = frozenset({"drop", "repeat", "reorder", "corrupt", "checksum"})
CONNECT_FAULTS: Final = frozenset({"mute"})

_SECOND: Final = 1_000_000_000
_FIRST_MINUTE_S: Final = 60.0
_SPEC: Final = re.compile(r"([a-z-]+)(?:([:@])([0-9]+(?:\.[0-9]+)?))?")


@attrs.frozen
class FaultSpec:
    """One fault as asked for: ``rate`` or ``at_s`` or neither."""

    name: str
    rate: float | None = None
    at_s: float | None = None

    def __str__(self) -> str:
        if self.rate is not None:
            return f"{self.name}:{self.rate:g}"
        return self.name if self.at_s is None else f"{self.name}@{self.at_s:g}"


def parse_faults(text: str) -> tuple[FaultSpec, ...]:
    """The faults of a text such as ``drop:0.01,disconnect@30``. Raises ConfigError."""
    return tuple(_parse_one(part.strip()) for part in text.split(",") if part.strip())


def _parse_one(part: str) -> FaultSpec:
    match = _SPEC.fullmatch(part)
    if match is None:
        raise ConfigError(
            f"fault {part!r}: expected NAME, NAME:RATE or NAME@SECONDS, such as drop:0.01",
            key="fault",
            value=part,
        )
    name, mark, number = match.groups()
    if name not in FAULTS:
        raise ConfigError(f"fault {name!r} is not known; known: {', '.join(FAULTS)}", key="fault", value=part)
    if mark == "@":
        return FaultSpec(name, at_s=float(number))
    rate = None if number is None else float(number)
    if rate is not None and rate > 1 and name in FRAME_FAULTS | CONNECT_FAULTS:
        raise ConfigError(f"fault {part!r}: the rate is a probability, at most 1", key="fault", value=part)
    return FaultSpec(name, rate)


class FrameFault:
    """A fault of single frames, or of single connects: asked at each of them."""

    def __init__(self, spec: FaultSpec, draw: random.Random, start_ns: int) -> None:
        self.name = spec.name
        self.draw = draw
        self._rate = spec.rate
        self._at_ns: int | None = None
        if spec.rate is None:
            at_s = draw.random() * _FIRST_MINUTE_S if spec.at_s is None else spec.at_s
            self._at_ns = start_ns + int(at_s * _SECOND)

    def strikes(self, now_ns: int) -> bool:
        """Whether this one is struck. Each call draws: ask once a frame."""
        if self._rate is not None:
            return self.draw.random() < self._rate
        if self._at_ns is None or now_ns < self._at_ns:
            return False
        self._at_ns = None
        return True


class TimedFault:
    """A fault that comes at a time: ``next_ns``, None when it does not come any more.

    ``waits``: it strikes once, and waits for a victim; one with a rate passes if there is none.
    """

    def __init__(self, spec: FaultSpec, draw: random.Random, start_ns: int) -> None:
        self.name = spec.name
        self.draw = draw
        self.waits = spec.rate is None
        self.next_ns: int | None
        self._rate = spec.rate
        if spec.rate is None:
            at_s = draw.random() * _FIRST_MINUTE_S if spec.at_s is None else spec.at_s
            self.next_ns = start_ns + int(at_s * _SECOND)
        else:
            self.next_ns = self._after(start_ns)

    def struck(self) -> None:
        """It has struck, or passed: draw the next time."""
        self.next_ns = None if self.next_ns is None else self._after(self.next_ns)

    def _after(self, time_ns: int) -> int | None:
        if not self._rate:
            return None
        return time_ns + 1 + int(self.draw.expovariate(self._rate) * _SECOND)


class FaultPlan:
    """All faults of a run, each with its own stream."""

    def __init__(self, specs: Sequence[FaultSpec], seed: int, start_ns: int) -> None:
        self.frames: list[FrameFault] = []
        self.connects: list[FrameFault] = []
        self.timed: list[TimedFault] = []
        seen: dict[str, int] = {}
        for spec in specs:
            seen[spec.name] = number = seen.get(spec.name, 0) + 1
            draw = random.Random(f"{seed}/fault/{spec.name}/{number}")
            if spec.name in FRAME_FAULTS:
                self.frames.append(FrameFault(spec, draw, start_ns))
            elif spec.name in CONNECT_FAULTS:
                self.connects.append(FrameFault(spec, draw, start_ns))
            else:
                self.timed.append(TimedFault(spec, draw, start_ns))


def corrupt(payload: bytes, draw: random.Random) -> bytes:
    """The payload with one of its digits, any of them, changed. Without digits it stays as it is."""
    places = [place for place, byte in enumerate(payload) if 48 <= byte <= 57]
    if not places:
        return payload
    place = draw.choice(places)
    digit = 48 + (payload[place] - 48 + draw.randrange(1, 10)) % 10
    return payload[:place] + bytes((digit,)) + payload[place + 1 :]


def wrong_checksum(frame: Outgoing, draw: random.Random) -> bytes:
    """The frame's payload with another number in place of its checksum (``frame.checksum`` is set)."""
    if frame.checksum is None:
        raise RuntimeError("the frame has no checksum")
    start, end = frame.checksum
    old = int(frame.payload[start:end])
    wrong = old ^ draw.randrange(1, 2**31)
    return frame.payload[:start] + str(wrong).encode() + frame.payload[end:]
