"""``mm doctor --alive``: the health check of a recorder that runs as a service or in a container."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from mm_framework.bundle.alive import living_run
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.names import RUNS
from mm_framework.bundle.window import WindowSettings, window_at
from mm_framework.capture.settings import TargetSettings
from mm_framework.cli.app import App
from mm_framework.settings import DataSettings

__all__ = ["health"]


def health(app: App, within_s: float, now_s: float | None = None) -> dict[str, Any]:
    """``ok`` and ``found`` in words: a run of the target spoke within that time, or its window is closed.

    The target is that of the environment (``SYMBOL``, ``EXCHANGE``); where it names no symbol, any run of
    the data directory counts.
    """
    now_s = time.time() if now_s is None else now_s
    app.compat = True
    symbols = list(app.load(TargetSettings).value.symbols)
    window = window_at(app.load(WindowSettings).value, round(now_s * 1e9))

    def wanted(manifest: Manifest) -> bool:
        told = manifest.config.get("target", {}).get("symbols", {}).get("value", [])
        return not symbols or list(told) == symbols

    run = living_run(app.load(DataSettings).value.dir / RUNS, now_s, wanted)
    if run is not None:
        return {
            "ok": run.silent_s <= within_s,
            "run_id": run.run_id,
            "silent_s": round(run.silent_s, 3),
            "found": f"run {run.run_id} spoke {run.silent_s:.1f} s ago",
        }
    if window is not None and now_s * 1e9 < window.start_ns:
        begins = datetime.fromtimestamp(window.start_ns / 1e9, UTC).isoformat()
        return {"ok": True, "run_id": None, "found": f"waiting for the window that begins at {begins}"}
    return {"ok": False, "run_id": None, "found": "no run is being written"}
