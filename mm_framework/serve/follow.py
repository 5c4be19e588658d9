"""Captures of other processes as a source, through their files.

    FollowRuns: looks for runs that are being written -> FollowedRun for each
    FollowedRun: newest checkpoint -> catches up without telling -> tells each record as it comes -> the end

A run is over when its manifest says so, or nobody holds its lock; the next one of the same instruments is
then found and goes on in later epochs. What is flushed is seen: `--bundle-flush-interval-s` of the capture
is the delay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mm_framework.bundle.alive import is_written
from mm_framework.bundle.manifest import MANIFEST, Manifest
from mm_framework.bundle.run import CAPTURE, Run, open_run
from mm_framework.bundle.segment import iter_encoded
from mm_framework.bundle.tail import Tail
from mm_framework.errors import MMError, StoreError
from mm_framework.feed import VenueKit
from mm_framework.model.frame import HEADER
from mm_framework.serve.hub import Hub
from mm_framework.serve.run_reader import RunReader

__all__ = ["FollowRuns", "FollowedRun"]

logger = logging.getLogger("mm_framework.serve")

POLL_S: Final = 0.02
LOOK_S: Final = 1.0
PATIENCE_S: Final = 5.0
"""A record that cannot be read may become whole for so long."""

SHOWN: Final = 16
"""So many runs are told of, the latest; of others nothing is kept when they are over."""

TURN_BYTES: Final = 1 << 14
"""So much is told before others have a turn."""


class FollowedRun:
    """One run, running or over. Raises StoreError and its kinds for one that cannot be read."""

    def __init__(self, run: Run, kits: Mapping[str, VenueKit], hub: Hub) -> None:
        self.name, self._path = run.path.name, run.path
        self._reader = RunReader(run, kits, hub)
        self._tails = {one.shard: Tail(run.path / CAPTURE, one.shard) for one in run.shards}
        self.state = "waiting"

    async def run(self) -> None:
        """See `Source`."""
        try:
            self.state = "catching_up"
            await self._catch_up()
            self.state = "live"
            await self._follow()
            self.state = "ended"
        except MMError:
            self.state = "failed"
            raise
        finally:
            self._reader.end()

    def to_json(self) -> dict[str, Any]:
        """See `Source`."""
        translator = self._reader.translator
        counts = {"records": self._reader.records, "frames": translator.frames, "now_ms": translator.now_ms}
        return {"kind": "follow", "state": self.state, "run": self.name, **counts}

    async def _catch_up(self) -> None:
        for shard, tail in self._tails.items():
            while len(block := tail.read()):
                *_, last = iter_encoded(block)
                _, _, _, _, _, index, mono_ns, _ = HEADER.unpack_from(last)
                count = index - HEADER.unpack_from(block)[5] + 1
                await asyncio.to_thread(self._reader.pass_over, shard, block, count, mono_ns)
        self._reader.catch_up()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        news_s = looked_s = loop.time()
        over = False
        while True:
            if self._tell():
                news_s = loop.time()
                await asyncio.sleep(0)
                continue
            if over:
                return
            await asyncio.sleep(POLL_S)
            now_s = loop.time()
            if now_s - max(news_s, looked_s) >= LOOK_S:
                looked_s, over = now_s, not is_written(self._path)
            self._check_faults(now_s - news_s)

    def _tell(self) -> bool:
        """What is new of every shard, as far as one turn goes; whether there was something."""
        told = False
        for shard, tail in self._tails.items():
            for record in iter_encoded(tail.read(TURN_BYTES)):
                self._reader.tell(shard, record)
                told = True
        return told

    def _check_faults(self, silent_s: float) -> None:
        faults = [tail.fault for tail in self._tails.values() if tail.fault is not None]
        if faults and silent_s > PATIENCE_S:
            raise faults[0].error()


class FollowRuns:
    """All runs under ``runs`` that are being written, now and later. ``kits_of`` makes kits for one run."""

    def __init__(self, runs: Path, kits_of: Callable[[Run], Mapping[str, VenueKit]], hub: Hub) -> None:
        self._runs, self._kits_of, self._hub = runs, kits_of, hub
        self._seen: set[str] = set()
        self._followed: list[FollowedRun] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """See `Source`; it never ends by itself."""
        try:
            while True:
                for path in self._news():
                    self._follow(path)
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def to_json(self) -> dict[str, Any]:
        """See `Source`; ``runs`` holds the latest of them."""
        runs = [one.to_json() for one in self._followed]
        states = {one["state"] for one in runs}
        state = next((word for word in ("live", "catching_up") if word in states), "waiting")
        return {"kind": "follow", "state": state, "folder": str(self._runs), "runs": runs}

    def _news(self) -> Sequence[Path]:
        """Runs that are being written and were not there before, the oldest first."""
        found: list[tuple[int, Path]] = []
        for file in self._runs.glob(f"[!.]*/{MANIFEST}"):
            path = file.parent
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            try:
                if is_written(path):
                    found.append((Manifest.read(path).wall0_ns, path))
            except StoreError as error:
                logger.warning("run %s is not followed: %s", path.name, error)
        return [path for _, path in sorted(found)]

    def _follow(self, path: Path) -> None:
        try:
            run = open_run(path)
            one = FollowedRun(run, self._kits_of(run), self._hub)
        except MMError as error:
            logger.warning("run %s is not followed: %s", path.name, error)
            return
        logger.info("following run %s", path.name)
        self._followed = [*self._followed[-SHOWN + 1 :], one]
        self._tasks.add(task := asyncio.ensure_future(self._guarded(one)))
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, one: FollowedRun) -> None:
        try:
            await one.run()
            logger.info("run %s is over", one.name)
        except MMError as error:
            logger.warning("run %s is followed no longer: %s", one.name, error)
