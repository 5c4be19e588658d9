"""``mm history candles | trades | combine | gaps``: what a venue tells of the past, and how ours compares."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm_framework.capture.settings import CaptureSettings, TargetSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.contracts.history import INTERVALS_MS
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.cli.history_jobs import Asked
    from mm_framework.history.candles import Difference

__all__ = ["command"]

logger = logging.getLogger("mm_framework.history")

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 20


class _EarlierGroup(VerbGroup):
    """``mm history`` without a verb obeys the variables of the earlier tool, when TYPE is one of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb of TYPE in its place."""
        app = ctx.ensure_object(App)
        kind = app.env.get("TYPE", "").strip().lower()
        if (not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names)) and kind:
            if kind not in ("candles", "trades"):
                raise ConfigError(f"TYPE is {kind!r}; expected candles or trades", key="TYPE", origin="TYPE")
            app.compat = True
            args = [kind, *args]
        return super().parse_args(ctx, args)


@click.group("history", cls=_EarlierGroup)
def command() -> None:
    """Fetch candles and trades of the past from a venue's REST; compare them with what we recorded.

    Files go to the day folders: DATA/EXCHANGE/SYMBOL/YYYYMMDD/history. What is there is not fetched again.
    """


def _common(function: F) -> F:
    """The instrument, the range and where it all is."""
    for option in (
        json_option,
        settings_options(DataSettings),
        settings_options(CaptureSettings, only=("transport", "ca_file", "insecure_tls", "rest_timeout_s")),
        click.option("--out", metavar="DIR", help="The folder of the day folders. [the data directory]"),
        click.option("--endpoint", metavar="URL", help="Ask here, such as an emulator. [the venue's own]"),
        click.option("--to", "to_time", metavar="TIME", help="Before which it ends. [now]"),
        click.option("--from", "from_time", metavar="TIME", help="First time, ISO 8601, UTC."),
        click.argument("instrument", required=False, metavar="[VENUE:SYMBOL]"),
    ):
        function = option(function)
    return function


_interval_option = click.option(
    "--interval", type=click.Choice(list(INTERVALS_MS)), help="The length of a candle. [1m]"
)
_file_option = click.option(
    "--file",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the whole range to one file: .csv or .parquet.",
)


@command.command("candles", cls=PluginCommand)
@_interval_option
@click.option(
    "--from-trades",
    is_flag=True,
    help="Build them from the venue's trades, where it keeps no candles so old. [if it has none at all]",
)
@_file_option
@_common
@pass_app
def candles(app: App, /, interval: str | None, from_trades: bool, table: Path | None, **given: Any) -> int:
    """Candles of a venue. Leaves with 1 when the venue does not tell all of the range."""
    from mm_framework.cli.history_jobs import fetch_candles

    return _fetched(app, fetch_candles(app, _asked(app, given, interval), built=from_trades), table)


@command.command("trades", cls=PluginCommand)
@_file_option
@_common
@pass_app
def trades(app: App, /, table: Path | None, **given: Any) -> int:
    """Trades of a venue, each once and under the venue's number."""
    from mm_framework.cli.history_jobs import fetch_trades

    return _fetched(app, fetch_trades(app, _asked(app, given, None)), table)


@command.command("combine", cls=PluginCommand)
@_interval_option
@click.option("--store", metavar="URL", help="Our trades are in this store. [those of the day folders]")
@_file_option
@_common
@pass_app
def combine(app: App, /, interval: str | None, store: str | None, table: Path | None, **given: Any) -> int:
    """Candles of our own trades where we have any, else the venue's.

    Where both have one and they differ, both are told as an error, and it leaves with 1.
    """
    from mm_framework.cli.history_jobs import compared, write_table
    from mm_framework.history import candles as of

    asked = _asked(app, given, interval)
    local, exchange, fetched = compared(app, asked, store)
    rows = of.combine(local, exchange)
    differing = [one for one in of.compare(local, exchange) if one.fields]
    with app.out.logs():
        for one in differing:
            logger.error(_difference(asked, one))
    if table is not None:
        write_table(table, asked, rows)
    document = {
        **fetched,
        "ok": not differing,
        "candles": len(rows),
        "local": len(local),
        "exchange": len(exchange),
        "differences": [_line(one) for one in differing],
        "file": None if table is None else str(table),
    }
    app.out.emit(
        document,
        f"{len(rows)} candles of {asked.instrument}: {len(local)} of our own trades, {len(exchange)} of the"
        f" venue, {len(differing)} differ",
    )
    return 1 if differing else 0


