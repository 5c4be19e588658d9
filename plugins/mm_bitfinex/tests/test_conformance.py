"""Bitfinex held to the conformance kit: its adapter, frames, proofs, fees and emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.emulator import BitfinexDialect
from mm_bitfinex.fees import TIERS, BitfinexFees
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.settings import BitfinexSettings
from mm_bitfinex.sync import RULES
from mm_framework.contracts.normalizer import Alive, FrameClass
from mm_framework.model.events import ASK, BID
from mm_framework.testing.conformance import (
    AdapterConformance,
    EmulatorConformance,
    FeeModelConformance,
    Golden,
    HistoryConformance,
    NormalizerConformance,
    SyncConformance,
    ToldMessage,
    Venue,
)

BITFINEX = Venue(
    adapter=BitfinexAdapter,
    normalizer=BitfinexNormalizer,
    rules=RULES,
    instruments=("bitfinex:BTC/USD", "bitfinex:ETH/USD"),
    dialect=BitfinexDialect,
    fees=BitfinexFees,
    settings=(BitfinexSettings,),
)
T = 1_734_237_017_719_000_000
BEFORE = (
    b'{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25",'
    b'"pair":"BTCUSD"}',
    b'{"event":"subscribed","channel":"trades","chanId":8,"symbol":"tBTCUSD","pair":"BTCUSD"}',
    b'{"event":"subscribed","channel":"ticker","chanId":9,"symbol":"tBTCUSD","pair":"BTCUSD"}',
    b"[7,[[6443,5,5.26056135]]]",
)

GOLDEN = (
    Golden(
        b"[7,[6442.9,2,-1.17073057]]",
        (ToldMessage("book", "book", "tBTCUSD", ((ASK, "6442.9", "1.17073057"),)),),
        before=BEFORE,
    ),
    Golden(
        b"[7,[6442.9,0,1]]",
        (ToldMessage("book", "book", "tBTCUSD", ((BID, "6442.9", "0"),)),),
        before=BEFORE,
    ),
    Golden(
        b'[8,"te",[5690221201,1734237017719,0.00991467,102570]]',
        (
            ToldMessage(
                "trades",
                "trade",
                "tBTCUSD",
                ((BID, "102570", "0.00991467", 5690221201, T),),
                numbers={"ts_venue_ns": T},
            ),
        ),
        before=BEFORE,
    ),
    Golden(
        b"[9,[102570,12.5,102580,7.25,-100,-0.001,102575,1234.5,103000,101000]]",
        (ToldMessage("ticker", "ticker", "tBTCUSD", (("102570", None, "102580", None),), snapshot=True),),
        before=BEFORE,
    ),
    Golden(b'[7,"hb"]', controls=(Alive("book", "tBTCUSD"),), kind=FrameClass.HEARTBEAT, before=BEFORE),
)
"""A frame of each kind, and what it says."""


class TestAdapter(AdapterConformance):
    venue = BITFINEX


class TestHistory(HistoryConformance):
    venue = BITFINEX


class TestNormalizer(NormalizerConformance):
    venue = BITFINEX
    golden = GOLDEN
    malformed = (*NormalizerConformance.malformed, BEFORE[0].replace(b'"tBTCUSD"', rb'"tBTCUSD\n"'))

    @pytest.fixture
    def recordings(self, shared_data: Path) -> Sequence[Sequence[Path]]:
        return [[shared_data / "bitfinex" / "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"]]


class TestSync(SyncConformance):
    venue = BITFINEX


class TestFees(FeeModelConformance):
    venue = BITFINEX
    tiers = tuple(
        BitfinexFees(BitfinexSettings(fee_schedule="2019-06-20", volume_30d_usd=least))
        for least, _, _ in TIERS
    )


class TestEmulator(EmulatorConformance):
    venue = BITFINEX
