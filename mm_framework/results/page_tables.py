"""The tables of a result's page, as HTML. All text that comes from data is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mm_framework.bundle.times import format_utc
from mm_framework.results.figures import PNL_PARTS
from mm_framework.results.words import DASH, amounts, bps, duration, number, share

__all__ = [
    "distance_table",
    "facts",
    "fill_table",
    "inventory_table",
    "ladder_table",
    "markout_table",
    "pnl_table",
    "risk_table",
    "stands_on",
    "table",
]


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", sum_last: bool = False
) -> str:
    """A table of texts; all columns but the first are numbers."""
    shown = list(rows)
    told = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    heads = "".join(f"<th{_number(place)}>{html.escape(cell)}</th>" for place, cell in enumerate(head))
    lines = []
    for place, row in enumerate(shown):
        cells = "".join(f"<td{_number(k)}>{html.escape(cell)}</td>" for k, cell in enumerate(row))
        last = ' class="sum"' if sum_last and place == len(shown) - 1 else ""
        lines.append(f"<tr{last}>{cells}</tr>")
    head_row = f"<tr>{heads}</tr>" if head else ""
    return f'<div class="wide"><table class="numbers">{told}{head_row}{"".join(lines)}</table></div>'


def facts(rows: Iterable[tuple[str, str]], caption: str = "") -> str:
    """Names and what they are, for reading."""
    told = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    lines = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f'<div class="wide"><table class="facts">{told}{lines}</table></div>'


def _number(place: int) -> str:
    return ' class="n"' if place else ""


def pnl_table(pnl: Mapping[str, str], quote: str) -> str:
    """The terms of the identity, exactly, with their sum."""
    terms = [(name, _negated(pnl[key]) if sign < 0 else pnl[key]) for key, name, sign in PNL_PARTS]
    shown = amounts([text for _, text in terms] + [pnl["total"]])
    names = [*(f"{'' if not place else '+ '}{name}" for place, (name, _) in enumerate(terms)), "= total"]
    rows = list(zip(names, shown, strict=True))
    return table(("", quote), rows, "exact, to the last digit", sum_last=True)


def _negated(text: str) -> str:
    if text.strip("0.") == "":
        return text
    return text[1:] if text.startswith("-") else f"-{text}"


def risk_table(found: Mapping[str, Any], quote: str) -> str:
    """Drawdown, and for each grid mean, ratios and tail."""
    fall = found["drawdown"]
    rows = [
        ("deepest drawdown", f"{number(fall['most'])} {quote}"),
        ("mean drawdown", f"{number(fall['mean'])} {quote}"),
        ("longest time under water", duration(fall["longest_s"])),
    ]
    steps = [one for one in found["performance"] if one["n"] > 1]
    head = ("by step of", *(duration(one["step_s"]) for one in steps))
    lines = [
        ("steps", *(f"{one['n']:,}" for one in steps)),
        ("mean profit", *(number(one["mean"]) for one in steps)),
        ("its 95 % interval", *(_interval(one["interval"]) for one in steps)),
        ("Sharpe ratio by the year", *(_with_error(one) for one in steps)),
        ("with autocorrelation", *(number(one["sharpe_adjusted"], 3) for one in steps)),
        ("Sortino", *(number(one["sortino"], 3) for one in steps)),
        ("Calmar", *(number(one["calmar"], 3) for one in steps)),
    ]
    for place in range(2):
        level = f"{100 * steps[0]['tails'][place]['level']:.0f} %" if steps else ""
        if steps:
            lines.append((f"VaR {level}", *(_tail(one["tails"][place], "var") for one in steps)))
            lines.append((f"ES {level}", *(_tail(one["tails"][place], "es") for one in steps)))
    note = "* fewer than 10 points in the tail"
    return table(("", ""), rows) + (table(head, lines, f"profits by step, {quote}; {note}") if steps else "")


def _interval(interval: Sequence[float] | None) -> str:
    return DASH if interval is None else f"{number(interval[0], 3)} to {number(interval[1], 3)}"


def _with_error(one: Mapping[str, Any]) -> str:
    if one["sharpe"] is None:
        return DASH
    return f"{number(one['sharpe'], 3)} \N{PLUS-MINUS SIGN} {number(one['sharpe_error'], 2)}"


def _tail(tail: Mapping[str, Any], name: str) -> str:
    return f"{number(tail[name])}{'*' if tail['few'] else ''}"


def markout_table(curves: Sequence[Mapping[str, Any]]) -> str:
    """Means and intervals by horizon, in basis points."""
    head = ("after", "edge", "adverse", "markout", "95 %", "per fill", "unknown", "cut")
    rows = []
    for one in curves:
        error = one["markout"]["error_bps"]
        rows.append(
            (
                duration(one["horizon_s"]),
                *(bps(one[name]["mean_bps"]) for name in ("edge", "adverse", "markout")),
                DASH if error is None else f"\N{PLUS-MINUS SIGN}{1.96 * error:.2f}",
                bps(one["per_fill"]["mean_bps"]),
                *(f"{one[name]:,}" for name in ("unknown", "cut")),
            )
        )
    blocks = ", ".join(dict.fromkeys(duration(one["block_s"]) for one in curves))
    fills = f"{curves[0]['fills']:,} fills; " if curves else ""
    return table(head, rows, f"{fills}bps of the mid, by size; errors over blocks of {blocks}")


def fill_table(account: Mapping[str, Any]) -> str:
    """Orders, fills and quoting of an account."""
    orders, quoting, wait = account["orders"], account["quoting"], account["time_to_fill"]
    refused = ", ".join(f"{n:,} {reason}" for reason, n in sorted(orders["refused"].items()))
    ahead, own = account["queue_ahead"], account["own_share"]
    rows = [
        ("orders accepted / placed", f"{orders['accepted']:,} / {orders['placed']:,}"),
        ("refused", refused or "none"),
        ("quotes (orders and moves)", f"{orders['quotes']:,}"),
        ("fills", f"{orders['fills']:,}, size {orders['filled']}"),
        ("fill ratio by orders / volume", _both(orders["fill_ratio_orders"], orders["fill_ratio_volume"])),
        ("fills / quotes", share(orders["fill_rate"])),
        (
            "taker share by volume / count",
            _both(orders["taker_share_volume"], orders["taker_share_count"]),
        ),
        ("cancelled orders / filled orders", number(orders["cancel_to_fill"], 3)),
        ("cancels and moves that came too late", share(orders["too_late_share"])),
        ("half of the quotes filled within", duration(wait["median_s"])),
        ("filled within 1 s / 10 s / 60 s", " / ".join(share(wait[f"within_{n}_s"]) for n in (1, 10, 60))),
        ("lots ahead on arrival, median", number(ahead["median"], 3)),
        ("time with a bid / an ask / both", _shares(quoting, "bid", "ask", "both")),
        ("time at the best bid / ask", _shares(quoting, "best_bid", "best_ask")),
        ("own size / best level, median / most", f"{share(own['median'])} / {share(own['most'])}"),
    ]
    return facts(rows)


def distance_table(account: Mapping[str, Any]) -> str:
    """How soon quotes were filled, by their distance from the mid as they came to rest."""
    rows = []
    for one in account["by_distance"]:
        low, high = (DASH if one[name] is None else f"{one[name]:g}" for name in ("from_ticks", "to_ticks"))
        within = [share(one[f"within_{n}_s"]) for n in (1, 10, 60)]
        rows.append((f"{low} to {high}", f"{one['quotes']:,}", f"{one['filled']:,}", *within))
    rate = account["own_rate"]
    told = (
        "no rate fits them"
        if rate is None
        else (f"first fills at {rate['a_per_s']:.3g} exp(-{rate['k_per_tick']:.3g} d) a second, d in ticks")
    )
    return table(("ticks", "quotes", "filled", "in 1 s", "in 10 s", "in 60 s"), rows, told)


def _both(one: float | None, two: float | None) -> str:
    return f"{share(one)} / {share(two)}"


def _shares(found: Mapping[str, Any], *names: str) -> str:
    return " / ".join(share(found[name]) for name in names)


def inventory_table(accounts: Sequence[Mapping[str, Any]]) -> str:
    """Of each account what it held."""
    head = (
        "account", "at the end", "most", "mean", "held for", "at the limit", "turnover",
        "to be flat: mean, most", "and as taker: mean, most",
    )  # fmt: skip
    rows = []
    for one in accounts:
        held, costs = one["inventory"], one.get("carrying", {})
        rows.append(
            (
                f"{one['strategy']}, {one['instrument']}",
                *amounts([held["last"], held["most"]]),
                number(held["mean"]),
                duration(held["held_s"]),
                share(held["at_limit"]),
                f"{number(float(held['turnover']))} {one['quote']}",
                _cost(costs.get("spread")),
                _cost(costs.get("fee")),
            )
        )
    return table(
        head,
        rows,
        "sizes in the base currency; mean by time, without sign; to be flat: what closing a position at once"
        " would lose against the mid, in quote currency, and what a taker would pay for it",
    )


def _cost(one: Mapping[str, Any] | None) -> str:
    return DASH if one is None else f"{number(one['mean'])}, {number(one['most'])}"


def ladder_table(ladder: Sequence[Mapping[str, Any]], quote: str) -> str:
    """What is left of the profit when all latencies are as many times as long."""
    head = ("latency", "fills", *(name for _, name, _ in PNL_PARTS), "total")
    nothing = {**dict.fromkeys((key for key, _, _ in PNL_PARTS), "0"), "total": "0"}
    rows = []
    for rung in ladder:
        pnl = rung["by_quote"].get(quote, nothing)
        terms = [sign * float(pnl[key]) for key, _, sign in PNL_PARTS]
        shown = [number(value, 5) for value in (*terms, float(pnl["total"]))]
        rows.append((f"x {rung['scale']:g}", f"{rung['fills']:,}", *shown))
    return table(head, rows, quote)


def stands_on(document: Mapping[str, Any]) -> str:
    """What the result says of its making, part by part."""
    parts = []
    for key, name in _STANDS.items():
        value = document.get(key)
        if value not in (None, {}, [], ""):
            told = facts(_flat(value))
            folded = f"<details><summary>{name}</summary>{told}</details>"
            parts.append(folded if key in _FOLDED else f"<h3>{name}</h3>{told}")
    return "".join(parts)


_STANDS = {
    "data": "Data",
    "models": "Models",
    "timeline": "Clocks",
    "hashes": "Hashes",
    "versions": "Versions",
    "configuration": "Settings",
}


_FOLDED = ("versions", "configuration")
"""Parts that are long: shown when they are asked for."""


def _flat(value: Any, name: str = "") -> Iterable[tuple[str, str]]:
    """Nested values as rows, by name; lists of plain values on one line."""
    if isinstance(value, Mapping):
        for key, one in sorted(value.items()):
            yield from _flat(one, f"{name} \N{RIGHTWARDS ARROW} {key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        if any(isinstance(one, Mapping) for one in value):
            for place, one in enumerate(value, start=1):
                yield from _flat(one, f"{name} {place}")
        elif value and all(isinstance(one, (list, tuple)) for one in value):
            yield name, "; ".join(" ".join(map(str, one)) for one in value)
        else:
            yield name, ", ".join(map(str, value)) or "none"
    else:
        yield name, _value(name, value)


def _value(name: str, value: Any) -> str:
    """One value; a number of ns that is a time as that time."""
    if value is None or value == "":
        return DASH
    if name.endswith("ns") and isinstance(value, int) and value > 10**18:
        return format_utc(value)
    return str(value)
