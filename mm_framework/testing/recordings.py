"""Recordings of an emulated venue, made in memory and in no time: for tests and measurements.

recording = record(adapter, dialect, ["kraken:BTC/EUR"], depth=25, seconds=10)
write_recorder(recording, path)      # a file that `mm import` reads
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mm_framework.contracts.adapter import Adapter, Subscription
from mm_framework.contracts.emulator import Dialect
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import FaultSpec
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator

__all__ = ["START_NS", "Recorded", "record", "write_raw", "write_recorder"]

START_NS = 1_790_000_000_000_000_000
"""The wall clock when a recording starts: 2026-09-21, in whole seconds."""


class Recorded(NamedTuple):
    """A message: ``sent`` by us or received, at ``wall_ns``."""

    wall_ns: int
    sent: bool
    payload: bytes


def record(
    adapter: Adapter,
    dialect: Dialect,
    instruments: Sequence[str],
    *,
    channels: Sequence[str] = ("book", "trade", "ticker"),
    depth: int | None = None,
    seconds: float = 10.0,
    seed: int = 1,
    market: MarketSettings | None = None,
    faults: Sequence[FaultSpec] = (),
) -> list[Recorded]:
    """Connect, subscribe every instrument to every channel, and listen for ``seconds``.

    ``depth`` is for channels that have depths. The same arguments give the same bytes. Only frames
    are recorded: faults of connections end or stall the recording.
    """
    symbols = [adapter.venue_symbol(instrument) for instrument in instruments]
    venue = VenueEmulator(
        dialect,
        [dialect.listing(symbol) for symbol in symbols],
        seed=seed,
        settings=market,
        faults=faults,
        wall_ns=START_NS,
    )
    connection = venue.connect(0, dialect.paths[0])
    depths = {channel.name: channel.depths for channel in adapter.channels}
    wanted = [
        Subscription(instrument, symbol, channel, depth if depths[channel] else None)
        for channel in channels
        for instrument, symbol in zip(instruments, symbols, strict=True)
    ]
    sent = []
    for number, message in enumerate(adapter.subscribe(wanted, 1)):
        at_ns = (number + 1) * 1_000_000
        venue.receive(connection, message, at_ns)
        sent.append(Recorded(START_NS + at_ns, True, message))
    venue.advance(round(seconds * 1e9))
    received = [
        Recorded(START_NS + action.at_ns, False, action.payload)
        for action in venue.drain()
        if isinstance(action, SendFrame)
    ]
    return sorted([*sent, *received], key=lambda item: (item.wall_ns, not item.sent))


def write_recorder(recording: Sequence[Recorded], path: Path, url: str = "ws://emulated.invalid") -> Path:
    """Write a file of format ``recorder``, with receive times and the sent messages."""

    def line(wall_ns: int, direction: str, **rest: str) -> str:
        seconds, ns = divmod(wall_ns, 10**9)
        return json.dumps({"ts": f"{seconds}.{ns:09d}", "dir": direction, **rest}) + "\n"

    first_ns = recording[0].wall_ns if recording else START_NS
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(line(first_ns, "open", url=url))
        for wall_ns, sent, payload in recording:
            file.write(line(wall_ns, "out" if sent else "in", raw=payload.decode()))
    return path


def write_raw(recording: Sequence[Recorded], path: Path) -> Path:
    """Write a file of format ``raw``: what was received, a frame a line, without times."""
    path.write_bytes(b"".join(item.payload + b"\n" for item in recording if not item.sent))
    return path
