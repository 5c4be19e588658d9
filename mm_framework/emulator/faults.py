"""Faults: what a venue or the way to it may do wrong, drawn from a seed without looking at the effect.

A fault is written ``name``, ``name:rate`` or ``name@seconds``, several joined by commas:

    drop:0.001,checksum@12.5,disconnect@30

Seconds count from the emulator's start. For a fault of a frame, of a connect or of a REST request the rate
is its probability, and ``@`` strikes the first one from then on; of frames only those with market data are
struck. For a fault of a connection, the clock, the market or the venue the rate is events a second, and
``@`` strikes once, as soon as there is a connection with a subscription. Without either, a fault strikes
once, at a time drawn from the first minute. ``all`` stands for every fault that is not named beside it, at
its usual rate. Each fault draws from a stream of its own, so adding one leaves the others as they were.

A venue may have faults of its own (`contracts.emulator.notices_of`), which are events of the venue.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from mm_framework.contracts.emulator import Outgoing
from mm_framework.errors import ConfigError

__all__ = [
    "FAULTS",
    "NOTICE_RATE",
    "REQUEST_FAULTS",
    "USUAL_RATES",
    "FaultPlan",
    "FaultSpec",
    "FrameFault",
    "TimedFault",
    "corrupt",
    "parse_faults",
    "parse_spec",
    "wrong_checksum",
]

FAULTS: Final = {
    "drop": "a frame is not sent",
    "repeat": "a frame is sent twice",
    "reorder": "a frame is sent after the next one of its connection",
    "corrupt": "one digit of a frame becomes another one (the frame may then be no JSON)",
    "checksum": "a frame's checksum, or its hash of the book, is wrong",
    "silent": "one instrument of a connection falls silent until it is subscribed again",
    "mute": "a connection is accepted and never answered (rate: probability of each connection)",
    "half-open": "a connection stays open, but nothing is sent or read any more",
    "reset": "a connection is reset without a closing handshake",
    "disconnect": "a connection is closed by the venue",
    "slow": "a connection's bytes trickle for some seconds",
    "skew": "the venue's clock runs too fast or too slow from now on, by up to 500 ppm",
    "jump": "the venue's clock is set forward or back, by up to 5 s",
    "429": "REST refuses this request, and all others for up to 10 s (rate: probability of each request)",
    "418": "REST bans the client for up to 60 s (rate: probability of each request)",
    "5xx": "the venue's server fails at a REST request (rate: probability of each request)",
    "stale": "a REST answer is the one that the same request got before (rate: probability of each request)",
    "tick": "an instrument's tick size becomes a tenth, once for each instrument",
}
"""Every fault of the core and what it does."""

USUAL_RATES: Final = {
    "drop": 0.004, "repeat": 0.003, "reorder": 0.003, "corrupt": 0.003, "checksum": 0.002, "silent": 0.01,
    "mute": 0.1, "half-open": 0.006, "reset": 0.006, "disconnect": 0.01, "slow": 0.01, "skew": 0.01,
    "jump": 0.01, "429": 0.05, "418": 0.02, "5xx": 0.1, "stale": 0.1, "tick": 0.004,
}  # fmt: skip
"""Rates at which each fault strikes within some minutes and leaves time between."""

NOTICE_RATE: Final = 0.004
"""The usual rate of a fault of a venue's own."""

HASH_DIGITS: Final = 40
"""Of a SHA-1 in hex."""

FRAME_FAULTS: Final = frozenset({"drop", "repeat", "reorder", "corrupt", "checksum"})
CONNECT_FAULTS: Final = frozenset({"mute"})
REQUEST_FAULTS: Final = frozenset({"429", "418", "5xx", "stale"})

_PROBABLE: Final = FRAME_FAULTS | CONNECT_FAULTS | REQUEST_FAULTS
_ALL: Final = "all"
_SECOND: Final = 1_000_000_000
_FIRST_MINUTE_S: Final = 60.0
_SPEC: Final = re.compile(r"([a-z0-9-]+)(?:([:@])([0-9]+(?:\.[0-9]+)?))?")


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


def parse_faults(text: str, notices: Mapping[str, str] | None = None) -> tuple[FaultSpec, ...]:
    """The faults of a text such as ``drop:0.01,disconnect@30``. Raises ConfigError.

    ``notices``: what the venue itself may do beside the core's faults, names and meanings.
    """
    known = {**FAULTS, **(notices or {})}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    named = [_parse_one(part, known) for part in parts if part != _ALL]
    if len(named) == len(parts):
        return tuple(named)
    missing = [name for name in known if all(spec.name != name for spec in named)]
    return (*named, *(FaultSpec(name, USUAL_RATES.get(name, NOTICE_RATE)) for name in missing))


