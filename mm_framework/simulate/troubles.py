"""What goes wrong in a simulation beside the venue's own faults: network, machine, disk, the process's end.

Written as the faults of an emulator are, and among them: ``name``, ``name:rate`` or ``name@seconds``.

    drop:0.05,link-down:0.01,slow-disk@30,kill@45

The rate of ``rest`` and ``late`` is a probability, of each request and of each wait; of all others it is
events a second. Without either, a trouble comes once, at a time drawn from the troubled part of the run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from mm_framework.emulator.faults import FAULTS, FaultSpec, parse_faults, parse_spec
from mm_framework.errors import ConfigError
from mm_framework.settings import nearest

__all__ = ["FATAL", "TROUBLES", "Forecast", "Window", "drawn", "forecast", "parse_troubles", "split"]

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
    "kill": "the process is killed: what the system was given is a run, and little is lost",
    "power": "the power fails: what was forced to the disk is a run, and little is lost",
}
"""Every trouble and what it does."""

FATAL: Final = frozenset({"disk-full", "fsync-error", "no-folder"})
"""After these a run cannot go on."""

CHANCES: Final = frozenset({"rest", "late"})
_ONCE: Final = FATAL | {"kill", "power"}
_S: Final = 1_000_000_000
_MEAN_S: Final = {"refused": 5.0, "dns": 5.0, "slow-open": 10.0, "link-down": 4.0, "stall": 3.0}
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
    probabilities by name.
    """

    end_ns: int
    windows: tuple[Window, ...] = ()
    chances: Mapping[str, float] = attrs.field(factory=dict)

    def of(self, kind: str) -> list[Window]:
        """The windows of one kind."""
        return [one for one in self.windows if one.kind == kind]

    def at(self, kinds: Iterable[str], now_ns: int) -> Window | None:
        """The first window of these kinds that is open now."""
        wanted = set(kinds)
        return next(
            (one for one in self.windows if one.kind in wanted and one.start_ns <= now_ns < one.end_ns), None
        )


def parse_troubles(text: str) -> tuple[FaultSpec, ...]:
    """Faults and troubles of a text. Raises ConfigError."""
    return tuple(_parse_one(part.strip()) for part in text.split(",") if part.strip())


def _parse_one(part: str) -> FaultSpec:
    spec = parse_spec(part)
    if spec.name in FAULTS:
        return parse_faults(part)[0]
    if spec.name not in TROUBLES:
        known = [*FAULTS, *TROUBLES]
        raise ConfigError(
            f"fault {spec.name!r} is not known; {nearest(spec.name, known)}", key="faults", value=part
        )
    if spec.name in CHANCES and spec.rate is not None and spec.rate > 1:
        raise ConfigError(f"fault {part!r}: the rate is a probability, at most 1", key="faults", value=part)
    return spec


def split(specs: Sequence[FaultSpec]) -> tuple[list[FaultSpec], list[FaultSpec]]:
    """Those of the venue's emulator, and ours."""
    return (
        [spec for spec in specs if spec.name in FAULTS],
        [spec for spec in specs if spec.name in TROUBLES],
    )


def forecast(specs: Iterable[FaultSpec], seed: int, start_ns: int, end_ns: int) -> Forecast:
    """When what comes, each kind from a random stream of its own; nothing begins after ``end_ns``."""
    windows: list[Window] = []
    chances: dict[str, float] = {}
    for number, spec in enumerate(specs):
        if spec.name in CHANCES:
            chances[spec.name] = 0.05 if spec.rate is None else spec.rate
            continue
        draw = random.Random(f"{seed}/trouble/{spec.name}/{number}")
        for begin_ns in _times(spec, draw, start_ns, end_ns):
            length_s = 0.0 if spec.name in _ONCE else draw.expovariate(1 / _MEAN_S.get(spec.name, 3.0))
            length_ns = round(min(length_s, _LONGEST_S) * _S) + 1
            windows.append(Window(spec.name, begin_ns, begin_ns + length_ns, draw.random()))
    windows.sort(key=lambda one: (one.start_ns, one.kind))
    return Forecast(end_ns, tuple(windows), chances)


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

_VENUE_RATES: Final = {
    "drop": (1e-4, 0.3),
    "repeat": (1e-4, 0.05),
    "reorder": (1e-4, 0.05),
    "corrupt": (1e-4, 0.03),
    "checksum": (1e-4, 0.03),
    "silent": (0.002, 0.05),
    "mute": (0.05, 0.5),
    "half-open": (0.001, 0.02),
    "reset": (0.001, 0.05),
    "disconnect": (0.001, 0.05),
    "slow": (0.002, 0.05),
    "skew": (0.002, 0.05),
    "jump": (0.002, 0.05),
}
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
    "kill": (0.01, 0.04),
    "power": (0.01, 0.04),
}
_SHARE: Final = 0.4
_FATAL_SHARE: Final = 0.06


def drawn(seed: int, possible: Iterable[str]) -> str:
    """The faults that a seed brings, of the venue's ``possible`` ones and all troubles, as text.

    Each is there or not, at a rate between almost never and often; few runs end before their time.
    """
    draw = random.Random(f"{seed}/faults")
    allowed = set(possible)
    parts = []
    for name, (least, most) in {**_VENUE_RATES, **_TROUBLE_RATES}.items():
        rate = math.exp(draw.uniform(math.log(least), math.log(most)))
        there = draw.random() < _SHARE
        if there and (name in allowed or name in TROUBLES):
            parts.append(f"{name}:{rate:.2g}" if rate >= 1e-4 else f"{name}:0.0001")
    for name in sorted(FATAL):
        if draw.random() < _FATAL_SHARE:
            parts.append(name)
            break
    return ",".join(_decimal(part) for part in parts)


def _decimal(part: str) -> str:
    """A rate without an exponent, as it may be written."""
    name, colon, rate = part.partition(":")
    return f"{name}:{float(rate):.6f}".rstrip("0").rstrip(".") if colon else part
