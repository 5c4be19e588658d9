"""Signals of a live run: the first one stops in order, the second interrupts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["signals"]


@contextlib.contextmanager
def signals(stop: Callable[[str], None], interrupt: Callable[[], object]) -> Iterator[None]:
    """SIGINT and SIGTERM call ``stop`` with their name, the second one ``interrupt``, both in the loop."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.getsignal(number) for number in numbers}
    seen: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            loop.call_soon_threadsafe(stop, signal.Signals(number).name)
        else:
            loop.call_soon_threadsafe(interrupt)

    for number in numbers:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, earlier[number])
