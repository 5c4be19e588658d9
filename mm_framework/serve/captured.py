"""A capture in this process as a source: it shares the event loop with the server."""

from __future__ import annotations

import asyncio
from typing import Any

from mm_framework.capture.runner import Capture
from mm_framework.serve.translate import Translator

__all__ = ["Captured"]


class Captured:
    """Implements `Source` around a capture, one of whose listeners is ``translator``."""

    def __init__(self, capture: Capture, translator: Translator, run_id: str | None) -> None:
        self._capture, self._translator, self._run_id = capture, translator, run_id
        self._state = "waiting"

    async def run(self) -> None:
        """See `Source`; cancelling stops the capture in order. Raises what `Capture.run` raises."""
        task = asyncio.ensure_future(self._capture.run())
        self._state = "live"
        try:
            await asyncio.shield(task)
            self._state = "ended"
        except asyncio.CancelledError:
            self._capture.stop("signal")
            await task
            raise
        finally:
            if self._state == "live":
                self._state = "failed"

    def to_json(self) -> dict[str, Any]:
        """See `Source`; ``run`` is None when nothing is recorded."""
        translator = self._translator
        counts = {"frames": translator.frames, "now_ms": translator.now_ms}
        return {"kind": "capture", "state": self._state, "run": self._run_id, **counts}
