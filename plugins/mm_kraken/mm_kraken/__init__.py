"""Kraken spot for mm-framework: what the plugin registers. Nothing is built before a factory is called."""

from __future__ import annotations

from mm_framework.contracts.spec import (
    AdapterSpec,
    EmulatorSpec,
    FeeModelSpec,
    NormalizerSpec,
    SyncEngineSpec,
)
from mm_framework.hookspecs import hookimpl
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import emulator_spec
from mm_kraken.fees import KrakenFees
from mm_kraken.names import VENUE
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.settings import KrakenSettings
from mm_kraken.sync import RULES

__all__ = [
    "mm_register_adapters",
    "mm_register_emulators",
    "mm_register_fee_models",
    "mm_register_normalizers",
    "mm_register_sync_engines",
]


@hookimpl
def mm_register_adapters() -> list[AdapterSpec]:
    """Kraken spot, captured over WebSocket v2."""
    return [
        AdapterSpec(
            name=VENUE,
            factory=KrakenAdapter,
            settings=KrakenSettings,
            description="Kraken spot: book with checksum, trades, ticker over WebSocket v2",
        )
    ]


@hookimpl
def mm_register_normalizers() -> list[NormalizerSpec]:
    """Frames of both wire versions, and REST AssetPairs."""
    return [
        NormalizerSpec(
            name=VENUE,
            factory=lambda settings=None: KrakenNormalizer(),
            description="Kraken WebSocket v2, and v1 of old recordings",
        )
    ]


@hookimpl
def mm_register_sync_engines() -> list[SyncEngineSpec]:
    """The checksum of the best ten levels, and numbered trades."""
    return [
        SyncEngineSpec(
            name=VENUE,
            factory=lambda settings=None: RULES,
            description="CRC-32 of the best 10 levels of each side, trades by number",
        )
    ]


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """The published tiers."""
    return [
        FeeModelSpec(
            name=VENUE,
            factory=KrakenFees,
            settings=KrakenSettings,
            description="Kraken's tiers for crypto pairs, by the 30-day volume of venue.kraken",
        )
    ]


@hookimpl
def mm_register_emulators() -> list[EmulatorSpec]:
    """The venue's side of WebSocket v2 and public REST."""
    return [emulator_spec]