@command.command("gaps", cls=PluginCommand)
@_interval_option
@click.option("--store", metavar="URL", help="Our trades are in this store. [those of the day folders]")
@_common
@pass_app
def gaps(app: App, /, interval: str | None, store: str | None, **given: Any) -> int:
    """Intervals in which the venue has trades that we have not. Leaves with 1 when there is one."""
    from mm_framework.cli.history_jobs import compared
    from mm_framework.history.candles import compare

    asked = _asked(app, given, interval)
    local, exchange, fetched = compared(app, asked, store)
    found = compare(local, exchange)
    lacking = [one for one in found if one.local is None]
    document = {
        **fetched,
        "ok": not found,
        "intervals": len(exchange),
        "missing": [_line(one) for one in lacking],
        "only_local": [_line(one) for one in found if one.exchange is None],
        "differences": [_line(one) for one in found if one.fields],
    }
    app.out.emit(document, lambda: _gap_table(app, asked, found, len(exchange)))
    return 1 if found else 0


def _asked(app: App, given: dict[str, Any], interval: str | None) -> Asked:
    """What is meant, by arguments, else by settings. Raises ConfigError."""
    from mm_framework.cli.history_jobs import Asked

    instrument = given["instrument"]
    target = app.load(TargetSettings).value
    if instrument is None:
        if len(target.symbols) != 1 or not target.venue:
            raise ConfigError(
                "which instrument? Name it: mm history candles kraken:BTC/EUR --from 2026-11-20",
                key="instrument",
            )
        instrument = f"{target.venue}:{target.symbols[0]}"
    return Asked.of(
        app, instrument, interval, given["from_time"], given["to_time"], given["endpoint"], given["out"]
    )


def _fetched(app: App, result: Any, table: Path | None) -> int:
    from mm_framework.cli.history_jobs import write_table

    if table is not None:
        write_table(table, result.asked, result.rows())
    document = {**result.to_json(), "file": None if table is None else str(table)}
    app.out.emit(document, lambda: _summary(document))
    return 0 if document["ok"] else 1


def _summary(document: dict[str, Any]) -> str:
    built = document.get("from_trades", False)
    lines = [
        f"{document['rows']} {document['type']} of {document['instrument']} from {document['from']} to"
        f" {document['to']}: {document['fetched']} {'trades ' if built else ''}fetched in"
        f" {document['requests']} requests"
    ]
    lines += [f"missing: {begin} to {end}: the venue tells nothing" for begin, end in document["missing"]]
    if document["paths"]:
        lines.append(f"{len(document['paths'])} files, the last one {os.path.relpath(document['paths'][-1])}")
    return "\n".join(lines)


def _line(one: Difference) -> dict[str, Any]:
    import attrs

    from mm_framework.cli.history_jobs import utc_ms

    return {
        "time": utc_ms(one.ts_ms),
        "fields": list(one.fields),
        "local": None if one.local is None else attrs.asdict(one.local),
        "exchange": None if one.exchange is None else attrs.asdict(one.exchange),
    }


def _difference(asked: Asked, one: Difference) -> str:
    from mm_framework.history.candles import plain

    told = ", ".join(
        f"{name} {plain(getattr(one.local, name))} here and {plain(getattr(one.exchange, name))} there"
        for name in one.fields
    )
    return f"{asked.instrument} {asked.interval} {_line(one)['time']}: {told}"


def _gap_table(app: App, asked: Asked, found: Sequence[Difference], intervals: int) -> Any:
    if not found:
        return (
            f"no gap: all {intervals} candles of {asked.interval} of {asked.instrument} are here, and equal"
        )
    from rich.console import Group

    def volume(candle: Any) -> str | None:
        return None if candle is None else candle.volume

    rows = [
        (_line(one)["time"], volume(one.local), volume(one.exchange), " ".join(one.fields) or "missing")
        for one in found[:SHOWN]
    ]
    more = f"{len(found)} of {intervals} intervals differ" + (
        f", {SHOWN} shown" if len(found) > SHOWN else ""
    )
    return Group(app.out.table(["time", "our volume", "the venue's", "what differs"], rows), more)
