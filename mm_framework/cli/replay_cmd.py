"""``mm replay``: events of a store, or of one run, in their order, with a digest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.selection import qa_option, range_options, time_range
from mm_framework.cli.store_cmd import opened_store, store_of_run, store_option
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.replay.events import EventSink, ReplayedEvents

__all__ = ["command"]


@click.command("replay", cls=PluginCommand)
@click.argument("instruments", nargs=-1, metavar="[INSTRUMENT...]")
@store_option
@click.option("--run", metavar="RUN", help="Replay a run bundle instead of a store.")
@range_options()
@qa_option()
@click.option(
    "--out", metavar="FILE", help="Write the events: FILE.ndjson, or FILE.arrow (Arrow IPC stream)."
)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    instruments: tuple[str, ...],
    store: str | None,
    run: str | None,
    from_time: str | None,
    to_time: str | None,
    qa: str,
    out: str | None,
) -> None:
    """Replay events in the total order; the same request gives the same bytes and digest.

    INSTRUMENT is an id such as kraken:BTC/EUR, or a pattern such as 'binance:*'; all when none is named.
    """
    from mm_framework.replay.events import ReplayRequest, replay_events

    if store is not None and run is not None:
        raise ConfigError("--store and --run exclude one another", key="run")
    request = ReplayRequest(instruments, *time_range(from_time, to_time), policy=qa)  # type: ignore[arg-type]
    with (
        contextlib.nullcontext(opened_store(app, store)) if run is None else store_of_run(app, run) as opened,
        _sink(out) as sinks,
        app.out.progress("replaying", unit="rows") as advance,
    ):
        replayed = replay_events(opened, request, sinks, advance)
    document = {"ok": True, **replayed.to_json(), "out": out}
    app.out.emit(document, lambda: _shown(replayed, out))


@contextlib.contextmanager
def _sink(out: str | None) -> Iterator[tuple[EventSink, ...]]:
    from mm_framework.replay.events import ArrowFile, NdjsonFile

    if out is None:
        yield ()
        return
    kinds = {".ndjson": NdjsonFile, ".arrow": ArrowFile}
    kind = kinds.get(Path(out).suffix)
    if kind is None:
        raise ConfigError(f"--out {out}: its name must end with .ndjson or .arrow", key="out", value=out)
    if Path(out).exists():
        raise ConfigError(f"--out {out} exists and is not overwritten: choose another name", key="out")
    with kind(Path(out)) as sink:
        yield (sink,)


def _shown(replayed: ReplayedEvents, out: str | None) -> str:
    metadata: dict[str, Any] = replayed.metadata
    names = metadata["instruments"]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    lines = [
        f"{replayed.count} events of {shown or 'nothing'}, {len(metadata['partitions'])} partitions",
        f"digest {replayed.digest}",
    ]
    return "\n".join([*lines, f"written to {out}"] if out else lines)
