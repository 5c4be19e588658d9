"""A result as one HTML page that needs nothing else: numbers, charts beside tables, what it stands on."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mm_framework.bundle.times import format_utc
from mm_framework.results.columns import RunColumns
from mm_framework.results.doubts import doubts
from mm_framework.results.execution import time_to_fill
from mm_framework.results.figures import (
    Figure,
    bars_of_pnl,
    equity_figure,
    fill_figure,
    inventory_figure,
    markout_figure,
    slice_figure,
)
from mm_framework.results.lives import lives
from mm_framework.results.page_tables import (
    distance_table,
    fill_table,
    inventory_table,
    ladder_table,
    markout_table,
    pnl_table,
    risk_table,
    stands_on,
)
from mm_framework.results.series import equity_line, inventory_line, slice_of
from mm_framework.results.shell import plot, plot_beside, shell
from mm_framework.results.summary import summarize
from mm_framework.results.words import bps, duration, number, share

__all__ = ["MOST_ACCOUNTS", "page"]

MOST_ACCOUNTS: Final = 5
"""Accounts that are drawn; the tables have all of them."""


def page(
    run: RunColumns,
    document: Mapping[str, Any] | None = None,
    summary: Mapping[str, Any] | None = None,
    title: str = "Backtest",
) -> str:
    """The HTML. The same run gives the same text.

    ``document``: what the result says of its making (``result.json``); ``summary``: of `summarize`, which is
    called when there is none. Raises EnvironmentFailed without plotly.
    """
    document = document or {}
    found = summarize(run) if summary is None else summary
    figures: dict[str, Figure] = {}
    body = "".join(_body(run, found, document, figures))
    return shell(title, _span(found), body, figures)


def _span(found: Mapping[str, Any]) -> str:
    start, end = (format_utc(found[key])[:19].replace("T", " ") for key in ("start_ns", "end_ns"))
    seconds = (found["end_ns"] - found["start_ns"]) / 1e9
    return f"{start} to {end} UTC, {duration(seconds)}"


def _body(
    run: RunColumns, found: Mapping[str, Any], document: Mapping[str, Any], figures: dict[str, Figure]
) -> Iterator[str]:
    yield _cards(found)
    yield _doubts(doubts(found, document))
    for place, (quote, one) in enumerate(found["by_quote"].items()):
        yield from _of_quote(run, place, quote, one, figures)
    if ladder := document.get("ladder"):
        tables = "".join(ladder_table(ladder, quote) for quote in found["by_quote"])
        yield f"<section>\n<h2>If it were slower or faster</h2>\n{tables}</section>\n"
    yield from _inventory(run, found["accounts"], figures)
    drawn = found["accounts"][:MOST_ACCOUNTS]
    for number_, account in enumerate(drawn):
        yield from _of_account(run, number_, account, figures)
    for account in found["accounts"][MOST_ACCOUNTS:]:
        tables = markout_table(account["markouts"]) + fill_table(account)
        yield f"<section>\n<h2>{_name(account)}</h2>\n{tables}</section>\n"
    if stands := stands_on(document):
        yield f'<section class="stands">\n<h2>What this stands on</h2>\n{stands}</section>\n'


def _cards(found: Mapping[str, Any]) -> str:
    cards = []
    for quote, one in found["by_quote"].items():
        total = float(one["pnl"]["total"])
        cards.append((f"total, {quote}", f"{'+' if total > 0 else ''}{number(total)}", _tone(total)))
        cards.append((f"deepest drawdown, {quote}", number(one["drawdown"]["most"]), ""))
    cards.append(("fills", f"{found['fills']:,}", ""))
    accounts = [one for one in found["accounts"] if one["orders"]["fills"]]
    if len(accounts) == 1:
        (account,) = accounts
        second = next((one for one in account["markouts"] if one["horizon_s"] == 1), account["markouts"][0])
        mean, error = second["markout"]["mean_bps"], second["markout"]["error_bps"]
        told = "" if error is None else f" \N{PLUS-MINUS SIGN} {1.96 * error:.2f}"
        cards += [
            (f"markout after {second['horizon_s']:g} s, bps", f"{bps(mean)}{told}", _tone(mean or 0.0)),
            ("orders with a fill", share(account["orders"]["fill_ratio_orders"]), ""),
            ("time with both quotes", share(account["quoting"]["both"]), ""),
            ("largest position", account["inventory"]["most"], ""),
        ]
    shown = "".join(
        f'<div class="card"><span>{html.escape(name)}</span><b class="{tone}">{html.escape(value)}</b></div>'
        for name, value, tone in cards
    )
    return f'<div class="cards">{shown}</div>\n'


def _tone(value: float) -> str:
    return "gain" if value > 0 else "loss" if value < 0 else ""


def _doubts(found: Sequence[str]) -> str:
    if not found:
        return ""
    lines = "".join(f"<li>{html.escape(one)}</li>" for one in found)
    return f'<section class="doubts"><h2>Before you believe it</h2><ul>{lines}</ul></section>\n'


def _of_quote(
    run: RunColumns, place: int, quote: str, one: Mapping[str, Any], figures: dict[str, Figure]
) -> Iterator[str]:
    name = html.escape(quote)
    figures[f"equity-{place}"] = equity_figure(equity_line(run, quote), quote)
    figures[f"pnl-{place}"] = bars_of_pnl(one["pnl"], quote)
    yield f"<section>\n<h2>Equity and drawdown, {name}</h2>\n"
    yield plot_beside(
        f"equity-{place}", "Equity and drawdown over time", risk_table(one, quote), _EQUITY_NOTE
    )
    yield f"</section>\n<section>\n<h2>Where the profit came from, {name}</h2>\n"
    yield plot_beside(
        f"pnl-{place}", "Parts of the profit as they add up", pnl_table(one["pnl"], quote), _PNL_NOTE
    )
    yield "</section>\n"


_EQUITY_NOTE = (
    "Cash less fees, and the position at a price at which it could be closed: a long at the best bid, a"
    " short at the best ask."
)
_PNL_NOTE = (
    "Spread capture: fill price against the mid just before. Adverse selection: what the mid did until the"
    " horizon. Inventory: what it did after. Mark adjustment: from the last mid to a price to close at."
)
_MARKOUT_NOTE = "Markout = edge + adverse selection: what a fill was worth some time later, fees left out."
_FILL_NOTE = "By Kaplan and Meier: quotes that were cancelled or moved count until then, as not filled yet."
_SLICE_NOTE = "Thin: best prices. Broad: our quotes while they rested. Triangles: fills. Zoom by dragging."


def _inventory(
    run: RunColumns, accounts: Sequence[Mapping[str, Any]], figures: dict[str, Figure]
) -> Iterator[str]:
    traded = [number_ for number_, one in enumerate(accounts) if one["orders"]["fills"]][:MOST_ACCOUNTS]
    if not traded:
        return
    span_ns = (run.start_ns, run.end_ns)
    lines = {
        ", ".join(run.accounts[one]): inventory_line(run.fills.of(one), run.path(one), span_ns)
        for one in traded
    }
    figures["inventory"] = inventory_figure(lines)
    yield "<section>\n<h2>Inventory</h2>\n"
    yield plot("inventory", "Positions over time")
    yield f"{inventory_table(accounts)}</section>\n"


def _of_account(
    run: RunColumns, number_: int, account: Mapping[str, Any], figures: dict[str, Figure]
) -> Iterator[str]:
    quotes = lives(run.reports.of(number_), run.end_ns)
    yield f"<section>\n<h2>{_name(account)}</h2>\n"
    if account["orders"]["fills"]:
        key = f"markout-{number_}"
        figures[key] = markout_figure(account["markouts"])
        yield "<h3>Markouts</h3>\n"
        yield plot_beside(key, "Markouts over horizons", markout_table(account["markouts"]), _MARKOUT_NOTE)
    yield "<h3>Fills and quotes</h3>\n"
    waits = time_to_fill(quotes)
    if waits.filled:
        key = f"wait-{number_}"
        figures[key] = fill_figure(waits.times_s.tolist(), waits.share.tolist(), waits.error.tolist())
        yield plot_beside(key, "Share of quotes with a fill over time", fill_table(account), _FILL_NOTE)
    else:
        yield fill_table(account)
    if account.get("by_distance"):
        yield "<h3>By distance from the mid</h3>\n"
        yield distance_table(account)
    if len(quotes) or account["orders"]["fills"]:
        part = slice_of(run, number_, quotes)
        figures[f"slice-{number_}"] = slice_figure(run.path(number_), part, account["quote"])
        yield f"<h3>Quotes over the book, {duration((part.end_ns - part.start_ns) / 1e9)}</h3>\n"
        yield plot(f"slice-{number_}", "Best prices, own quotes and fills", _SLICE_NOTE)
    yield "</section>\n"


def _name(account: Mapping[str, Any]) -> str:
    return html.escape(f"{account['strategy']} in {account['instrument']}")
