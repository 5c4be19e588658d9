"""Carries alerts out: a webhook, a command. It never harms the run that it tells of.

One task takes alerts from a bounded queue; each outcome is a line of the run log. A slow receiver costs
the alerts behind it their place, not the event loop its time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mm_framework.capture.alerts import Alert, AlertWatch
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.settings import AlertSettings

__all__ = ["AlertSender"]

WAITING: Final = 64


class RunLog(Protocol):
    """What a sender needs of the run."""

    def log(self, level: int, event: str, **facts: Any) -> None:
        """A line in the run log."""
        ...


class AlertSender:
    """Watches the heartbeats of one run and tells. `start` in the loop, `close` at the end."""

    def __init__(self, settings: AlertSettings, run_id: str) -> None:
        self._settings, self._run_id = settings, run_id
        self._watch = AlertWatch(settings)
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None
        self._run: RunLog

    def start(self, run: RunLog) -> None:
        """Begin to carry out alerts; what came of them goes to the log of ``run``."""
        self._run = run
        self._task = asyncio.create_task(self._send_all(), name="alerts")

    def beat(self, beat: Beat, now_ns: int, wall_ns: int) -> None:
        """A heartbeat of the run."""
        self._put(self._watch.beat(beat, now_ns), wall_ns)

    def failed(self, error: str, now_ns: int, wall_ns: int) -> None:
        """An error ends the run."""
        self._put(self._watch.failed(error, now_ns), wall_ns)

    async def close(self, wall_ns: int) -> None:
        """Tell what was kept back, give what waits the time of one alert, then stop."""
        if self._task is None:
            return
        self._put(self._watch.rest(), wall_ns)
        waiting = asyncio.create_task(self._queue.join())
        await asyncio.wait({waiting}, timeout=self._settings.timeout_s + 1)
        for task in (waiting, self._task):
            task.cancel()
        await asyncio.gather(waiting, self._task, return_exceptions=True)

    def _put(self, alerts: list[Alert], wall_ns: int) -> None:
        stamp = datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        for alert in alerts:
            document = {"run_id": self._run_id, "time": stamp, **alert.to_json()}
            try:
                self._queue.put_nowait(document)
            except asyncio.QueueFull:
                self._tell(document, "queue", "too many alerts wait")

    async def _send_all(self) -> None:
        while True:
            document = await self._queue.get()
            try:
                if self._settings.webhook_url:
                    await self._outcome(document, "webhook", self._post(document))
                if self._settings.command:
                    await self._outcome(document, "command", asyncio.to_thread(self._execute, document))
            finally:
                self._queue.task_done()

    async def _outcome(self, document: dict[str, Any], way: str, sending: Any) -> None:
        """Send, and tell what came of it. Whatever goes wrong is a line of the log."""
        try:
            error = await sending
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}".rstrip(": ")
        self._tell(document, way, error)

    def _tell(self, document: dict[str, Any], way: str, error: str | None) -> None:
        facts = {"kind": document["kind"], "way": way, "text": document["text"]}
        if error is None:
            self._run.log(logging.WARNING, "alert", **facts)
        else:
            self._run.log(logging.ERROR, "alert_failed", **facts, error=error)

    async def _post(self, document: dict[str, Any]) -> str | None:
        """HTTP POST of the JSON; None when the answer is a 2xx, else what went wrong."""
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

        from mm_framework.capture.http_aiohttp import HEADERS, proxy_of

        settings = self._settings
        timeout = ClientTimeout(total=settings.timeout_s)
        async with (
            ClientSession(timeout=timeout, headers=HEADERS, cookie_jar=DummyCookieJar()) as session,
            session.post(
                settings.webhook_url,
                json=document,
                allow_redirects=False,
                proxy=proxy_of(settings.webhook_url),
            ) as answer,
        ):
            return None if 200 <= answer.status < 300 else f"HTTP {answer.status}"

    def _execute(self, document: dict[str, Any]) -> str | None:
        """Run the command, in a thread; None when it leaves with 0, else what went wrong."""
        settings = self._settings
        try:
            done = subprocess.run(
                settings.command,
                input=json.dumps(document).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=settings.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"killed after {settings.timeout_s:g} s"
        if done.returncode == 0:
            return None
        said = done.stderr.decode(errors="replace").strip()[-200:]
        return f"exit code {done.returncode}" + (f": {said}" if said else "")
