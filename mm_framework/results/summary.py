"""The summary of a run: one JSON document of all that is measured. Pure.

Currencies are never added: profit, drawdown and performance stand once for each quote currency, markouts,
inventory and execution once for each account. Amounts of the ledger are exact decimal text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.contracts.strategy import units
from mm_framework.model.fixed import text
from mm_framework.results.carrying import Charge, carrying
from mm_framework.results.columns import RunColumns
from mm_framework.results.distances import AtDistance, by_distance, own_rate
from mm_framework.results.equity import Drawdown, beyond, drawdown, equity, event_times, finest, grid
from mm_framework.results.execution import Counts, Survival, counts, own_share, quoting, time_to_fill
from mm_framework.results.inventory import inventory
from mm_framework.results.lives import Lives, lives
from mm_framework.results.markouts import HORIZONS_NS, BlockMean, Curve, curve
from mm_framework.results.path import Instrument, Ints
from mm_framework.results.performance import DAY_NS, Performance, performance
from mm_framework.trading.ledger import AMOUNTS, Money, by_quote
from mm_framework.trading.results import money_text
from mm_framework.trading.settings import LimitSettings

__all__ = ["GRID_NS", "OWN_SHARE_LIMIT", "summarize"]

GRID_NS: Final = 1_000_000_000
STEPS_NS: Final = (GRID_NS, 60 * GRID_NS, DAY_NS)
OWN_SHARE_LIMIT: Final = 0.05
WITHIN_S: Final = (1.0, 10.0, 60.0)


def summarize(
    run: RunColumns,
    limits: LimitSettings | None = None,
    horizons_ns: Sequence[int] = HORIZONS_NS,
    charge: Charge | None = None,
    grid_ns: int = GRID_NS,
) -> dict[str, Any]:
    """The summary. ``limits``: those of the run, for the share of time at the limit of a position;
    ``charge``: what a taker pays, for the cost to be flat. ``grid_ns``: the step of the run's marks; nothing
    is told of profits by shorter steps.
    """
    span_ns = (run.start_ns, run.end_ns)
    quotes = lives(run.reports, run.end_ns)
    return {
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
        "fills": len(run.fills),
        "trusted_share": {name: _trusted(run, name) for name in sorted(run.paths)},
        "by_quote": {
            name: _by_quote(run, name, money, grid_ns) for name, money in by_quote(run.results).items()
        },
        "accounts": [
            _account(run, one, quotes.where(quotes.account == one), span_ns, limits, horizons_ns, charge)
            for one in range(len(run.accounts))
        ],
    }


def _by_quote(run: RunColumns, quote: str, money: Money, grid_ns: int) -> dict[str, Any]:
    steps_ns = _steps(grid_ns)
    times_ns = grid(run.start_ns, run.end_ns, steps_ns[0])
    on_grid = _drawdown(run, times_ns, equity(run, quote, times_ns))
    in_detail = _drawdown(run, *finest(run, quote))
    most = max(on_grid.most, in_detail.most)
    return {
        "pnl": _pnl(money),
        "drawdown": {
            "most": most,
            "most_on_grid": on_grid.most,
            "mean": on_grid.mean,
            "longest_s": max(on_grid.longest_ns, in_detail.longest_ns) / 1e9,
        },
        "performance": [
            _performance(performance(_profits(run, quote, step_ns), step_ns, most)) for step_ns in steps_ns
        ],
    }


def _steps(grid_ns: int) -> list[int]:
    """Of `STEPS_NS` those that marks on a grid tell of; the grid's own step first where the first one is none
    of these.
    """
    told = [one for one in STEPS_NS if one % grid_ns == 0]
    return told if told[:1] == [max(grid_ns, GRID_NS)] else [grid_ns, *told]


def _drawdown(run: RunColumns, times_ns: Ints, values: npt.NDArray[np.float64]) -> Drawdown:
    """Times of a grid before the run and after it are its start and its end."""
    return drawdown(np.clip(times_ns, run.start_ns, run.end_ns), values)


def _profits(run: RunColumns, quote: str, step_ns: int) -> npt.NDArray[np.float64]:
    """Profits by step; the first and the last may be shorter than a step."""
    return np.diff(equity(run, quote, grid(run.start_ns, run.end_ns, step_ns)))


def _pnl(money: Money) -> dict[str, str]:
    return {name: money_text(getattr(money, name), money.scale) for name in AMOUNTS}


def _performance(one: Performance) -> dict[str, Any]:
    found = attrs.asdict(one, recurse=False)
    step_ns, tails = found.pop("step_ns"), found.pop("tails")
    return {
        "step_s": step_ns / 1e9,
        **found,
        "tails": [{**attrs.asdict(one), "few": one.few} for one in tails],
    }


def _trusted(run: RunColumns, name: str) -> float | None:
    """The share of the run in which the market was trusted."""
    path, whole = run.paths[name], run.end_ns - run.start_ns
    if not whole or not len(path):
        return None
    edges = np.clip(np.append(path.ts_ns, run.end_ns), run.start_ns, run.end_ns)
    return float(np.diff(edges)[path.trusted].sum() / whole)


def _account(
    run: RunColumns,
    number: int,
    quotes: Lives,
    span_ns: tuple[int, int],
    limits: LimitSettings | None,
    horizons_ns: Sequence[int],
    charge: Charge | None,
) -> dict[str, Any]:
    strategy, name = run.accounts[number]
    path, fills, reports = run.path(number), run.fills.of(number), run.reports.of(number)
    instrument = path.instrument
    result = next((one for one in run.results if (one.strategy, one.instrument) == (strategy, name)), None)
    limit = None if limits is None or limits.strategy_position is None else limits.strategy_position
    most = None if limit is None else units(limit, instrument.size_scale, up=False)
    held = inventory(fills, span_ns, most)
    share = own_share(quotes, path)
    known = share[np.isfinite(share)]
    ahead = quotes.ahead[np.isfinite(quotes.ahead)]
    return {
        "strategy": strategy,
        "instrument": name,
        "quote": instrument.quote,
        "pnl": None if result is None else _pnl(result.money),
        "fills_without_mid": 0 if result is None else result.fills_without_mid,
        "stale_mark": False if result is None else result.stale,
        "beyond_best_level": beyond(fills, path, event_times(run)),
        "inventory": {
            "last": text(held.last, instrument.size_scale),
            "most": text(held.most, instrument.size_scale),
            "mean": held.mean * instrument.size_unit,
            "rms": held.rms * instrument.size_unit,
            "at_limit": held.at_limit,
            "held_s": None if held.held_ns is None else held.held_ns / 1e9,
            "turnover": money_text(held.turnover, instrument.money_scale),
        },
        "carrying": attrs.asdict(carrying(run, number, charge)),
        "orders": _orders(counts(reports, fills), instrument),
        "quoting": attrs.asdict(quoting(quotes, path, span_ns)),
        "time_to_fill": _survival(time_to_fill(quotes)),
        "by_distance": [_at_distance(one) for one in by_distance(quotes, path)],
        "own_rate": _rate(own_rate(quotes, path)),
        "queue_ahead": _quartiles(ahead),
        "own_share": {
            **_quartiles(known),
            "over_limit": float((known > OWN_SHARE_LIMIT).mean()) if len(known) else None,
        },
        "markouts": [_curve(one) for one in curve(fills, path, span_ns, horizons_ns)],
    }


def _orders(found: Counts, instrument: Instrument) -> dict[str, Any]:
    sizes = {
        name: text(getattr(found, name), instrument.size_scale) for name in ("submitted", "filled", "taken")
    }
    ratios = {
        name: getattr(found, name)
        for name in (
            "fill_ratio_orders", "fill_ratio_volume", "fill_rate", "taker_share_volume", "taker_share_count",
            "cancel_to_fill", "too_late_share",
        )
    }  # fmt: skip
    return {**attrs.asdict(found), "refused": dict(found.refused), **sizes, **ratios}


def _survival(found: Survival) -> dict[str, Any]:
    within = {f"within_{time_s:g}_s": found.within(time_s) for time_s in WITHIN_S}
    return {"quotes": found.quotes, "filled": found.filled, "median_s": found.median_s, **within}


def _at_distance(one: AtDistance) -> dict[str, Any]:
    ticks = {"from_ticks": one.from_ticks, "to_ticks": one.to_ticks}
    told = {name: value if math.isfinite(value) else None for name, value in ticks.items()}
    return {**told, "exposed_s": one.exposed_s, **_survival(one.survival)}


def _rate(found: tuple[float, float] | None) -> dict[str, float] | None:
    return None if found is None else {"a_per_s": found[0], "k_per_tick": found[1]}


def _quartiles(values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    names = ("p25", "median", "p75", "most")
    if not len(values):
        return dict.fromkeys(names)
    return dict(zip(names, np.percentile(values, (25, 50, 75, 100)).tolist(), strict=True))


def _curve(one: Curve) -> dict[str, Any]:
    def told(mean: BlockMean) -> dict[str, Any]:
        return {"mean_bps": mean.mean, "error_bps": mean.error, "interval_bps": mean.interval}

    return {
        "horizon_s": one.horizon_ns / 1e9,
        "fills": one.fills,
        "unknown": one.unknown,
        "cut": one.cut,
        "block_s": one.block_ns / 1e9,
        "blocks": one.markout.blocks,
        **{name: told(getattr(one, name)) for name in ("edge", "adverse", "markout", "per_fill")},
    }
