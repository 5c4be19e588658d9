"""How far a venue's clock is ahead of ours, from guarded samples. Pure: time comes with the records.

    ClockSample -> window of the last 8 -> the one of least delay -> guards -> offset in force

A decision falls with the first sample, with every acknowledgement (a new session) and, between these,
once a refresh interval. A rejected sample is told and counted, and the last good offset stays. The
live run and the sinks drive the same code with the same records, and so come to the same offsets.

The offset is against the wall clock as read, which stamps the rows of files: when that clock is
stepped (a CLOCK record), the offset in force and the samples in the window step with it.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any, Final

import attrs
import msgspec
from attrs import validators

from mm_framework.feed.output import ClockSample, Output
from mm_framework.model.frame import HEADER, Block, RecordKind
from mm_framework.settings import section, setting

__all__ = ["ClockOffset", "ClockOffsets", "ClockSettings", "OffsetDecision", "Verdict"]

WINDOW: Final = 8
WINDOW_NS: Final = 300 * 10**9
"""Older samples are no candidates: two clocks that run 50 ppm apart have moved by 15 ms."""
RETRY_NS: Final = 60 * 10**9
"""After a rejection another sample is looked at so soon."""
NEVER: Final = 2**62
"""Longer than any run, in ns."""


@section("clock")
@attrs.frozen
class ClockSettings:
    """The offset between the venue's clock and ours, which ages of data are adjusted by."""

    offset_refresh_s: float = setting(
        900.0,
        help="Time between two measurements of the offset within a session; 0: only at its start.",
        aliases=("offset_refresh_seconds",),
        validator=validators.ge(0),
    )
    max_abs_offset_ms: float = setting(
        2000.0,
        help="A measured offset beyond it is rejected.",
        aliases=("max_abs_clock_offset_ms",),
        validator=validators.gt(0),
    )
    max_offset_jump_ms: float = setting(
        500.0,
        help="A measured offset farther from the last good one is rejected.",
        aliases=("max_offset_jump_ms",),
        validator=validators.gt(0),
    )


class Verdict(enum.StrEnum):
    """What became of a measured offset."""

    ACCEPTED = "accepted"
    REJECTED_ABS = "rejected_abs"
    REJECTED_JUMP = "rejected_jump"


@attrs.frozen
class OffsetDecision:
    """A measured offset and its verdict. ``offset_ns`` = venue - our wall clock as read.

    ``mono_ns``: when it was decided; ``delay_ns``: the sample's round trip, its error is at most half
    of that; ``in_force_ns``: the offset from now on, None before any good one.
    """

    mono_ns: int
    connection: int
    source: str
    offset_ns: int
    delay_ns: int
    verdict: Verdict
    in_force_ns: int | None

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {**attrs.asdict(self), "verdict": self.verdict.value}


@attrs.frozen
class _Candidate:
    mono_ns: int
    sample: ClockSample
    offset_ns: int


class ClockOffset:
    """The offset of one shard's venue. ``wall0_ns``, ``mono0_ns``: the run's pair of clocks.

    ``counts``: decisions by verdict.
    """

    def __init__(self, settings: ClockSettings, wall0_ns: int, mono0_ns: int) -> None:
        self.settings = settings
        self.counts: Counter[Verdict] = Counter()
        self._base_ns = wall0_ns - mono0_ns
        self._window: list[_Candidate] = []
        self._good_ns: int | None = None
        self._due_ns = 0

    @property
    def good(self) -> bool:
        """Whether an offset was ever accepted."""
        return self._good_ns is not None

    @property
    def offset_ns(self) -> int:
        """What adjusts an age: the last good offset, 0 before any."""
        return self._good_ns or 0

    @property
    def due_ns(self) -> int:
        """The mono_ns from which on the next sample decides; far away where none is asked for."""
        return self._due_ns

    def sampled(self, sample: ClockSample, mono_ns: int, wall_ns: int) -> OffsetDecision | None:
        """A sample, with the stamps of the record that brought it; the decision, if one was due."""
        ahead_ns = self._base_ns + mono_ns - wall_ns
        window = [one for one in self._window if mono_ns - one.mono_ns <= WINDOW_NS]
        window.append(_Candidate(mono_ns, sample, sample.offset_ns + ahead_ns))
        self._window = window[-WINDOW:]
        if mono_ns < self._due_ns and sample.source != "acknowledgement":
            return None
        return self._decide(mono_ns)

    def stepped(self, step_ns: int) -> None:
        """Our wall clock was stepped forward by ``step_ns``."""
        self._window = [attrs.evolve(one, offset_ns=one.offset_ns - step_ns) for one in self._window]
        if self._good_ns is not None:
            self._good_ns -= step_ns

    def _decide(self, mono_ns: int) -> OffsetDecision:
        best = min(self._window, key=lambda one: (max(one.sample.delay_ns, 0), -one.mono_ns))
        verdict = self._verdict(best.offset_ns)
        self.counts[verdict] += 1
        if verdict is Verdict.ACCEPTED:
            self._good_ns = best.offset_ns
        else:
            self._window.remove(best)
        self._due_ns = mono_ns + self._pause_ns(verdict)
        sample = best.sample
        return OffsetDecision(
            mono_ns,
            sample.connection,
            sample.source,
            best.offset_ns,
            sample.delay_ns,
            verdict,
            self._good_ns,
        )

    def _verdict(self, offset_ns: int) -> Verdict:
        if abs(offset_ns) > self.settings.max_abs_offset_ms * 1e6:
            return Verdict.REJECTED_ABS
        jump_ns = 0 if self._good_ns is None else abs(offset_ns - self._good_ns)
        if jump_ns > self.settings.max_offset_jump_ms * 1e6:
            return Verdict.REJECTED_JUMP
        return Verdict.ACCEPTED

    def _pause_ns(self, verdict: Verdict) -> int:
        """When to look again: after the refresh interval, sooner when the sample was not good."""
        refresh_ns = round(self.settings.offset_refresh_s * 1e9)
        if verdict is Verdict.ACCEPTED:
            return refresh_ns or NEVER
        return min(refresh_ns or RETRY_NS, RETRY_NS)


class ClockOffsets:
    """The offset of each shard of a run, driven by its records one by one."""

    def __init__(self, settings: ClockSettings, wall0_ns: int, mono0_ns: int) -> None:
        self.settings = settings
        self._wall0_ns, self._mono0_ns = wall0_ns, mono0_ns
        self._of: dict[int, ClockOffset] = {}

    def of(self, shard: int) -> ClockOffset:
        """The offset of a shard."""
        if shard not in self._of:
            self._of[shard] = ClockOffset(self.settings, self._wall0_ns, self._mono0_ns)
        return self._of[shard]

    def take(self, shard: int, record: Block, output: Output) -> list[OffsetDecision]:
        """One encoded record and what `Feed` made of it; what was decided, mostly nothing."""
        _, _, kind, _, _, _, mono_ns, wall_ns = HEADER.unpack_from(record)
        if not output.notices and kind != RecordKind.CLOCK:
            return []
        offset = self.of(shard)
        if kind == RecordKind.CLOCK:
            step = msgspec.json.decode(record[HEADER.size :])
            offset.stepped(step["after_ns"] - step["before_ns"])
        samples = [notice for notice in output.notices if isinstance(notice, ClockSample)]
        decisions = [offset.sampled(sample, mono_ns, wall_ns) for sample in samples]
        return [decision for decision in decisions if decision is not None]
