"""How long the threads beside a live run keep the event loop waiting.

A thread that flushes the log or hands records to the sinks has the interpreter until it waits for something,
or until another one has asked for it for an interval, 5 ms by default: at 5000 frames a second that is the
work of 25 frames.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

__all__ = ["short_thread_turns"]

SWITCH_S: Final = 0.0005


@contextlib.contextmanager
def short_thread_turns() -> Iterator[None]:
    """Within the block a thread that asks for the interpreter has it after half a millisecond."""
    earlier_s = sys.getswitchinterval()
    sys.setswitchinterval(min(SWITCH_S, earlier_s))
    try:
        yield
    finally:
        sys.setswitchinterval(earlier_s)
