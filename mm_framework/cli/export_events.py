"""What ``mm export`` does for other tools: events of a run or a store in their formats."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from mm_framework.cli.app import App
from mm_framework.cli.selection import time_range
from mm_framework.errors import ConfigError

if TYPE_CHECKING:
    from mm_framework.replay.hftbacktest import HftBacktestFile
    from mm_framework.replay.tardis_csv import TardisFolder
    from mm_framework.store.selection import Policy

__all__ = ["FORMATS", "EventExport", "export_events"]

FORMATS: Final = {"hftbacktest": ".npz", "tardis-csv": ""}
"""What events are written as -> how the name of the output ends, nothing for a folder."""


@attrs.frozen
class EventExport:
    """What to write: of ``run``, or of ``store`` when that is None; the rest as in `ReplayRequest`."""

    format: str
    run: str | None
    store: str | None
    instruments: tuple[str, ...]
    from_time: str | None
    to_time: str | None
    qa: Policy
    assumed_latency_ms: float
    out: Path | None


def export_events(app: App, wanted: EventExport) -> None:
    """Write it and say what was written. Raises ConfigError, StoreError and its kinds."""
    from mm_framework.cli.store_cmd import opened_store, store_of_run
    from mm_framework.replay.events import ReplayRequest, replay_events

    out = wanted.out or Path(f"{Path(wanted.run or 'store').name}-{wanted.format}{FORMATS[wanted.format]}")
    if out.exists() or out.is_symlink():
        raise ConfigError(
            f"{out} exists and is never overwritten: name another with --out", key="out", value=str(out)
        )
    times = time_range(wanted.from_time, wanted.to_time, "--until")
    request = ReplayRequest(wanted.instruments, *times, policy=wanted.qa)
    sink = _sink(wanted, out)
    with (
        contextlib.nullcontext(opened_store(app, wanted.store))
        if wanted.run is None
        else store_of_run(app, wanted.run) as store,
        sink,
        app.out.progress("exporting", unit="rows") as advance,
    ):
        replayed = replay_events(store, request, (sink,), advance)
    document: dict[str, Any] = {
        "ok": True,
        "format": wanted.format,
        "paths": [str(path) for path in sink.paths],
        **sink.facts,
        "source": replayed.to_json(),
    }
    app.out.emit(document, lambda: _shown(document))


def _sink(wanted: EventExport, out: Path) -> HftBacktestFile | TardisFolder:
    from mm_framework.replay.hftbacktest import HftBacktestFile
    from mm_framework.replay.tardis_csv import TardisFolder

    if wanted.format == "tardis-csv":
        return TardisFolder(out)
    return HftBacktestFile(out, round(wanted.assumed_latency_ms * 1e6))


def _shown(document: dict[str, Any]) -> str:
    told = {key: value for key, value in document.items() if key not in ("ok", "format", "paths", "source")}
    facts = ", ".join(f"{key} {value}" for key, value in told.items() if value is not None)
    return "\n".join([*document["paths"], facts])
