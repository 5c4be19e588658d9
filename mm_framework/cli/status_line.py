"""How a live run tells its status: a view of everything, the bottom line of a terminal, or log lines."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import attrs
import click

from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.telemetry import Status
from mm_framework.cli.app import App

__all__ = ["status_text", "telling"]

STATUS_EVERY_S: Final = 5.0
"""Time between status lines where stderr is no terminal."""

logger = logging.getLogger("mm_framework.capture")


@contextlib.contextmanager
def telling(app: App, title: str, *, live: bool = False) -> Iterator[Callable[[Beat], None]]:
    """Where to tell each heartbeat; ``live`` asks for the whole view, which needs a terminal."""
    if app.out.quiet:
        yield lambda beat: None
    elif not sys.stderr.isatty():
        yield _StatusLog().tell
    elif live:
        from rich.console import Console

        from mm_framework.cli.live_view import LiveView, showing

        with showing(LiveView(title), Console(stderr=True, highlight=False)) as take:
            yield take
    else:
        with _BottomLine() as line:
            yield lambda beat: line.show(status_text(beat.status))


class _StatusLog:
    """A log line each few seconds."""

    def __init__(self) -> None:
        self._told_s = time.monotonic()

    def tell(self, beat: Beat) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= STATUS_EVERY_S:
            self._told_s = now_s
            facts = {"event": "status", **attrs.asdict(beat.status)}
            logger.info(status_text(beat.status), extra=facts)


class _BottomLine:
    """A line that is rewritten, and gives way to log lines."""

    def __enter__(self) -> _BottomLine:
        logger.addFilter(self._clear)
        return self

    def __exit__(self, *exc: object) -> None:
        logger.removeFilter(self._clear)
        self._clear(None)

    def show(self, text: str) -> None:
        click.echo(f"\r\x1b[2K{text}", nl=False, err=True)

    def _clear(self, record: logging.LogRecord | None) -> bool:
        click.echo("\r\x1b[2K", nl=False, err=True)
        return True


def status_text(status: Status) -> str:
    """The status in one line."""
    states = ", ".join(f"{count} {state}" for state, count in status.states.items()) or "no instrument yet"
    return (
        f"{status.elapsed_s:.0f} s  {status.frames} frames ({status.frames_per_s:.0f}/s)"
        f"  checksums {status.checksums_verified} good, {status.checksums_failed} bad"
        f"  {states}  {status.connected} connected, {status.reconnects} reconnects"
    )
