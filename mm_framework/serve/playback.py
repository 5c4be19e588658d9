"""A run bundle as a source: its records at the pace of the recording, or faster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from mm_framework.bundle.run import Run
from mm_framework.errors import ConfigError
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.frame import HEADER, RecordKind
from mm_framework.serve.hub import Hub
from mm_framework.serve.translate import Translator

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
        self._run, self._kits, self._speed = run, kits, speed
        self._translator = Translator(hub)
        self._state = "waiting"
        self._records = 0

    async def run(self) -> None:
        """See `Source`. Raises CorruptFrame at damage."""
        feeds = {reader.shard: Feed(self._kits, reader.shard) for reader in self._run.shards}
        loop, started = asyncio.get_running_loop(), set[int]()
        begin_s, first_ns = loop.time(), None
        self._state = "live"
        for shard, record in self._run.records():
            _, _, kind, _, _, _, mono_ns, _ = HEADER.unpack_from(record)
            first_ns = mono_ns if first_ns is None else first_ns
            ahead_s = begin_s + (mono_ns - first_ns) / 1e9 / self._speed - loop.time() if self._speed else 0
            if ahead_s > 0 or self._records % TURN == 0:
                await asyncio.sleep(max(0, ahead_s))
            output = feeds[shard].feed(record)
            if kind == RecordKind.CHECKPOINT and shard not in started:
                self._translator.restore(feeds[shard], mono_ns)
            started.add(shard)
            self._translator.on_output(shard, record, mono_ns, output)
            self._records += 1
        self._state = "ended"

    def to_json(self) -> dict[str, Any]:
        """See `Source`."""
        return {
            "kind": "playback",
            "state": self._state,
            "run": self._run.path.name,
            "records": self._records,
            "frames": self._translator.frames,
            "now_ms": self._translator.now_ms,
        }
