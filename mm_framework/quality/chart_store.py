"""The chart of an instrument of a store: best prices, the book's depth, verdicts with their reasons."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from mm_framework.bundle.times import DAY_NS, FIRST_NS, LAST_NS, format_utc, parse_utc
from mm_framework.errors import StoreError
from mm_framework.model.instrument import Definition
from mm_framework.quality.chart_depth import view_book
from mm_framework.quality.settings import LatencySettings
from mm_framework.report.chart import Chart, Mark, Tops
from mm_framework.report.marks import mark, within
from mm_framework.report.page import MOST_ROWS
from mm_framework.report.thin import ROWS_A_SLOT, thin
from mm_framework.store.manifest import Stored, Stretch, Verdict
from mm_framework.store.reader import Store

__all__ = ["chart_of_store"]

_SILENCE_NS: Final = 10**9
"""A shorter time between two runs is not marked."""

Holes = Sequence[tuple[int, int]]


def chart_of_store(
    store: Store,
    instrument: str,
    from_ns: int = FIRST_NS,
    to_ns: int = LAST_NS,
    latency: LatencySettings | None = None,
    most_rows: int = MOST_ROWS,
) -> Chart:
    """One instrument between two receive times (half-open), whatever its verdict.

    With more than ``most_rows`` best prices each day keeps its share of them, no extreme being lost. Raises
    ConfigError for an instrument that the store does not have, StoreError when it has no best price then.
    """
    latency = latency or LatencySettings()
    stored = store.partitions([instrument], from_ns, to_ns)
    start_ns, end_ns = _span(stored, instrument, from_ns, to_ns)
    selection = store.events([instrument], from_ns, to_ns, "any")
    book = view_book(selection, start_ns, end_ns)
    rows = 0
    runs: list[tuple[str, Tops]] = []
    dates = sorted({one.partition.date for one in stored})
    for date in dates:
        midnight = parse_utc(date)
        table = store.bbo([instrument], max(midnight, from_ns), min(midnight + DAY_NS, to_ns), "any")
        rows += table.num_rows
        runs += _runs(table.to_arrow(), book.holes, max(1, most_rows // len(dates)))
    if not rows:
        raise StoreError(
            f"the store {store.root.url} has no best price of {instrument} in that time: `mm store list`"
            " tells what it holds"
        )
    of_run = itertools.groupby(runs, key=lambda pair: pair[0])
    verdict = Verdict.worst(one.verdict for one in stored)
    base, quote = _units(selection.definitions[-1])
    return Chart(
        name=instrument,
        tops=Tops.joined(Tops.chained(tops for _, tops in parts) for _, parts in of_run),
        rows=rows,
        quote=quote,
        base=base,
        status=verdict.status,
        notes=_notes(rows, stored, verdict, start_ns, end_ns),
        depth=book.depth,
        marks=within(_marks(stored, instrument), start_ns, end_ns),
        normal_max_ms=latency.normal_max_ms,
        degraded_max_ms=latency.degraded_max_ms,
    )


def _span(stored: Sequence[Stored], instrument: str, from_ns: int, to_ns: int) -> tuple[int, int]:
    """First and last receive time that the store may have in that time."""
    found = _stretches(stored, instrument)
    start = min((stretch.first_ns for _, stretch in found), default=0)
    end = max((stretch.last_ns for _, stretch in found), default=0)
    return max(start, from_ns), min(end, to_ns - 1)


def _stretches(stored: Sequence[Stored], instrument: str) -> list[tuple[Stored, Stretch]]:
    """What the store has of the instrument, in order of time, with the partition."""
    found = [
        (one, stretch)
        for one in stored
        for part in one.parts
        for stretch in part.stretches
        if stretch.instrument == instrument
    ]
    return sorted(found, key=lambda pair: pair[1].first_ns)


def _runs(table: pa.Table, holes: Holes, most_rows: int) -> Iterator[tuple[str, Tops]]:
    """The best prices of a day, run by run, of all of them no more than so many."""
    sessions = table["session_id"].combine_chunks().dictionary_encode()
    codes = sessions.indices.to_numpy()
    cuts = np.flatnonzero(np.diff(codes)) + 1
    for start, stop in itertools.pairwise((0, *cuts.tolist(), len(codes))):
        if stop > start:
            slots = most_rows * (stop - start) // len(codes) // ROWS_A_SLOT
            tops = _tops(table.slice(start, stop - start), holes)
            yield sessions.dictionary[int(codes[start])].as_py(), thin(tops, max(1, slots))


def _tops(table: pa.Table, holes: Holes) -> Tops:
    """Best prices as they are drawn: none where the book is not the venue's, and those of before after it."""
    raw = Tops(
        table["ts_capture"].to_numpy(),
        *(table[name].cast(pa.float64()).to_numpy() for name in ("bid", "ask", "adjusted_age_ms")),
    )
    trusted = table["trusted"].to_numpy()
    edges = np.array([edge for hole in holes for edge in hole if edge > raw.ts_ns[0]], np.int64)
    edges = edges[edges <= raw.ts_ns[-1]]
    before = np.searchsorted(raw.ts_ns, edges, side="right") - 1
    order = np.argsort(np.concatenate([raw.ts_ns, edges]), kind="stable")
    source = np.concatenate([np.arange(len(raw)), before])[order]
    is_edge = order >= len(raw)
    tops = raw.part(source)
    times = np.concatenate([raw.ts_ns, edges])[order]
    known = trusted[source] | is_edge
    for start, end in holes:
        known[np.searchsorted(times, start) : np.searchsorted(times, end)] = False
    return Tops(
        times,
        np.where(known, tops.bid, np.nan),
        np.where(known, tops.ask, np.nan),
        np.where(is_edge, np.nan, tops.age_ms),
    )


def _marks(stored: Sequence[Stored], instrument: str) -> Iterator[Mark]:
    """What the verdicts say, and the times between runs."""
    for one in stored:
        for start, end, flag in one.verdict.intervals:
            yield mark(start, end, "out", flag)
        for start, end, flag in one.verdict.tagged:
            yield mark(start, end, "warned", flag)
    last_ns: int | None = None
    for one, stretch in _stretches(stored, instrument):
        if one.verdict.status == "REJECT":
            flags = ", ".join(one.verdict.flags)
            yield mark(stretch.first_ns, stretch.last_ns, "out", f"rejected: {flags}")
        if last_ns is not None and stretch.first_ns - last_ns > _SILENCE_NS:
            yield mark(last_ns, stretch.first_ns, "gap", "not recorded")
        last_ns = max(stretch.last_ns, last_ns or stretch.last_ns)


def _units(definition: Definition) -> tuple[str, str]:
    """What sizes and prices are counted in, empty where the venue does not say."""
    base, _, quote = definition.id.partition(":")[2].partition("/")
    return definition.base or (base if quote else ""), definition.quote or quote


def _notes(rows: int, stored: Sequence[Stored], verdict: Verdict, start_ns: int, end_ns: int) -> list[str]:
    runs = len({part.run for one in stored for part in one.parts})
    start, end = (format_utc(ns)[:19].replace("T", " ") for ns in (start_ns, end_ns))
    told = [f"{start} to {end} UTC, {rows} best prices of {runs} {'run' if runs == 1 else 'runs'}"]
    if verdict.flags:
        left_out = sum(b - a for a, b, _ in verdict.intervals) / 1e9
        told.append(f"flags: {', '.join(verdict.flags)}; left out {left_out:.3f} s")
    return told
