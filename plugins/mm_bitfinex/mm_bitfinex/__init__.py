"""Bitfinex for mm-framework: what the plugin registers. Nothing is built before a factory is called."""

from __future__ import annotations

from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.emulator import emulator_spec
from mm_bitfinex.fees import BitfinexFees
from mm_bitfinex.names import VENUE
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.settings import BitfinexSettings
from mm_bitfinex.sync import RULES
from mm_framework.contracts.spec import (
    AdapterSpec,
    EmulatorSpec,
    FeeModelSpec,
    NormalizerSpec,
    SyncEngineSpec,
)
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
    """Bitfinex spot and perpetuals, captured over WebSocket v2."""
    return [
        AdapterSpec(
            name=VENUE,
            factory=BitfinexAdapter,
            settings=BitfinexSettings,
            description="Bitfinex: book with sequence numbers and checksum, trades, ticker over WebSocket v2",
        )
    ]


@hookimpl
def mm_register_normalizers() -> list[NormalizerSpec]:
    """Frames of WebSocket v2, and REST lists of pairs."""
    return [
        NormalizerSpec(
            name=VENUE,
            factory=lambda settings=None: BitfinexNormalizer(),
            description="Bitfinex WebSocket v2",
        )
    ]


@hookimpl
def mm_register_sync_engines() -> list[SyncEngineSpec]:
    """The numbers of a connection, and the checksum of the best 25 levels."""
    return [
        SyncEngineSpec(
            name=VENUE,
            factory=lambda settings=None: RULES,
            description="Sequence numbers of the connection, CRC-32 of the best 25 levels of each side",
        )
    ]


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """The published schedules."""
    return [
        FeeModelSpec(
            name=VENUE,
            factory=BitfinexFees,
            settings=BitfinexSettings,
            description="Bitfinex's schedules: none since 2025-12-17, tiers with LEO discounts before",
        )
    ]


@hookimpl
def mm_register_emulators() -> list[EmulatorSpec]:
    """The venue's side of WebSocket v2 and public REST."""
    return [emulator_spec]
