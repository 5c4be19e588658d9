"""A sweep as one HTML page that needs nothing else: what was swept, a heat map, the best and worst points."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mm_framework.results.figures import Figure
from mm_framework.results.heat import MEASURES, Axis, Outcome, View, axes_of, axis_of, groups, outcomes
from mm_framework.results.heat_figures import heat_figure, one_figure, width_px
from mm_framework.results.page_tables import facts, stands_on, table
from mm_framework.results.shell import plot, shell
from mm_framework.results.words import DASH, number, share

__all__ = ["sweep_page"]

SHOWN: Final = 10
"""Best points that are listed, and as many worst ones."""
FAILED: Final = 20
FEW: Final = 12
"""Values of a parameter that are listed one by one."""


def sweep_page(document: Mapping[str, Any], view: View | None = None) -> str:
    """The HTML of ``sweep.json``. The same document gives the same text.

    Raises ConfigError for a view of parameters that were not swept, EnvironmentFailed without plotly.
    """
    figures: dict[str, Figure] = {}
    points = document["points"]
    body = "".join(_body(document, points, view or View(), figures))
    names = list(dict.fromkeys(name for one in points for name in one["parameters"]))
    strategies = ", ".join(sorted(document["configuration"]["strategies"]))
    told = f"{len(points):,} points, {_named(document['data']['instruments'])}"
    return shell(f"{strategies} over {', '.join(names)}", told, body, figures)


def _body(
    document: Mapping[str, Any], points: Sequence[Mapping[str, Any]], view: View, figures: dict[str, Figure]
) -> Iterator[str]:
    x, y = axes_of(points, view)
    measure = MEASURES[view.measure]
    quotes = _quotes(points) if measure.money else [""]
    found = {quote: outcomes(points, view.measure, quote) for quote in quotes}
    yield _cards(points, found, measure.label)
    yield _doubts(document, points)
    yield f"<section>\n<h2>What was swept</h2>\n{_swept(document, points)}</section>\n"
    for place, (quote, some) in enumerate(found.items()):
        title = html.escape(f"{measure.label}, {quote}" if quote else measure.label)
        yield f"<section>\n<h2>{title[0].upper()}{title[1:]}</h2>\n"
        yield _chart(f"heat-{place}", some, points, x, y, view.measure, quote, figures)
        yield _ranked(points, some, view.measure, quote)
        yield f"{_alone(points, some)}</section>\n"
    yield _failed(points)
    stands = stands_on(document)
    yield (
        '<section class="stands">\n<h2>What this stands on</h2>\n'
        f"<p>Settings are those of point 0; what the points differ in stands above.</p>{stands}</section>\n"
    )


def _quotes(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Currencies in which anything was traded; a nameless one where nothing was."""
    found = {quote for one in points for quote in (one["summary"] or {}).get("by_quote", {})}
    return sorted(found) or [""]


def _cards(points: Sequence[Mapping[str, Any]], found: Mapping[str, Sequence[Outcome]], label: str) -> str:
    failed = sum(not one["ok"] for one in points)
    cards = [("points", f"{len(points):,}"), *([("failed", f"{failed:,}")] if failed else [])]
    for quote, some in found.items():
        values = [one.value for one in some]
        if not values:
            continue
        unit = f", {quote}" if quote else ""
        cards.append((f"median of {label}{unit}", number(statistics.median(values))))
        cards.append((f"least to most{unit}", f"{number(min(values))} to {number(max(values))}"))
        if quote and label == MEASURES["total"].label:
            cards.append((f"points with a profit{unit}", share(sum(one > 0 for one in values) / len(values))))
    shown = "".join(
        f'<div class="card"><span>{html.escape(name)}</span><b>{html.escape(value)}</b></div>'
        for name, value in cards
    )
    return f'<div class="cards">{shown}</div>\n'


def _doubts(document: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"The best of {len(points):,} points looks better than it is: the choice fits the data that it was"
        " made on. Play it on days that the sweep has not seen.",
        "A good point among bad ones is luck more often than a good region is.",
    ]
    if (policy := document["data"]["qa"]) != "pass":
        lines.append(f"Data of quality {policy} was taken, not only what passed.")
    if failed := sum(not one["ok"] for one in points):
        lines.append(f"{failed:,} points failed and are in no chart and no rank.")
    told = "".join(f"<li>{html.escape(one)}</li>" for one in lines)
    return f'<section class="doubts"><h2>Before you believe it</h2><ul>{told}</ul></section>\n'


