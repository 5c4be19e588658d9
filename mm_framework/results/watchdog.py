"""Ends a run whose strategy never returns."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator

from mm_framework.errors import StrategyError

__all__ = ["watchdog"]

_LOOKS: int = 20
"""How often it looks within the time that it allows."""


class _Stuck(BaseException):
    """Raised in the thread that stands still; no strategy catches it by `except Exception`."""


@contextlib.contextmanager
def watchdog(limit_s: float, reached: Callable[[], tuple[object, str]]) -> Iterator[None]:
    """Raise StrategyError in this thread when the block stands still for ``limit_s``.

    ``reached`` gives what changes with every step, and where that is, in words. What runs outside of Python
    (a compiled loop, a blocking call) is not interrupted before it returns.
    """
    over = threading.Event()
    holding = threading.Lock()
    thread = threading.get_ident()
    where: list[str] = []

    def watch() -> None:
        last, since_s = reached(), time.monotonic()
        while not over.wait(limit_s / _LOOKS):
            now = reached()
            if now[0] != last[0]:
                last, since_s = now, time.monotonic()
            elif time.monotonic() - since_s >= limit_s:
                with holding:
                    if not over.is_set():
                        where.append(last[1])
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(
                            ctypes.c_ulong(thread), ctypes.py_object(_Stuck)
                        )
                return

    watcher = threading.Thread(target=watch, name="watchdog", daemon=True)
    watcher.start()
    try:
        yield
        with holding:
            over.set()
    except _Stuck:
        raise StrategyError(
            f"nothing went on for {limit_s:g} s {where[0]}: does the strategy return?"
            " [backtest] watchdog_s allows more time"
        ) from None
    finally:
        over.set()
        watcher.join()
