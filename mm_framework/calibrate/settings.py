"""Settings of calibration: what is measured of each symbol, how it is scored, where it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from mm_framework.contracts.bounds import more_than_zero, tcp_port, zero_or_more
from mm_framework.settings import section, setting

__all__ = ["CollectorSettings", "MdCacheSettings", "PrometheusSettings", "ScoreboardSettings"]


def _share(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{attribute.name} is {value}, expected more than 0 and at most 1")


def _shares(_: object, attribute: attrs.Attribute[Any], values: Mapping[str, float]) -> None:
    for symbol, value in values.items():
        if not 0 < value <= 1:
            raise ValueError(f"{attribute.name} of {symbol} is {value}, expected more than 0 and at most 1")


@section("collectors")
@attrs.frozen
class CollectorSettings:
    """The ten features of each symbol."""

    alpha: float = setting(0.1, help="Weight of a new sample in the moving averages.", validator=_share)
    alphas: Mapping[str, float] = setting(
        {}, help="The same for single symbols, by the venue's name: BTCUSDT=0.2.", validator=_shares
    )
    pnl_target_bps: float = setting(
        0.0, help="Profit in basis points of turnover from which pnl_dev is the distance."
    )
    sample_s: float = setting(
        1.0, help="Grid on which mid prices are sampled for vol_realized, seconds.", validator=more_than_zero
    )
    adverse_horizon_s: float = setting(
        1.0,
        help="Time after a fill at which adverse_move_bps looks at the mid, seconds.",
        validator=more_than_zero,
    )


@section("md_cache")
@attrs.frozen
class MdCacheSettings:
    """The market-data cache of a run."""

    enabled: bool = setting(
        False,
        help="Send no order on a stale book: it is asked for anew over REST first, where the venue has that.",
        aliases=("md_cache",),
    )
    ttl_ms: float = setting(100.0, help="Age from which a book is stale.", validator=more_than_zero)
    fresh_ms_for_pricing: float = setting(
        60.0,
        help="Age from which a book is stale for pricing; tested before the other.",
        validator=more_than_zero,
    )
    stale_ok: bool = setting(
        True, help="A general request is given a stale book, which is refreshed behind its back."
    )
    invalidate_on_ws_gap_ms: float = setting(
        300.0,
        help="Length of a loss of the stream after which its book is forgotten.",
        validator=zero_or_more,
    )
    guard_timeout_ms: float = setting(
        50.0, help="Time that an order waits for a fresh book; then it is refused.", validator=more_than_zero
    )


@section("scoreboard")
@attrs.frozen
class ScoreboardSettings:
    """What the score of a symbol is made of. Parts that are unknown leave their weight to the others."""

    net_bps: float = setting(0.4, help="Weight of the profit after fees.", validator=zero_or_more)
    fill_rate: float = setting(0.2, help="Weight of the fill rate.", validator=zero_or_more)
    slippage: float = setting(0.2, help="Weight of the slippage, less being better.", validator=zero_or_more)
    queue_edge: float = setting(
        0.1, help="Weight of the time that the queue ahead needs, less being better.", validator=zero_or_more
    )
    adverse_move: float = setting(
        0.1, help="Weight of the adverse move after fills, less being better.", validator=zero_or_more
    )
    full_bps: float = setting(
        10.0, help="Basis points of profit that score 1, of cost that score 0.", validator=more_than_zero
    )
    half_eta_ms: float = setting(
        1000.0, help="Time of a queue that scores a half, milliseconds.", validator=more_than_zero
    )


@section("prometheus")
@attrs.frozen
class PrometheusSettings:
    """The page of metrics of a run or a capture."""

    port: int | None = setting(
        None,
        help="Show metrics on http://127.0.0.1:PORT/metrics, on a free port when 0; empty: nowhere.",
        validator=tcp_port,
    )
