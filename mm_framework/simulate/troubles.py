"""What goes wrong in a simulation beside the venue's own faults: network, machine, disk, the process's end.

Written as the faults of an emulator are, and among them: ``name``, ``name:rate`` or ``name@seconds``.

    drop:0.05,link-down:0.01,slow-disk@30,kill@45

The rate of ``rest``, ``late`` and ``cut`` is a probability, of each request, wait and handover; of all others
it is events a second. Without either, one comes once, at a time drawn from the troubled part of the run.
``old-age`` is about a length of time: ``@40`` and ``:0.025`` both say forty seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from mm_framework.emulator.faults import FAULTS, FaultSpec, parse_faults, parse_spec
from mm_framework.errors import ConfigError
from mm_framework.settings import nearest

__all__ = ["FATAL", "HARMLESS", "TROUBLES", "Forecast", "Window", "drawn", "forecast", "parse_troubles"]

TROUBLES: Final[Mapping[str, str]] = {
    "refused": "connects are refused for some seconds",
    "dns": "the venue's name is not resolved for some seconds",
    "slow-open": "connects take long for some seconds, some longer than one waits",
    "link-down": "all connections break, and none can be had for some seconds",
    "stall": "for some seconds nothing passes, then all of it at once",
    "rest": "an HTTP request fails: no answer, 429, 5xx, a body that is cut or not the venue's",
    "late": "the machine is busy: timers fire late, what arrived meanwhile comes in one burst",
    "wall-clock": "the wall clock is set elsewhere (1970 too), and back after some seconds",
    "slow-disk": "the disk takes nothing for some seconds",
    "disk-full": "the disk fills up; the run must end and say so",
    "fsync-error": "the disk fails to keep what it was given; the run must end and say so",
    "no-folder": "the run's folder is removed; the run must end and say so",
    "universe": "an instrument is let go, and followed again after a second or more",
    "rotate": "the connections of a shard are replaced, as planned",
    "old-age": "connections are replaced whenever they are 1/RATE seconds old, to the end of the run",
    "cut": "a connection breaks in the midst of a handover",
    "kill": "the process is killed: what the system was given is a run, and little is lost",
    "power": "the power fails: what was forced to the disk is a run, and little is lost",
}
"""Every trouble and what it does."""

FATAL: Final = frozenset({"disk-full", "fsync-error", "no-folder"})
"""After these a run cannot go on."""

HARMLESS: Final = frozenset({"rotate", "old-age", "universe", "wall-clock", "kill", "power"})
"""What may cost no book."""

CHANCES: Final = frozenset({"rest", "late", "cut"})
_ONCE: Final = FATAL | {"kill", "power"}
_S: Final = 1_000_000_000
_MEAN_S: Final = {"refused": 5.0, "dns": 5.0, "slow-open": 10.0, "link-down": 4.0, "stall": 3.0}
_LEAST_S: Final = {"universe": 1.0}
"""What the venue sent before it knew of the end is not of the next subscription."""

_USUAL_AGE_S: Final = 40.0
_LONGEST_S: Final = 8.0
"""No window is longer, so that a book's deadlines need not wait for it for ever."""


@attrs.frozen
class Window:
    """A trouble from one time to another; ``pick`` in [0, 1) chooses among its forms."""

    kind: str
    start_ns: int
    end_ns: int
    pick: float


@attrs.frozen
class Forecast:
    """All troubles of a run, until ``end_ns``. ``windows`` in order of their start; ``chances``:
    probabilities by name; ``max_session_s``: the age of connections that are replaced, 0: never.
    """

    end_ns: int
    windows: tuple[Window, ...] = ()
    chances: Mapping[str, float] = attrs.field(factory=dict)
    max_session_s: float = 0.0

    def of(self, kind: str) -> list[Window]:
        """The windows of one kind."""
        return [one for one in self.windows if one.kind == kind]

    def at(self, kinds: Iterable[str], now_ns: int) -> Window | None:
        """The first window of these kinds that is open now."""
        wanted = set(kinds)
        return next(
            (one for one in self.windows if one.kind in wanted and one.start_ns <= now_ns < one.end_ns), None
        )


