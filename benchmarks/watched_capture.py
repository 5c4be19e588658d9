"""`mm` beside a timer on its event loop: how late does the loop come to it?

    python benchmarks/watched_capture.py FILE capture kraken:BTC/EUR ...

The timer is due every 10 ms. FILE gets, at the end, a line for each time that it came: when, and how late,
in seconds. A capture's own heartbeats tell the worst of ten such looks a second; these are all there are.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

EVERY_S: Final = 0.01


class WatchedLoop(asyncio.SelectorEventLoop):
    """``seen``: ``(when, how late)`` of each look, in seconds of the loop's clock since it began."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, float]] = []

    def run_forever(self) -> None:
        """Run, and look on."""
        self._begin_s = self.time()
        self._look_at(self._begin_s + EVERY_S)
        super().run_forever()

    def _look_at(self, due_s: float) -> None:
        self.call_at(due_s, self._look, due_s)

    def _look(self, due_s: float) -> None:
        now_s = self.time()
        self.seen.append((now_s - self._begin_s, now_s - due_s))
        self._look_at(self.time() + EVERY_S)


class Watch(asyncio.DefaultEventLoopPolicy):
    """Gives every event loop its timer."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: list[WatchedLoop] = []

    def new_event_loop(self) -> WatchedLoop:
        """One that is watched."""
        self.loops.append(WatchedLoop())
        return self.loops[-1]


def main() -> None:
    """See the module."""
    from mm_framework.cli import main as mm

    file, watch = Path(sys.argv.pop(1)), Watch()
    asyncio.set_event_loop_policy(watch)
    try:
        mm(prog_name="mm")
    finally:
        seen = watch.loops[-1].seen if watch.loops else []
        file.write_text("".join(f"{at_s:.6f} {late_s:.9f}\n" for at_s, late_s in seen))


if __name__ == "__main__":
    main()
