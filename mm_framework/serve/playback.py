"""A run bundle as a source: its records at the pace of the recording, or faster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from mm_framework.bundle.run import Run
from mm_framework.errors import ConfigError
from mm_framework.feed import VenueKit
from mm_framework.model.frame import HEADER
from mm_framework.serve.hub import Hub
from mm_framework.serve.run_reader import RunReader

__all__ = ["Playback"]

TURN: Final = 64
"""So many records are told before others have a turn."""


class Playback:
    """Implements `Source`. ``speed`` 2 is twice as fast as it was recorded, 0 as fast as it goes.

    Raises ConfigError for a pace that a run without receive times does not have.
    """

    def __init__(self, run: Run, kits: Mapping[str, VenueKit], hub: Hub, speed: float = 1.0) -> None:
        if speed and run.manifest.untimed:
            raise ConfigError(
                f"run {run.path.name} has no receive times, so it has no pace: play it with --speed 0",
                key="speed",
                value=speed,
            )
        self._run, self._speed = run, speed
        self._reader = RunReader(run, kits, hub)
        self._state = "waiting"

    async def run(self) -> None:
        """See `Source`. Raises CorruptFrame at damage."""
        loop = asyncio.get_running_loop()
        begin_s, first_ns = loop.time(), None
        self._state = "live"
        for number, (shard, record) in enumerate(self._run.records()):
            mono_ns = HEADER.unpack_from(record)[6]
            first_ns = mono_ns if first_ns is None else first_ns
            ahead_s = begin_s + (mono_ns - first_ns) / 1e9 / self._speed - loop.time() if self._speed else 0
            if ahead_s > 0 or number % TURN == 0:
                await asyncio.sleep(max(0, ahead_s))
            self._reader.tell(shard, record)
        self._reader.end()
        self._state = "ended"

    def to_json(self) -> dict[str, Any]:
        """See `Source`."""
        translator = self._reader.translator
        counts = {"records": self._reader.records, "frames": translator.frames, "now_ms": translator.now_ms}
        return {"kind": "playback", "state": self._state, "run": self._run.path.name, **counts}
