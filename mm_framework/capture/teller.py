"""What a run tells of itself: its log, its heartbeats and metrics, its alerts, and how it failed.

`Teller` stands beside the records, never between them: what it tells is a function of what happened, and
nothing that happens depends on it. The run starts its coroutines and ends them.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from mm_framework.capture.alert_sender import AlertSender
from mm_framework.capture.clock import Clock
from mm_framework.capture.heartbeat import Beat, Heartbeats, ShardNow
from mm_framework.capture.host import HostUsage
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import Tally
from mm_framework.errors import MMError
from mm_framework.sync.counts import Counts

__all__ = ["Teller", "TellerLog"]

LAG_PROBE_S: Final = 0.1

STILL_S: Final = 1.0
"""A heartbeat that is so late is told: the process was stopped, or something held the loop up."""

logger = logging.getLogger("mm_framework.capture")


class TellerLog(Protocol):
    """Where a run writes what it tells: a `bundle.run.RunWriter`."""

    def log(self, event: Mapping[str, Any]) -> None:
        """Add a line to the run log."""
        ...

    def metric(self, shard: int | None, line: Mapping[str, Any]) -> None:
        """Add a line to the metrics of a shard, or of the run (None)."""
        ...

    def fatal(self, document: Mapping[str, Any], records: Mapping[int, Iterable[bytes]]) -> None:
        """Tell the error that ends the run, and the last records of each shard."""
        ...


class Run(Protocol):
    """What a teller looks at."""

    tally: Tally

    def shards_now(self) -> list[ShardNow]:
        """Every shard as it is."""
        ...

    def counts(self) -> Counts:
        """The counts of all shards."""
        ...

    def warn_of_silence(self) -> None:
        """Tell of connections that say nothing."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the run with an error."""
        ...


class Teller:
    """``log`` None keeps nothing; ``progress``, ``host`` and ``alerts`` see `runner.Capture`."""

    def __init__(
        self,
        run: Run,
        settings: CaptureSettings,
        clock: Clock,
        mono0_ns: int,
        log: TellerLog | None,
        *,
        progress: Callable[[Beat], None] | None = None,
        host: Callable[[], HostUsage] | None = None,
        alerts: AlertSender | None = None,
    ) -> None:
        self._run, self._settings, self._clock, self._log = run, settings, clock, log
        self._progress, self._host, self._alerts = progress, host, alerts
        self._heartbeats = Heartbeats(settings, mono0_ns)
        self._usage: HostUsage | None = None

    def log(self, level: int, event: str, **facts: Any) -> None:
        """A line in the run log, and one for the operator."""
        told = (f"{name}={value}" for name, value in facts.items() if value not in (None, ""))
        text = " ".join([event.replace("_", " "), *told])
        logger.log(level, text, extra={"event": event, **facts})
        self._line({"event": event, "level": logging.getLevelName(level).lower(), **facts})

    def fatal(
        self, error: Exception, facts: Mapping[str, Any], records: Mapping[int, Iterable[bytes]]
    ) -> None:
        """What there is to know of the end; a disk that takes nothing more takes this neither."""
        document = {
            "error": str(error) or type(error).__name__,
            "type": type(error).__name__,
            "exit_code": error.exit_code if isinstance(error, MMError) else None,
            "trace": traceback.format_exception(error),
            **facts,
            **self._stamps(),
        }
        try:
            if self._log is not None:
                self._log.fatal(document, records)
        except MMError as failure:
            logger.warning("%s", failure, extra={"event": "fatal_not_written"})

    # what the run starts and ends

    def start_alerts(self) -> None:
        """Alerts may be told from now on."""
        if self._alerts is not None:
            self._alerts.start(self)

    async def end_alerts(self, error: BaseException | None) -> None:
        """Tell of the error that ends the run, if one does, and give the last alerts their time."""
        if self._alerts is None:
            return
        if isinstance(error, Exception):
            text = str(error) or type(error).__name__
            self._alerts.failed(text, self._clock.mono_ns(), self._clock.wall_ns())
        await self._alerts.close(self._clock.wall_ns())

    async def beat(self) -> None:
        """The heartbeat: a line in the run log, and the metrics of the time since the last one."""
        loop, interval_s = asyncio.get_running_loop(), self._settings.heartbeat_s
        due_s = loop.time() + interval_s
        while True:
            await asyncio.sleep(due_s - loop.time())
            now_s = loop.time()
            self._heartbeats.lag(round((now_s - due_s) * 1e9))
            if now_s - due_s >= STILL_S:
                self.log(logging.WARNING, "stood_still", late_s=round(now_s - due_s, 3))
            self._heartbeat()
            due_s = max(due_s + interval_s, now_s)

    async def watch_loop(self) -> None:
        """Between heartbeats: how late the loop comes to its timers, and what waits in the sockets."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_PROBE_S
            await asyncio.sleep(LAG_PROBE_S)
            self._heartbeats.lag(round((loop.time() - due_s) * 1e9))
            for one in self._run.shards_now():
                one.meter.depth.add(one.waiting)

    async def watch_host(self) -> None:
        """Disk and memory, off the loop."""
        interval_s = self._settings.disk_usage_interval_seconds
        while self._host is not None and interval_s > 0:
            try:
                self._usage = await asyncio.to_thread(self._host)
            except OSError as error:
                self.log(logging.WARNING, "disk_usage_unknown", error=str(error))
            await asyncio.sleep(interval_s)

    # inside

    def _line(self, line: dict[str, Any]) -> None:
        line |= self._stamps()
        self._heartbeats.hear(line)
        if self._log is not None:
            try:
                self._log.log(line)
            except MMError as error:
                self._run.fail(error)

    def _stamps(self) -> dict[str, int]:
        return {"mono_ns": self._clock.mono_ns(), "wall_ns": self._clock.wall_ns()}

    def _heartbeat(self) -> None:
        run, now_ns = self._run, self._clock.mono_ns()
        usage, self._usage = self._usage, None
        beat = self._heartbeats.beat(now_ns, run.shards_now(), run.counts(), run.tally, usage)
        self._line(beat.line)
        self._write_metrics(beat)
        run.warn_of_silence()
        if self._alerts is not None:
            self._alerts.beat(beat, now_ns, self._clock.wall_ns())
        if self._progress is not None:
            self._progress(beat)

    def _write_metrics(self, beat: Beat) -> None:
        if self._log is None:
            return
        stamps = self._stamps()
        try:
            self._log.metric(None, beat.overall | stamps)
            for shard, line in beat.shards.items():
                self._log.metric(shard, line | stamps)
        except MMError as error:
            self._run.fail(error)