def parse_spec(part: str) -> FaultSpec:
    """One fault of any name, known or not. Raises ConfigError when it is not written like one."""
    match = _SPEC.fullmatch(part)
    if match is None:
        raise ConfigError(
            f"fault {part!r}: expected NAME, NAME:RATE or NAME@SECONDS, such as drop:0.01",
            key="fault",
            value=part,
        )
    name, mark, number = match.groups()
    if mark == "@":
        return FaultSpec(name, at_s=float(number))
    return FaultSpec(name, None if number is None else float(number))


def _parse_one(part: str, known: Mapping[str, str]) -> FaultSpec:
    spec = parse_spec(part)
    if spec.name not in known:
        raise ConfigError(
            f"fault {spec.name!r} is not known here; known: {', '.join(known)}, or all",
            key="fault",
            value=part,
        )
    if spec.rate is not None and spec.rate > 1 and spec.name in _PROBABLE:
        raise ConfigError(f"fault {part!r}: the rate is a probability, at most 1", key="fault", value=part)
    return spec


class FrameFault:
    """A fault of single frames, connects or REST requests: asked at each of them."""

    def __init__(
        self, spec: FaultSpec, draw: random.Random, start_ns: int, end_ns: int | None = None
    ) -> None:
        self.name = spec.name
        self.draw = draw
        self._rate = spec.rate
        self._end_ns = end_ns
        self._at_ns: int | None = None
        if spec.rate is None:
            at_s = draw.random() * _FIRST_MINUTE_S if spec.at_s is None else spec.at_s
            self._at_ns = start_ns + int(at_s * _SECOND)

    def strikes(self, now_ns: int) -> bool:
        """Whether this one is struck. Each call draws: ask once a frame."""
        if self._end_ns is not None and now_ns >= self._end_ns:
            return False
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

    def __init__(
        self, spec: FaultSpec, draw: random.Random, start_ns: int, end_ns: int | None = None
    ) -> None:
        self.name = spec.name
        self.draw = draw
        self._end_ns = end_ns
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
        next_ns = time_ns + 1 + int(self.draw.expovariate(self._rate) * _SECOND)
        return None if self._end_ns is not None and next_ns >= self._end_ns else next_ns


class FaultPlan:
    """All faults of a run, each with its own stream; those with a rate end at ``end_ns``.

    They start at ``start_ns``; None: when `begin` says so.
    """

    def __init__(
        self, specs: Sequence[FaultSpec], seed: int, start_ns: int | None, end_ns: int | None = None
    ) -> None:
        self.frames: list[FrameFault] = []
        self.connects: list[FrameFault] = []
        self.requests: list[FrameFault] = []
        self.timed: list[TimedFault] = []
        self._waiting, self._seed, self._end_ns = specs, seed, end_ns
        if start_ns is not None:
            self.begin(start_ns)

    def begin(self, start_ns: int) -> None:
        """The faults start, unless they have."""
        specs, self._waiting = self._waiting, ()
        seed, end_ns = self._seed, self._end_ns
        seen: dict[str, int] = {}
        for spec in specs:
            seen[spec.name] = number = seen.get(spec.name, 0) + 1
            draw = random.Random(f"{seed}/fault/{spec.name}/{number}")
            if spec.name in FRAME_FAULTS:
                self.frames.append(FrameFault(spec, draw, start_ns, end_ns))
            elif spec.name in CONNECT_FAULTS:
                self.connects.append(FrameFault(spec, draw, start_ns, end_ns))
            elif spec.name in REQUEST_FAULTS:
                self.requests.append(FrameFault(spec, draw, start_ns, end_ns))
            else:
                self.timed.append(TimedFault(spec, draw, start_ns, end_ns))


def corrupt(payload: bytes, draw: random.Random) -> bytes:
    """The payload with one of its digits, any of them, changed. Without digits it stays as it is."""
    places = [place for place, byte in enumerate(payload) if 48 <= byte <= 57]
    if not places:
        return payload
    place = draw.choice(places)
    digit = 48 + (payload[place] - 48 + draw.randrange(1, 10)) % 10
    return payload[:place] + bytes((digit,)) + payload[place + 1 :]


def wrong_checksum(frame: Outgoing, draw: random.Random) -> bytes:
    """The frame's payload with another number in place of its checksum (``frame.checksum`` is set), or with
    another digit in its hash.
    """
    if frame.checksum is None:
        raise RuntimeError("the frame has no checksum")
    start, end = frame.checksum
    told = frame.payload[start:end]
    if len(told) == HASH_DIGITS:
        place = draw.randrange(HASH_DIGITS)
        digit = int(told[place : place + 1], 16) ^ draw.randrange(1, 16)
        wrong = told[:place] + f"{digit:x}".encode() + told[place + 1 :]
    else:
        wrong = str(int(told) ^ draw.randrange(1, 2**31)).encode()
    return frame.payload[:start] + wrong + frame.payload[end:]