def _swept(document: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> str:
    data, configuration = document["data"], document["configuration"]
    rows = [("strategy", ", ".join(sorted(configuration["strategies"])))]
    for name in dict.fromkeys(name for one in points for name in one["parameters"]):
        rows.append((name, _values([one["parameters"][name] for one in points])))
    if document["samples"] is not None:
        rows.append(("drawn", f"{document['samples']:,} combinations at most, seed {document['seed']}"))
    rows += [
        ("instruments", ", ".join(data["instruments"])),
        ("days", _named(sorted({key.split(" ")[1] for key in data["partitions"]}))),
        ("from, to", f"{data['from'] or 'the beginning'}, {data['to'] or 'the end'}"),
        ("quality", data["qa"]),
        ("fee model", configuration["fee_model"]["name"]),
        ("digest of the store", data["store_digest"]),
        ("made by", data["made_by"]),
    ]
    return facts(rows)


def _values(values: Sequence[str]) -> str:
    known = axis_of("", values)
    ordered = list(known.places)
    if len(ordered) <= FEW:
        return ", ".join(ordered)
    return f"{len(ordered):,} values, {ordered[0]} to {ordered[-1]}"


def _named(names: Sequence[str]) -> str:
    """Some names, the rest as a number."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _chart(
    key: str,
    found: Sequence[Outcome],
    points: Sequence[Mapping[str, Any]],
    x: Axis,
    y: Axis | None,
    word: str,
    quote: str,
    figures: dict[str, Figure],
) -> str:
    if not found:
        return "<p>No point was played to its end.</p>\n"
    measure, at = MEASURES[word], groups(found, x, y)
    others = [name for name in points[0]["parameters"] if name not in (x.name, "" if y is None else y.name)]
    note = f"<p class='soft'>Median over {html.escape(', '.join(others))}.</p>\n" if others else ""
    if y is None:
        figures[key] = one_figure(at, x, measure, quote)
        return plot(key, f"{measure.label} over {x.name}") + note
    figures[key] = heat_figure(at, x, y, measure, quote)
    shown = plot(key, f"{measure.label} over {x.name} and {y.name}")
    room = f'<div class="wide"><div style="min-width:{width_px(x, y)}px">{shown}</div></div>\n'
    return f"{room}<p class='soft'>Outlined: the best one.</p>\n{note}"


def _ranked(points: Sequence[Mapping[str, Any]], found: Sequence[Outcome], word: str, quote: str) -> str:
    if not found:
        return ""
    measure = MEASURES[word]
    head = "<h3>Best and worst points</h3>\n"
    ordered = sorted(found, key=lambda one: (-measure.better * one.value, one.point))
    if len(ordered) <= 2 * SHOWN:
        return head + _rows(points, ordered, word, quote, "all, the best first")
    best = _rows(points, ordered[:SHOWN], word, quote, f"the best {SHOWN}")
    worst = _rows(points, ordered[-SHOWN:], word, quote, f"the worst {SHOWN}, the last one is the worst")
    return f"{head}{best}<p></p>{worst}"


def _rows(
    points: Sequence[Mapping[str, Any]], some: Sequence[Outcome], word: str, quote: str, caption: str
) -> str:
    names = list(dict.fromkeys(name for one in points for name in one["parameters"]))
    words = [word, *(one for one in ("total", "drawdown", "fees", "fills") if one != word)]
    words = [one for one in words if quote or not MEASURES[one].money]
    rows = []
    for one in some:
        values = [outcomes([points[one.point]], of, quote)[0].value for of in words]
        rows.append((f"{one.point}", *one.parameters.values(), *map(number, values)))
    head = ("point", *names, *(MEASURES[of].label for of in words))
    return table(head, rows, f"{caption}; {quote}" if quote else caption)


def _alone(points: Sequence[Mapping[str, Any]], found: Sequence[Outcome]) -> str:
    """Each parameter by itself, where there are several."""
    names = list(dict.fromkeys(name for one in points for name in one["parameters"]))
    if len(names) < 2 or not found:
        return ""
    tables = []
    for name in names:
        axis = axis_of(name, (one["parameters"][name] for one in points))
        at = groups(found, axis, None)
        rows = []
        for place, label in enumerate(axis.labels):
            one = at.get((place, 0))
            told = (DASH,) * 3 if one is None else tuple(map(number, (one.median, one.least, one.most)))
            rows.append((label, f"{0 if one is None else one.count:,}", *told))
        tables.append(f"<h4>{html.escape(name)}</h4>{table(('', 'points', 'median', 'least', 'most'), rows)}")
    return f"<details><summary>Each parameter by itself</summary>{''.join(tables)}</details>\n"


def _failed(points: Sequence[Mapping[str, Any]]) -> str:
    failed = [one for one in points if not one["ok"]]
    if not failed:
        return ""
    rows = []
    for one in failed[:FAILED]:
        told = ", ".join(f"{name} {value}" for name, value in one["parameters"].items())
        rows.append((f"point {one['point']}: {told}", str(one["error"])))
    more = f"the first {FAILED} of {len(failed):,}" if len(failed) > FAILED else ""
    return f"<section>\n<h2>Points that failed</h2>\n{facts(rows, more)}</section>\n"
