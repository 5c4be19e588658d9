"""Results of backtests side by side on one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mm_framework.results.bundle import Result
from mm_framework.results.doubts import ONE_QUEUE, doubts
from mm_framework.results.figures import (
    PNL_PARTS,
    Figure,
    equities_figure,
    markouts_figure,
    parts_figure,
)
from mm_framework.results.page_tables import table
from mm_framework.results.series import equity_line
from mm_framework.results.shell import plot, plot_beside, shell
from mm_framework.results.words import bps, number, share

__all__ = ["MOST_RESULTS", "compare_page"]

MOST_RESULTS: Final = 5
"""Results that are drawn; the tables have all of them."""

_NOTHING: Final = {**dict.fromkeys((key for key, _, _ in PNL_PARTS), "0"), "total": "0"}


def compare_page(results: Mapping[str, Result], settings: Mapping[str, Sequence[object]]) -> str:
    """The HTML. ``results`` by the names that the reader knows; ``settings`` in which they differ, by path.

    Raises EnvironmentFailed without plotly, StoreError for a bundle that is not whole.
    """
    figures: dict[str, Figure] = {}
    body = "".join(_body(results, settings, figures))
    return shell(", ".join(results), "results of backtests side by side", body, figures)


def _body(
    results: Mapping[str, Result], settings: Mapping[str, Sequence[object]], figures: dict[str, Figure]
) -> Iterator[str]:
    names = list(results)
    rows = [(path, *map(_told, values)) for path, values in settings.items()]
    told = table(("setting", *names), rows) if rows else "<p>All settings are the same.</p>"
    yield f"<section>\n<h2>What is different</h2>\n{told}</section>\n"
    quotes = sorted({quote for one in results.values() for quote in one.summary["by_quote"]})
    for place, quote in enumerate(quotes):
        yield from _of_quote(results, place, quote, figures)
    for place, key in enumerate(_accounts(results)):
        yield from _of_account(results, place, key, figures)
    doubted = {name: doubts(result.summary, result.document) for name, result in results.items()}
    if len({_queue(result) for result in results.values()}) > 1:
        doubted = {
            name: [one for one in found if not one.startswith(ONE_QUEUE)] for name, found in doubted.items()
        }
    lines = "".join(_doubts(name, found) for name, found in doubted.items())
    yield f'<section class="doubts"><h2>Before you believe it</h2>{lines}</section>\n'


def _told(value: object) -> str:
    return "\N{EN DASH}" if value is None else str(value)


def _of_quote(
    results: Mapping[str, Result], place: int, quote: str, figures: dict[str, Figure]
) -> Iterator[str]:
    drawn = dict(list(results.items())[:MOST_RESULTS])
    of = {name: one.summary["by_quote"].get(quote, {}) for name, one in results.items()}
    pnls = {name: one.get("pnl", _NOTHING) for name, one in of.items()}
    lines = {name: equity_line(one.columns(), quote) for name, one in drawn.items()}
    figures[f"equity-{place}"] = equities_figure(lines, quote)
    figures[f"parts-{place}"] = parts_figure(pnls, quote)
    yield f"<section>\n<h2>Equity, {html.escape(quote)}</h2>\n"
    yield plot(f"equity-{place}", "Equity of each result over time")
    yield f"</section>\n<section>\n<h2>Where the profit came from, {html.escape(quote)}</h2>\n"
    rows = [
        (part, *(number(sign * float(pnl[key])) for pnl in pnls.values())) for key, part, sign in PNL_PARTS
    ]
    rows.append(("total", *(number(float(pnl["total"])) for pnl in pnls.values())))
    falls = [one.get("drawdown", {}).get("most") for one in of.values()]
    rows.append(("deepest drawdown", *map(number, falls)))
    tables = table(("", *results), rows, quote)
    yield plot_beside(f"parts-{place}", "Parts of the profit of each result", tables)
    yield "</section>\n"


def _accounts(results: Mapping[str, Result]) -> list[tuple[str, str]]:
    return sorted({_key(one) for result in results.values() for one in result.summary["accounts"]})


def _key(account: Mapping[str, Any]) -> tuple[str, str]:
    return account["strategy"], account["instrument"]


def _of_account(
    results: Mapping[str, Result], place: int, key: tuple[str, str], figures: dict[str, Figure]
) -> Iterator[str]:
    found = {
        name: one
        for name, result in results.items()
        for one in result.summary["accounts"]
        if _key(one) == key
    }
    traded = {name: one["markouts"] for name, one in found.items() if one["orders"]["fills"]}
    yield f"<section>\n<h2>{html.escape(' in '.join(key))}</h2>\n"
    rows = [(name, *(show(found[one]) if one in found else "" for one in results)) for name, show in _ROWS]
    tables = table(("", *results), rows)
    if traded:
        figures[f"markouts-{place}"] = markouts_figure(dict(list(traded.items())[:MOST_RESULTS]))
        yield plot_beside(f"markouts-{place}", "Markouts of each result over horizons", tables)
    else:
        yield tables
    yield "</section>\n"


def _markout(account: Mapping[str, Any]) -> str:
    second = next((one for one in account["markouts"] if one["horizon_s"] == 1), account["markouts"][0])
    return bps(second["markout"]["mean_bps"])


_ROWS: Final = (
    ("fills", lambda one: f"{one['orders']['fills']:,}"),
    ("quotes", lambda one: f"{one['orders']['quotes']:,}"),
    ("orders with a fill", lambda one: share(one["orders"]["fill_ratio_orders"])),
    ("taker share by volume", lambda one: share(one["orders"]["taker_share_volume"])),
    ("came too late", lambda one: share(one["orders"]["too_late_share"])),
    ("markout after 1 s, bps", _markout),
    ("filled within 1 s", lambda one: share(one["time_to_fill"]["within_1_s"])),
    ("time with both quotes", lambda one: share(one["quoting"]["both"])),
    ("largest position", lambda one: one["inventory"]["most"]),
    ("mean position", lambda one: number(one["inventory"]["mean"])),
)


def _queue(result: Result) -> object:
    return (result.document.get("models") or {}).get("queue")


def _doubts(name: str, found: Sequence[str]) -> str:
    lines = "".join(f"<li>{html.escape(one)}</li>" for one in found)
    return f"<h3>{html.escape(name)}</h3><ul>{lines or '<li>nothing was found</li>'}</ul>"
