"""Execution statistics: how much was filled, how soon, and how well the market was quoted. Pure.

A ratio whose denominator is zero is None, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.results.columns import Fills, Reports
from mm_framework.results.lives import Lives
from mm_framework.results.path import Ints, TopPath, moments

__all__ = ["Counts", "Quoting", "Survival", "counts", "kaplan_meier", "own_share", "quoting", "time_to_fill"]

Floats = npt.NDArray[np.float64]


@attrs.frozen
class Counts:
    """Orders, requests and fills of one account; sizes in size units.

    ``refused``: reasons in words and how often. ``too_late``: cancels and moves of orders that had been
    filled by then; ``changes``: all cancels and moves that arrived.
    """

    placed: int
    accepted: int
    filled_orders: int
    quotes: int
    fills: int
    submitted: int
    filled: int
    taken: int
    taker_fills: int
    cancelled: int
    expired: int
    changes: int
    too_late: int
    refused: Mapping[str, int]

    @property
    def fill_ratio_orders(self) -> float | None:
        """Orders with a fill / orders accepted."""
        return _ratio(self.filled_orders, self.accepted)

    @property
    def fill_ratio_volume(self) -> float | None:
        """Size filled / size submitted with orders that were accepted."""
        return _ratio(self.filled, self.submitted)

    @property
    def fill_rate(self) -> float | None:
        """Fills / quotes, a quote being an order accepted or moved."""
        return _ratio(self.fills, self.quotes)

    @property
    def taker_share_volume(self) -> float | None:
        """Size taken / all size filled."""
        return _ratio(self.taken, self.filled)

    @property
    def taker_share_count(self) -> float | None:
        """Fills that took / all fills."""
        return _ratio(self.taker_fills, self.fills)

    @property
    def cancel_to_fill(self) -> float | None:
        """Orders cancelled / orders with a fill."""
        return _ratio(self.cancelled, self.filled_orders)

    @property
    def too_late_share(self) -> float | None:
        """Cancels and moves that came too late / all that arrived."""
        return _ratio(self.too_late, self.changes)


def counts(reports: Reports, fills: Fills) -> Counts:
    """Of one account."""
    place, change = reports.kind == IntentKind.PLACE, np.isin(reports.kind, _CHANGES)
    fine = reports.refusal == 0
    sizes = dict(zip(reports.order[fine].tolist(), reports.size[fine].tolist(), strict=True))
    done = reports.order[reports.state == OrderState.FILLED]
    late = change & (reports.refusal == Refusal.UNKNOWN_ORDER) & np.isin(reports.order, done)
    codes, refused = np.unique(reports.refusal[~fine], return_counts=True)
    ended = fine & (reports.filled == 0)
    return Counts(
        placed=int(place.sum()),
        accepted=len(np.unique(reports.order[place & fine])),
        filled_orders=len(np.unique(fills.order)),
        quotes=int((fine & (place | (reports.kind == IntentKind.REPLACE))).sum()),
        fills=len(fills),
        submitted=sum(sizes.values()),
        filled=int(fills.size.sum()),
        taken=int(fills.size[~fills.maker].sum()),
        taker_fills=int((~fills.maker).sum()),
        cancelled=int((ended & (reports.state == OrderState.CANCELLED)).sum()),
        expired=int((ended & (reports.state == OrderState.EXPIRED)).sum()),
        changes=int(change.sum()),
        too_late=int(late.sum()),
        refused={Refusal(code).text: n for code, n in zip(codes.tolist(), refused.tolist(), strict=True)},
    )


_CHANGES = (int(IntentKind.CANCEL), int(IntentKind.REPLACE))


@attrs.frozen(eq=False)
class Survival:
    """The share of quotes that has a fill within a time, as Kaplan and Meier estimate it.

    ``times_s``: at which it grows; ``share``: from then on; ``error``: Greenwood's. ``quotes``, ``filled``:
    how many there were, and how many were seen to fill.
    """

    times_s: Floats
    share: Floats
    error: Floats
    quotes: int
    filled: int

    def within(self, time_s: float) -> float | None:
        """The share that has a fill after a time; None without any quote."""
        if not self.quotes:
            return None
        place = int(np.searchsorted(self.times_s, time_s, side="right"))
        return float(self.share[place - 1]) if place else 0.0

    @property
    def median_s(self) -> float | None:
        """When half of the quotes have a fill; None when that was never seen."""
        reached = np.flatnonzero(self.share >= 0.5)
        return float(self.times_s[reached[0]]) if len(reached) else None


def kaplan_meier(lasted_s: Floats, filled: npt.NDArray[np.bool_]) -> Survival:
    """``lasted_s``: until the first fill, or until the quote was gone for another reason.

    Of equal times the fills come first.
    """
    times, place = np.unique(lasted_s, return_inverse=True)
    deaths = np.bincount(place, filled, len(times)).astype(np.float64)
    gone = np.bincount(place, minlength=len(times))
    at_risk = len(lasted_s) - np.concatenate([[0], np.cumsum(gone)[:-1]]) if len(times) else gone
    left = np.cumprod(1 - deaths / np.maximum(at_risk, 1))
    with np.errstate(divide="ignore"):
        terms = np.where(at_risk > deaths, deaths / (at_risk * np.maximum(at_risk - deaths, 1)), 0.0)
    error = left * np.sqrt(np.cumsum(terms))
    seen = deaths > 0
    return Survival(times[seen], 1 - left[seen], error[seen], len(lasted_s), int(filled.sum()))


def time_to_fill(quotes: Lives) -> Survival:
    """The survival of lives: until the first fill, censored by whatever else ended them."""
    filled = quotes.first_fill_ns != NULL
    until_ns = np.where(filled, quotes.first_fill_ns, quotes.end_ns)
    return kaplan_meier((until_ns - quotes.start_ns) / 1e9, filled)


@attrs.frozen
class Quoting:
    """Shares of a time during which an account had an order at the venue; None of no time.

    ``bid``, ``ask``: on that side; ``both``; ``best_bid``, ``best_ask``: at the best price or better.
    """

    bid: float | None
    ask: float | None
    both: float | None
    best_bid: float | None
    best_ask: float | None


def quoting(quotes: Lives, path: TopPath, span_ns: tuple[int, int]) -> Quoting:
    """``quotes``: the lives of one account, ``path``: its market."""
    start_ns, end_ns = span_ns
    edges = (np.array(span_ns), path.ts_ns, quotes.start_ns, quotes.end_ns)
    times = moments(*(np.clip(one, start_ns, end_ns) for one in edges))
    spent, times = np.diff(times).astype(np.float64), times[:-1]
    whole = float(end_ns - start_ns)
    if not whole:
        return Quoting(None, None, None, None, None)
    at = path.at(times)
    up, at_best = {}, {}
    for side, column in ((1, path.bid), (-1, path.ask)):
        own = _best(quotes.where(quotes.side == side), side, times)
        best = path.value(column, at)
        up[side] = own != NULL
        at_best[side] = up[side] & (best != NULL) & (side * (own - best) >= 0)

    def share(flags: npt.NDArray[np.bool_]) -> float:
        return float(spent[flags].sum() / whole)

    return Quoting(share(up[1]), share(up[-1]), share(up[1] & up[-1]), share(at_best[1]), share(at_best[-1]))


def _best(quotes: Lives, side: int, times: Ints) -> Ints:
    """The best own price of a side at times, NULL where there is none."""
    quotes = quotes.where(quotes.end_ns > quotes.start_ns)
    moments = np.concatenate([quotes.start_ns, quotes.end_ns])
    steps = np.repeat([1, -1], len(quotes))
    prices = np.tile(quotes.price * side, 2)
    order = np.lexsort((steps, moments))
    open_ones: dict[int, int] = {}
    seen_ns, best = [], []
    for moment, step, price in zip(*(one[order].tolist() for one in (moments, steps, prices)), strict=True):
        left = open_ones.get(price, 0) + step
        if left:
            open_ones[price] = left
        else:
            del open_ones[price]
        seen_ns.append(moment)
        best.append(max(open_ones) * side if open_ones else NULL)
    if not seen_ns:
        return np.full(len(times), NULL)
    rows = np.searchsorted(np.array(seen_ns), times, side="right") - 1
    return np.where(rows >= 0, np.array(best, np.int64)[np.maximum(rows, 0)], NULL)


def own_share(quotes: Lives, path: TopPath) -> Floats:
    """Own size / size displayed at the best price of that side, of each life as it came to rest.

    NaN where there is no such side. Beyond some per cent, what history would have answered is not known.
    """
    at = path.at(quotes.start_ns)
    shown = np.where(quotes.side > 0, path.value(path.bid_size, at), path.value(path.ask_size, at))
    return np.where((shown != NULL) & (shown > 0), quotes.size / np.maximum(shown, 1), np.nan)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
