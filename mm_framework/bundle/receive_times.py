"""Receive times of a recording that has none: left out, or assumed by a rule that is written down.

None       no receive times: the run is `untimed`
venue      a frame was received at its newest venue time; one without any, at the time before it
fixed:NS   the first frame at NS nanoseconds since the epoch, each next 1 us later
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import attrs

from mm_framework.bundle.containers import Item
from mm_framework.bundle.probe import Probe
from mm_framework.errors import ConfigError

__all__ = ["AssumeReceive", "stamped"]

_T = TypeVar("_T")
_STEP_NS = 1_000
_FIXED = re.compile(r"fixed:([0-9]{1,19})")


@attrs.frozen
class AssumeReceive:
    """A rule as the user gave it; ``first_ns`` is None for ``venue``."""

    text: str
    first_ns: int | None

    @classmethod
    def parse(cls, text: str) -> AssumeReceive:
        """Read ``venue`` or ``fixed:NS``. Raises ConfigError."""
        fixed = _FIXED.fullmatch(text)
        if text != "venue" and (fixed is None or int(fixed[1]) >= 2**62):
            raise ConfigError(
                f"--assume-receive {text!r}: expected venue, or fixed:NS with nanoseconds since the epoch",
                key="assume_receive",
                value=text,
            )
        return cls(text, int(fixed[1]) if fixed else None)


def stamped(items: Iterator[tuple[_T, Item]], rule: AssumeReceive, probe: Probe) -> Iterator[tuple[_T, Item]]:
    """The items with receive times by ``rule``. Raises ConfigError when no frame has a venue time."""
    if rule.first_ns is None:
        return _by_venue(items, probe)
    return _by_count(items, rule.first_ns)


def _by_count(items: Iterator[tuple[_T, Item]], first_ns: int) -> Iterator[tuple[_T, Item]]:
    for number, (place, item) in enumerate(items):
        yield place, attrs.evolve(item, wall_ns=first_ns + number * _STEP_NS)


def _by_venue(items: Iterator[tuple[_T, Item]], probe: Probe) -> Iterator[tuple[_T, Item]]:
    """Items before the first venue time end right before it, 1 ns apart."""
    waiting: list[tuple[_T, Item]] = []
    wall_ns: int | None = None
    for place, item in items:
        told_ns = probe.venue_ns(item)
        if wall_ns is None and told_ns is None:
            waiting.append((place, item))
            continue
        if wall_ns is None and told_ns is not None:
            for number, (earlier, held) in enumerate(waiting):
                yield earlier, attrs.evolve(held, wall_ns=told_ns - len(waiting) + number)
        wall_ns = told_ns if told_ns is not None else wall_ns
        yield place, attrs.evolve(item, wall_ns=wall_ns)
    if wall_ns is None and waiting:
        raise ConfigError(
            "--assume-receive venue: no frame of the recording has a venue time; use fixed:NS",
            key="assume_receive",
            value="venue",
        )
