"""Polymarket for mm-framework: what the plugin registers. Nothing is built before a factory is called."""

from __future__ import annotations

from mm_framework.contracts.spec import (
    AdapterSpec,
    EmulatorSpec,
    FeeModelSpec,
    NormalizerSpec,
    SyncEngineSpec,
)
from mm_framework.hookspecs import hookimpl
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import emulator_spec
from mm_polymarket.fees import PolymarketFees
from mm_polymarket.names import VENUE
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.sync import RULES

__all__ = [
    "mm_register_adapters",
    "mm_register_emulators",
    "mm_register_fee_models",
    "mm_register_normalizers",
    "mm_register_sync_engines",
]


@hookimpl
def mm_register_adapters() -> list[AdapterSpec]:
    """Polymarket's public market channel."""
    return [
        AdapterSpec(
            name=VENUE,
            factory=PolymarketAdapter,
            settings=PolymarketSettings,
            description="Polymarket: books of outcome tokens with hashes, trades, best prices",
        )
    ]


@hookimpl
def mm_register_normalizers() -> list[NormalizerSpec]:
    """Frames of the market channel, and REST books and market lists."""
    return [
        NormalizerSpec(
            name=VENUE,
            factory=lambda settings=None: PolymarketNormalizer(),
            description="Polymarket's market channel, all forms since 2024, and REST",
        )
    ]


@hookimpl
def mm_register_sync_engines() -> list[SyncEngineSpec]:
    """The hash of the whole book, where it can be computed."""
    return [
        SyncEngineSpec(
            name=VENUE,
            factory=lambda settings=None: RULES,
            description="SHA-1 of the whole book where the venue tells all that it covers",
        )
    ]


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """The taker's rate as an upper bound."""
    return [
        FeeModelSpec(
            name=VENUE,
            factory=PolymarketFees,
            settings=PolymarketSettings,
            description="Polymarket's taker fee at most: the rate of venue.polymarket on the notional",
        )
    ]


@hookimpl
def mm_register_emulators() -> list[EmulatorSpec]:
    """The venue's side of the market channel and public REST."""
    return [emulator_spec]
