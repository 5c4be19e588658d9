"""Settings of the trading part: simulated execution, limits, where best prices come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from mm_framework.contracts.bounds import more_than_zero, zero_or_more
from mm_framework.contracts.decimal_text import above_zero
from mm_framework.settings import section, setting

__all__ = [
    "BacktestSettings",
    "LatencySettings",
    "LimitSettings",
    "MatchingSettings",
    "TradingSettings",
]


@section("trading")
@attrs.frozen
class TradingSettings:
    """The simulated exchange and the market that strategies see."""

    slippage_bps: int = setting(
        10,
        help="What a taker's price is moved against us, in basis points of the best price.",
        validator=zero_or_more,
    )
    max_fill_size: str | None = setting(
        None,
        help="Most that one taker order fills, beside the displayed size; empty: no such cap.",
        validator=above_zero,
    )
    adverse_horizon_s: float = setting(
        1.0,
        help="Time after a fill at which the mid splits adverse selection from inventory profit.",
        validator=zero_or_more,
    )
    fee_decimals: int | None = setting(
        None,
        help="Decimals of the quote currency to which the venue rounds each fee; empty: it is not rounded.",
        validator=zero_or_more,
    )
    fee_rounding: Literal["up", "half_up", "down"] = setting(
        "up", help="How a fee is rounded there: against us, to the nearest (ties away from zero), for us."
    )
    mark: Literal["conservative", "mid"] = setting(
        "conservative",
        help="What a position is worth: what closing it would bring, walking the book, or the mid."
        " Limits of losses are conservative always.",
    )
    price_source: Literal["book", "ticker"] = setting(
        "book", help="Where best prices come from; the other one is only recorded."
    )
    price_sources: Mapping[str, str] = setting(
        {}, help="The same for single instruments: kraken:BTC/EUR=ticker."
    )
    seed: int = setting(0, help="Seed of the random streams that strategies draw from.")

    def __attrs_post_init__(self) -> None:
        for instrument, source in self.price_sources.items():
            if source not in ("book", "ticker"):
                raise ValueError(f"price source of {instrument} is {source!r}, expected book or ticker")


@section("limits")
@attrs.frozen
class LimitSettings:
    """Limits of the allocator, for each strategy and for all together; empty: none.

    Sizes are decimal text in units of the instrument, money in its quote currency. A position counts
    with all that open orders of its side, and replaces on their way, may still fill. Cancels are never
    refused. A limit of all is for all strategies together.
    """

    order_size: str | None = setting(None, help="Largest size of one order.", validator=above_zero)
    order_notional: str | None = setting(
        None, help="Largest price x size of one order, in quote currency.", validator=above_zero
    )
    strategy_position: str | None = setting(
        None, help="Largest position of one strategy in one instrument, long or short.", validator=above_zero
    )
    total_position: str | None = setting(
        None,
        help="Largest position of all strategies in one instrument, long or short.",
        validator=above_zero,
    )
    strategy_open_size: str | None = setting(
        None,
        help="Most that orders of one strategy on one side of an instrument may fill.",
        validator=above_zero,
    )
    total_open_size: str | None = setting(
        None, help="Most that orders of all on one side of an instrument may fill.", validator=above_zero
    )
    total_orders: int = setting(
        1000, help="Most open orders of all strategies together.", validator=zero_or_more
    )
    strategy_rate: int | None = setting(
        None, help="Most orders and replaces of one strategy within any second.", validator=more_than_zero
    )
    total_rate: int | None = setting(
        None, help="Most orders and replaces of all within any second.", validator=more_than_zero
    )
    strategy_loss: str | None = setting(
        None,
        help="Loss of one strategy in a quote currency that stops its orders but those that reduce.",
        validator=above_zero,
    )
    total_loss: str | None = setting(
        None,
        help="Loss of all in a quote currency that stops all orders in it but those that reduce.",
        validator=above_zero,
    )
    loss_from: Literal["peak", "start"] = setting(
        "peak", help="What a loss is measured from: the highest equity, or that at the start."
    )
    on_loss: Literal["cancel", "keep"] = setting(
        "cancel", help="What a loss that stops orders does to those that rest: cancel them, or nothing."
    )
    loss_period_s: float | None = setting(
        None,
        help="Losses are measured anew, and orders go out again, after so long (86400: daily); empty: never.",
        validator=more_than_zero,
    )
    stale_s: float | None = setting(
        None,
        help="Oldest news of an instrument's best prices with which orders go out.",
        validator=more_than_zero,
    )
    spread_bps: int | None = setting(
        None,
        help="Widest spread in basis points of the mid with which orders go out.",
        validator=more_than_zero,
    )


@section("backtest")
@attrs.frozen
class BacktestSettings:
    """How a backtest is watched and what it keeps."""

    grid_s: float = setting(
        1.0, help="Step of the times at which the equity is kept.", validator=more_than_zero
    )
    assumed_feed_ms: float = setting(
        5.0, help="Latency of market data that tells no venue time.", validator=zero_or_more
    )
    longest_feed_s: float = setting(
        60.0,
        help="Longest latency of market data that is believed; 0: it is at the venue when it is here, as in"
        " mm run.",
        validator=zero_or_more,
    )
    engine: Literal["auto", "compiled", "interpreted"] = setting(
        "auto", help="Which engine plays; both say the same. auto: the compiled one where it can."
    )
    watchdog_s: float = setting(
        60.0, help="A run that makes no step for so long is given up.", validator=more_than_zero
    )


@section("order-latency")
@attrs.frozen
class LatencySettings:
    """How long a request takes to the venue (entry), and its answer back (response).

    ``constant``: ``entry_ms``, ``response_ms``. ``feed``: a factor of the latency of the market data that
    came last, and these on top. ``random``: these, and an exponential of the means on top. ``table``:
    measured requests, linear in between.
    """

    model: Literal["constant", "feed", "random", "table"] = setting(
        "constant", help="What latency depends on: nothing, that of the feed, chance, a table of requests."
    )
    entry_ms: float = setting(5.0, help="Way to the venue, without what the model adds.")
    response_ms: float = setting(5.0, help="Way back, without what the model adds.")
    entry_factor: float = setting(
        1.0, help="feed: share of the feed's latency on the way there.", validator=zero_or_more
    )
    response_factor: float = setting(
        1.0, help="feed: share of the feed's latency on the way back.", validator=zero_or_more
    )
    entry_mean_ms: float = setting(
        1.0, help="random: mean of what is added on the way there.", validator=zero_or_more
    )
    response_mean_ms: float = setting(
        1.0, help="random: mean of what is added on the way back.", validator=zero_or_more
    )
    table: str = setting(
        "", help="table: CSV with the columns request_ns, venue_ns, response_ns; venue_ns 0: refused."
    )
    seed: int = setting(0, help="random: seed of the draws.")
    scale: float = setting(1.0, help="Factor of all latencies.", validator=zero_or_more)

    def __attrs_post_init__(self) -> None:
        if self.model in ("constant", "random") and min(self.entry_ms, self.response_ms) < 0:
            raise ValueError(f"entry_ms and response_ms of a {self.model} latency are 0 or more")
        if (self.model == "table") != bool(self.table):
            raise ValueError("model table and table FILE belong together")


_MOST_POWER: Final = 16
"""So that any number of lots to this power is a float."""


def _queue_power(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value <= _MOST_POWER:
        raise ValueError(f"{attribute.name} is {value}, expected more than 0 and at most {_MOST_POWER}")


@section("matching")
@attrs.frozen
class MatchingSettings:
    """The rules by which the simulated venue fills orders; see also slippage and size cap of [trading]."""

    queue: Literal["risk_averse", "power", "power2", "power3", "log", "log2", "optimistic"] = setting(
        "risk_averse", help="Where in the queue a cancel is taken to be: behind us, by chance, all ahead."
    )
    queue_power: float = setting(
        2.0, help="Exponent of the power models, at most 16.", validator=_queue_power
    )
    makers: bool = setting(True, help="Whether resting orders fill at all.")
    takers: Literal["levels", "best"] = setting(
        "levels", help="How far an order takes: all levels within its limit, or the best one only."
    )
    through: Literal["whole", "print"] = setting(
        "whole", help="What a print through a resting order fills: all of it, or at most the print's size."
    )
    vanished: Literal["first", "behind"] = setting(
        "first", help="Where a level that was empty and returns finds our order."
    )
    depletion: bool = setting(False, help="What we took of a level is gone until the level is told anew.")
    on_gap: Literal["keep", "cancel"] = setting(
        "keep", help="What a loss of the market data does to resting orders."
    )
