"""The window of a capture on the command line: which one it joins, and the wait until it begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from mm_framework.bundle.window import Window, WindowSettings, window_at
from mm_framework.capture.clock import Clock, RealClock
from mm_framework.capture.window import wait_until
from mm_framework.cli.app import App
from mm_framework.cli.signals import signals
from mm_framework.settings import Given

__all__ = ["joined_window"]

logger = logging.getLogger("mm_framework.capture")


def joined_window(app: App, clock: Clock | None = None) -> tuple[Window | None, str | None]:
    """The window to record, when it has begun, and the signal that ended the wait for it, if one did.

    ``(None, None)`` without a window. Day folders get its date. Raises KeyboardInterrupt at a second
    signal, ConfigError for settings that cannot be.
    """
    settings, clock = app.load(WindowSettings).value, clock or RealClock()
    window = window_at(settings, clock.wall_ns())
    if window is None:
        return None, None
    app.flags.setdefault("sink.day-files", {}).setdefault(
        "folder_date", Given(window.folder_date, f"window of {window.date}")
    )
    zone = ZoneInfo(settings.tz)
    start, end = (datetime.fromtimestamp(ns / 1e9, zone) for ns in (window.start_ns, window.end_ns))
    facts = {"event": "window", "date": str(window.date), "start": str(start), "end": str(end)}
    if clock.wall_ns() < window.start_ns:
        told = partial(
            logger.info, "waiting for the window of %s, which begins at %s", window.date, start, extra=facts
        )
        try:
            if (left := asyncio.run(_wait(clock, window.start_ns, told))) is not None:
                return window, left
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    logger.info("recording the window of %s until %s", window.date, end, extra=facts)
    return window, None


async def _wait(clock: Clock, start_ns: int, told: Callable[[], None]) -> str | None:
    """Wait for the start, ``told`` once signals are heard; the name of one that came first, or None."""
    stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(wait_until(clock, start_ns))
    task = asyncio.current_task()
    assert task is not None
    with signals(stopped.set_result, task.cancel):
        told()
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
    return stopped.result() if stopped.done() else None
