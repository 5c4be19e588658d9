"""Binance for mm-framework: what the plugin registers. Nothing is built before a factory is called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mm_binance.adapter import BinanceAdapter
from mm_binance.emulator import emulator_specs
from mm_binance.fees import SPOT_FEES, USDM_FEES, BinanceFees, Schedule
from mm_binance.markets import MARKETS, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.settings import SETTINGS
from mm_binance.sync import rules_of
from mm_framework.contracts.spec import (
    AdapterSpec,
    EmulatorSpec,
    FeeModelSpec,
    NormalizerSpec,
    SyncEngineSpec,
)
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.hookspecs import hookimpl

__all__ = [
    "mm_register_adapters",
    "mm_register_emulators",
    "mm_register_fee_models",
    "mm_register_normalizers",
    "mm_register_sync_engines",
]


@hookimpl
def mm_register_adapters() -> list[AdapterSpec]:
    """Every market, each a venue of its own."""
    return [
        AdapterSpec(
            name=market.venue,
            factory=partial(BinanceAdapter, market),
            settings=SETTINGS[market.venue],
            description=f"{market.title}: book by update numbers, trades, best prices over combined streams",
        )
        for market in MARKETS
    ]


@hookimpl
def mm_register_normalizers() -> list[NormalizerSpec]:
    """Raw and combined frames, REST depth and exchangeInfo."""
    return [
        NormalizerSpec(
            name=market.venue,
            factory=_normalizer(market),
            description=f"{market.title}: raw and combined streams, REST depth and exchangeInfo",
        )
        for market in MARKETS
    ]


def _normalizer(market: Market) -> Callable[..., BinanceNormalizer]:
    return lambda settings=None: BinanceNormalizer(market)


@hookimpl
def mm_register_sync_engines() -> list[SyncEngineSpec]:
    """Update numbers, joined to a REST snapshot; numbered trades."""
    return [
        SyncEngineSpec(
            name=market.venue,
            factory=_rules(market),
            description=("previous number (pu)" if market.futures else "first number (U)")
            + " of each update after a REST snapshot, trades by number",
        )
        for market in MARKETS
    ]


def _rules(market: Market) -> Callable[..., SyncRules]:
    return lambda settings=None: rules_of(market)


@hookimpl
def mm_register_emulators() -> list[EmulatorSpec]:
    """The venue's side of every market."""
    return emulator_specs()


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """Spot and USD-M futures; for the others the rates are not known."""
    return [_fees(SPOT_FEES), _fees(USDM_FEES)]


def _fees(schedule: Schedule) -> FeeModelSpec:
    venue = schedule.market.venue
    factory: Any = partial(BinanceFees, schedule)
    return FeeModelSpec(
        name=venue,
        factory=factory,
        settings=SETTINGS[venue],
        description=f"{schedule.market.title}: the VIP level and discount of venue.{venue}",
    )
