"""An asyncio event loop on virtual time: sleeping takes no time, and every run is the same run.

The loop asks its selector to wait until the next timer; this selector moves the `VirtualClock`
there instead. ``delay`` makes the machine busy: after a wait the clock jumps on by that much, so that
timers fire late and what arrived meanwhile is handled in one burst. A loop in which nothing can ever
happen again, or in which something happens over and over while time stands still, raises
`VirtualDeadlock` instead of going on for ever. Threads and sockets do not work here.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from mm_framework.capture.clock import VirtualClock

__all__ = ["VirtualDeadlock", "VirtualLoop", "run_virtual"]

T = TypeVar("T")


MOST_ROUNDS = 100_000
"""Rounds of the loop at one and the same time: more are no progress."""


class VirtualDeadlock(RuntimeError):
    """All tasks wait for something that no timer will bring about, or spin."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """``delay()`` gives nanoseconds that the machine is late after a wait; None: never late."""

    def __init__(self, clock: VirtualClock, delay: Callable[[], int] | None = None) -> None:
        self.clock = clock
        super().__init__(_VirtualSelector(clock, delay, self._waiting))
        # A timer within this span counts as due; the machine's own may be 16 ms.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self.clock.now_ns / 1e9

    def _waiting(self) -> str:
        return ", ".join(sorted(task.get_name() for task in asyncio.all_tasks(self)))


def run_virtual(
    main: Callable[[], Coroutine[Any, Any, T]],
    clock: VirtualClock,
    *,
    delay: Callable[[], int] | None = None,
) -> T:
    """Run ``main()`` to its end on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, delay)) as runner:
        return runner.run(main())


class _VirtualSelector(selectors.BaseSelector):
    """No file is ever ready; waiting moves the clock."""

    def __init__(
        self, clock: VirtualClock, delay: Callable[[], int] | None, waiting: Callable[[], str]
    ) -> None:
        self._clock, self._delay, self._waiting = clock, delay, waiting
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self._rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise VirtualDeadlock(
                f"virtual time stands at {self._clock.now_ns} ns and no timer is set;"
                f" these tasks wait for ever: {self._waiting()}"
            )
        self._rounds = 0 if timeout > 0 else self._rounds + 1
        if self._rounds > MOST_ROUNDS:
            self._rounds = 0
            raise VirtualDeadlock(
                f"virtual time stands at {self._clock.now_ns} ns and {MOST_ROUNDS} rounds of the loop did not"
                f" move it; running: {self._waiting()}"
            )
        if timeout > 0:
            # Seconds come as floats: less than half a nanosecond too early is within the resolution.
            self._clock.advance(max(1, round(timeout * 1e9)))
            if self._delay is not None:
                self._clock.advance(self._delay())
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.register(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys
