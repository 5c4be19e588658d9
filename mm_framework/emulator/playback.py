"""Playback: a recording instead of the market, spoken by the same sessions, at a chosen speed.

A `PlaybackDialect` stands before a venue's dialect. Status, acknowledgements, refusals, pongs and
heartbeats are the dialect's; market data and metadata are the recorded frames, byte for byte. Each
subscription plays its stream from the first frame on, in the recording's rhythm, and streams that
are subscribed together keep their distances. A client must ask for the book depth that was recorded.

    dialect, listings = playback(kraken, recorded_frames(run), speed=2.0)
    venue = VenueEmulator(dialect, listings, settings=STILL)
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from mm_framework.bundle.run import Run
from mm_framework.contracts.emulator import (
    DATA_KINDS,
    Dialect,
    FrameKind,
    Frontend,
    HttpReply,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    Session,
    Stream,
    VenueClock,
)
from mm_framework.emulator.settings import MarketSettings
from mm_framework.errors import ConfigError, ReplayError
from mm_framework.model.frame import RecordKind, iter_records

__all__ = ["STILL", "PlaybackDialect", "playback", "recorded_frames"]

STILL: Final = MarketSettings(rate=0.0, levels=10)
"""Settings of the market behind a playback: it stands still, and nobody is told of it."""

UNTIMED_STEP_NS: Final = 10_000_000
"""Between the frames of a recording without receive times, at speed 1."""

_PLAYED: Final = DATA_KINDS | {FrameKind.METADATA}


@attrs.frozen
class _Played:
    """A recorded frame: ``order`` in the recording, ``after_ns`` its first frame at speed 1."""

    order: int
    after_ns: int
    frame: Outgoing


def recorded_frames(run: Run) -> Iterator[tuple[int, bytes]]:
    """``(mono_ns, frame)`` of a bundle in order; without receive times one each 10 ms."""
    step_ns = UNTIMED_STEP_NS if run.manifest.untimed else 1
    for _, encoded in run.records():
        for record in iter_records(encoded):
            if record.kind == RecordKind.FRAME:
                yield record.mono_ns * step_ns, bytes(record.payload)


def playback(
    dialect: Dialect, frames: Iterable[tuple[int, bytes]], *, speed: float = 1.0
) -> tuple[PlaybackDialect, list[Listing]]:
    """The dialect that plays these frames, which are held in memory, and the listings for its venue.

    Raises ConfigError unless ``speed`` is positive, ReplayError when there is nothing to play.
    """
    if not speed > 0:
        raise ConfigError(f"speed is {speed:g}, expected a positive number", key="speed", value=speed)
    streams: dict[Stream, list[_Played]] = {}
    first_ns: int | None = None
    for order, (mono_ns, payload) in enumerate(frames):
        frame = dialect.recorded(payload)
        if frame is None or frame.channel is None:
            continue
        first_ns = mono_ns if first_ns is None else first_ns
        played = _Played(order, mono_ns - first_ns, frame)
        streams.setdefault((frame.channel, frame.symbol), []).append(played)
    symbols = list(dict.fromkeys(symbol for _, symbol in streams if symbol is not None))
    if not symbols:
        raise ReplayError(
            f"the recording has no market data that the emulator of {dialect.venue} can play; "
            "`mm inspect` shows what it holds"
        )
    return PlaybackDialect(dialect, streams, speed), [dialect.listing(symbol) for symbol in symbols]


class PlaybackDialect:
    """Implements `contracts.emulator.Dialect` for one recording."""

    def __init__(self, dialect: Dialect, streams: Mapping[Stream, list[_Played]], speed: float) -> None:
        self.venue, self.paths, self.depths = dialect.venue, dialect.paths, dialect.depths
        self.symbols = dialect.symbols
        self._dialect = dialect
        self._streams = streams
        self._speed = speed

    def listing(self, symbol: str) -> Listing:
        """As the venue's dialect."""
        return self._dialect.listing(symbol)

    def recorded(self, frame: bytes) -> Outgoing | None:
        """As the venue's dialect."""
        return self._dialect.recorded(frame)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> Frontend:
        """The venue's front end, with recorded data."""
        return _Frontend(self._dialect.frontend(market, clock, seed), self._streams, self._speed)


class _Frontend:
    def __init__(self, inner: Frontend, streams: Mapping[Stream, list[_Played]], speed: float) -> None:
        self._inner, self._streams, self._speed = inner, streams, speed

    def observe(self, event: MarketEvent) -> None:
        self._inner.observe(event)

    def session(self, connection: int) -> Session:
        return _Session(self._inner.session(connection), self._streams, self._speed)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        return self._inner.http(method, path, query, now_ns)


class _Session:
    """``_due`` is a heap of the next frame of each playing stream: (due, order, start, stream, place).

    ``_playing``: stream -> (number of the start, its time); what an earlier start left is skipped.
    """

    def __init__(self, inner: Session, streams: Mapping[Stream, list[_Played]], speed: float) -> None:
        self._inner, self._streams, self._speed = inner, streams, speed
        self._due: list[tuple[int, int, int, Stream, int]] = []
        self._playing: dict[Stream, tuple[int, int]] = {}
        self._starts = 0

    def opened(self, now_ns: int) -> list[Outgoing]:
        return self._inner.opened(now_ns)

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        answers = self._inner.received(message, now_ns)
        for answer in answers:
            if answer.channel is None:
                continue
            stream = (answer.channel, answer.symbol)
            if answer.kind == FrameKind.SUBSCRIBED:
                self._start(stream, now_ns)
            elif answer.kind == FrameKind.UNSUBSCRIBED:
                self._playing.pop(stream, None)
        return [answer for answer in answers if answer.kind not in _PLAYED]

    def event(self, event: MarketEvent) -> list[Outgoing]:
        return []

    def next_timer_ns(self) -> int | None:
        inner_ns = self._inner.next_timer_ns()
        if not self._due:
            return inner_ns
        return self._due[0][0] if inner_ns is None else min(inner_ns, self._due[0][0])

    def timer(self, now_ns: int) -> list[Outgoing]:
        inner_ns = self._inner.next_timer_ns()
        frames = self._inner.timer(now_ns) if inner_ns is not None and inner_ns <= now_ns else []
        while self._due and self._due[0][0] <= now_ns:
            _, _, start, stream, place = heapq.heappop(self._due)
            if self._playing.get(stream, (None, 0))[0] == start:
                frames.append(self._streams[stream][place].frame)
                self._schedule(stream, place + 1)
        return frames

    def _start(self, stream: Stream, now_ns: int) -> None:
        self._starts += 1
        self._playing[stream] = self._starts, now_ns
        self._schedule(stream, 0)

    def _schedule(self, stream: Stream, place: int) -> None:
        frames = self._streams.get(stream, ())
        if place < len(frames):
            start, start_ns = self._playing[stream]
            due_ns = start_ns + 1 + int(frames[place].after_ns / self._speed)
            heapq.heappush(self._due, (due_ns, frames[place].order, start, stream, place))