def parse_troubles(text: str, notices: Mapping[str, str]) -> tuple[str, tuple[FaultSpec, ...]]:
    """The venue's faults, still as text, and ours. ``notices``: see `emulator.faults.parse_faults`.

    Raises ConfigError.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    ours = [parse_spec(part) for part in parts if parse_spec(part).name in TROUBLES]
    theirs = [part for part in parts if parse_spec(part).name not in TROUBLES]
    for spec in ours:
        if spec.name in CHANCES and spec.rate is not None and spec.rate > 1:
            raise ConfigError(
                f"fault {str(spec)!r}: the rate is a probability, at most 1", key="faults", value=text
            )
    known = {"all", *FAULTS, *notices, *TROUBLES}
    for name in (parse_spec(part).name for part in theirs):
        if name not in known:
            raise ConfigError(
                f"fault {name!r} is not known; {nearest(name, known)}", key="faults", value=name
            )
    parse_faults(",".join(theirs), notices)
    return ",".join(theirs), tuple(ours)


def forecast(specs: Iterable[FaultSpec], seed: int, start_ns: int, end_ns: int) -> Forecast:
    """When what comes, each kind from a random stream of its own; nothing begins after ``end_ns``."""
    windows: list[Window] = []
    chances: dict[str, float] = {}
    max_session_s = 0.0
    for number, spec in enumerate(specs):
        if spec.name in CHANCES:
            chances[spec.name] = 0.05 if spec.rate is None else spec.rate
            continue
        if spec.name == "old-age":
            max_session_s = 1 / spec.rate if spec.rate else spec.at_s or _USUAL_AGE_S
            continue
        draw = random.Random(f"{seed}/trouble/{spec.name}/{number}")
        for begin_ns in _times(spec, draw, start_ns, end_ns):
            length_s = 0.0 if spec.name in _ONCE else draw.expovariate(1 / _MEAN_S.get(spec.name, 3.0))
            length_s = max(length_s, _LEAST_S.get(spec.name, 0.0))
            length_ns = round(min(length_s, _LONGEST_S) * _S) + 1
            windows.append(Window(spec.name, begin_ns, begin_ns + length_ns, draw.random()))
    windows.sort(key=lambda one: (one.start_ns, one.kind))
    return Forecast(end_ns, tuple(windows), chances, max_session_s)


def _times(spec: FaultSpec, draw: random.Random, start_ns: int, end_ns: int) -> list[int]:
    if spec.at_s is not None:
        return [start_ns + round(spec.at_s * _S)]
    if spec.rate is None:
        return [start_ns + round(draw.random() * (end_ns - start_ns))]
    times, now_ns = [], start_ns
    while spec.rate > 0:
        now_ns += 1 + round(draw.expovariate(spec.rate) * _S)
        if now_ns >= end_ns:
            break
        times.append(now_ns)
        if spec.name in FATAL:
            break
    return times


# what a seed brings

_MOST: Final = {"drop": 0.3, "mute": 0.5, "429": 0.3, "418": 0.05, "5xx": 0.5, "stale": 0.5}
"""Rates that go further than ten times the usual one, or less far."""

_TROUBLE_RATES: Final = {
    "refused": (0.002, 0.03),
    "dns": (0.002, 0.03),
    "slow-open": (0.005, 0.05),
    "link-down": (0.002, 0.02),
    "stall": (0.002, 0.03),
    "rest": (0.02, 0.5),
    "late": (0.001, 0.1),
    "wall-clock": (0.002, 0.03),
    "slow-disk": (0.002, 0.03),
    "universe": (0.002, 0.03),
    "rotate": (0.005, 0.1),
    "old-age": (0.01, 0.1),
    "cut": (0.1, 0.7),
    "kill": (0.01, 0.04),
    "power": (0.01, 0.04),
}
_SHARE: Final = 0.4
_FATAL_SHARE: Final = 0.06


def drawn(seed: int, possible: Iterable[FaultSpec]) -> str:
    """The faults that a seed brings, of the venue's ``possible`` ones and all troubles, as text.

    Each is there or not, at a rate between a tenth and ten times the usual one; few runs end before
    their time.
    """
    ranges = {}
    for spec in possible:
        usual = spec.rate or 0.01
        ranges[spec.name] = (usual / 10, _MOST.get(spec.name, min(0.5, usual * 10)))
    draw = random.Random(f"{seed}/faults")
    parts = []
    for name, (least, most) in {**ranges, **_TROUBLE_RATES}.items():
        rate = math.exp(draw.uniform(math.log(least), math.log(most)))
        if draw.random() < _SHARE:
            parts.append(f"{name}:{_decimal(rate)}")
    for name in sorted(FATAL):
        if draw.random() < _FATAL_SHARE:
            parts.append(name)
            break
    return ",".join(parts)


def _decimal(rate: float) -> str:
    """Two digits that matter, without an exponent."""
    return f"{float(f'{rate:.2g}'):.7f}".rstrip("0")
