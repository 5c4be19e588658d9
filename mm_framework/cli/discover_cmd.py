"""``mm discover``: which instruments a venue lists; a file of them for ``mm capture --universe``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.capture.settings import CaptureSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options

if TYPE_CHECKING:
    from mm_framework.capture.catalog import Catalogue
    from mm_framework.contracts.catalog import ListedInstrument

__all__ = ["command"]


@click.command("discover", cls=PluginCommand)
@click.argument("venue")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--all", "inactive", is_flag=True, help="Also those that cannot be captured now.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Show the first N by id. [all]")
@click.option("--endpoint", metavar="URL", help="Ask here, such as an emulator. [the venue's own]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a universe file, which mm capture --universe takes.",
)
@settings_options(CaptureSettings, only=("transport", "ca_file", "insecure_tls", "rest_timeout_s"))
@json_option
@pass_app
def command(
    app: App,
    venue: str,
    patterns: tuple[str, ...],
    inactive: bool,
    limit: int | None,
    endpoint: str | None,
    out: Path | None,
) -> int | None:
    """List the instruments of a venue that can be captured now.

    PATTERN narrows them down: '*/USDT', 'kraken:*/EUR'. Leaves with 1 when nothing fits. --limit is for the
    eyes: the file has all that fit.
    """
    import attrs

    from mm_framework.capture.catalog import select
    from mm_framework.capture.universe_file import write_universe

    wanted = tuple(one if one.startswith(f"{venue}:") else f"{venue}:{one}" for one in patterns)
    catalogue = _catalogue(app, venue, endpoint)
    everything = (
        [attrs.evolve(one, active=True) for one in catalogue.listed] if inactive else catalogue.listed
    )
    names = {one.instrument for one in select(everything, wanted)}
    found = [one for one in catalogue.listed if one.instrument in names]
    if out is not None:
        narrowed = attrs.evolve(catalogue, listed=tuple(found), patterns=wanted)
        write_universe(out, [narrowed], f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    shown = found[:limit]
    document = {
        "ok": bool(found),
        "venue": venue,
        "listed": len(catalogue.listed),
        "skipped": catalogue.skipped,
        "found": len(found),
        "out": None if out is None else str(out),
        "instruments": [_line(one) for one in shown],
    }
    app.out.emit(document, lambda: _table(app, document))
    if out is not None:
        app.out.note(f"{out} holds {len(found)} instruments: mm capture --universe {out}")
    return None if found else 1


def _catalogue(app: App, venue: str, endpoint: str | None) -> Catalogue:
    """The venue's list. Raises ConfigError, PluginError, and what stands in the way of the list."""
    from mm_framework.capture.catalog import Catalogue
    from mm_framework.capture.endpoints import Endpoints
    from mm_framework.cli.choice import asked_for
    from mm_framework.contracts.catalog import Catalog
    from mm_framework.errors import ConfigError
    from mm_framework.plugins.kits import venue_kits

    adapter = venue_kits(app.plugins, [venue], lambda settings: app.load(settings).value)[venue].adapter
    if not isinstance(adapter, Catalog):
        raise ConfigError(f"{venue} has no list of instruments: name each one to mm capture", key="venue")
    endpoints = Endpoints.parse([endpoint] if endpoint else [])
    endpoints.check({venue: adapter})
    found = asked_for(app, {venue: adapter}, endpoints, [venue])[venue]
    if not isinstance(found, Catalogue):
        raise found
    return found


def _line(one: ListedInstrument) -> dict[str, Any]:
    info = one.info
    return {
        "instrument": one.instrument,
        "venue_symbol": info.venue_symbol,
        "base": info.base,
        "quote": info.quote,
        "tick_size": info.tick_size,
        "lot_size": info.lot_size,
        "price_decimals": info.price_decimals,
        "size_decimals": info.size_decimals,
        "status": info.status,
        "active": one.active,
        "group": one.group,
        "ends": one.ends,
    }


def _table(app: App, document: dict[str, Any]) -> Any:
    from rich.console import Group

    columns = ("instrument", "venue_symbol", "base", "quote", "tick_size", "lot_size", "status", "ends")
    lines = document["instruments"]
    used = [name for name in columns if any(line[name] is not None for line in lines)]
    rows = [[_short(line[name]) for name in used] for line in lines]
    total = f"{document['found']} of {document['listed']} instruments of {document['venue']}"
    if len(lines) < document["found"]:
        total += f", {len(lines)} shown"
    if document["skipped"]:
        total += f"; {document['skipped']} entries skipped"
    titles = [name.replace("_", " ") for name in used]
    return Group(app.out.table(titles, rows), total) if lines else total


def _short(cell: object) -> object:
    """Token ids have up to 78 digits."""
    return f"{cell[:12]}…{cell[-6:]}" if isinstance(cell, str) and len(cell) > 40 else cell
