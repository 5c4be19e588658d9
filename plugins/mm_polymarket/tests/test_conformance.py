"""Polymarket held to the conformance kit: its adapter, frames, proofs, fees and emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, Pong
from mm_framework.model.events import ASK, BID, NULL
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
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS
from mm_polymarket.fees import CATEGORY_RATES, PolymarketFees
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.sync import RULES

POLYMARKET = Venue(
    adapter=PolymarketAdapter,
    normalizer=PolymarketNormalizer,
    rules=RULES,
    instruments=tuple(f"polymarket:{token}" for token in TOKENS[:2]),
    dialect=PolymarketDialect,
    fees=PolymarketFees,
    settings=(PolymarketSettings,),
)
T = 1_778_997_825_875_000_000

GOLDEN = (
    Golden(
        b'{"event_type":"book","asset_id":"65193","market":"0xdde0","timestamp":"1778997825875",'
        b'"bids":[{"price":"0.001","size":"5579792.8"}],"asks":[{"price":"0.006","size":"10139.86"}],'
        b'"tick_size":"0.001"}',
        (
            ToldMessage(
                "book",
                "book",
                "65193",
                ((BID, "0.001", "5579792.8"), (ASK, "0.006", "10139.86")),
                snapshot=True,
                numbers={"ts_venue_ns": T},
            ),
        ),
        controls=(InstrumentInfo("65193", tick_size="0.001"),),
    ),
    Golden(
        b'{"market":"0x84c0","timestamp":"1778997825875","event_type":"price_change","price_changes":['
        b'{"asset_id":"72936","price":"0.53","size":"1608.18","side":"BUY","hash":"4716","best_bid":"0"},'
        b'{"asset_id":"65193","price":"0.47","size":"1608.18","side":"SELL"},'
        b'{"asset_id":"72936","price":"0.52","size":"0","side":"BUY"}]}',
        (
            ToldMessage(
                "book",
                "book",
                "72936",
                ((BID, "0.53", "1608.18"), (BID, "0.52", "0")),
                numbers={"ts_venue_ns": T},
            ),
            ToldMessage("book", "book", "65193", ((ASK, "0.47", "1608.18"),), numbers={"ts_venue_ns": T}),
        ),
    ),
    Golden(
        b'{"event_type":"price_change","asset_id":"72936","market":"0x84c0","timestamp":"1778997825875",'
        b'"changes":[{"price":"0.53","side":"SELL","size":"7"}]}',
        (ToldMessage("book", "book", "72936", ((ASK, "0.53", "7"),), numbers={"ts_venue_ns": T}),),
    ),
    Golden(
        b'{"event_type":"last_trade_price","asset_id":"72936","market":"0x84c0","price":"0.52",'
        b'"size":"219.217767","side":"BUY","fee_rate_bps":"0","timestamp":"1778997825875"}',
        (
            ToldMessage(
                "last_trade_price",
                "trade",
                "72936",
                ((BID, "0.52", "219.217767", NULL, T),),
                numbers={"ts_venue_ns": T},
            ),
        ),
    ),
    Golden(
        b'{"event_type":"best_bid_ask","asset_id":"72936","market":"0x84c0","best_bid":"0.52",'
        b'"best_ask":"0.53","spread":"0.01","timestamp":"1778997825875"}',
        (
            ToldMessage(
                "best_bid_ask",
                "ticker",
                "72936",
                (("0.52", None, "0.53", None),),
                numbers={"ts_venue_ns": T},
            ),
        ),
    ),
    Golden(b"PONG", controls=(Pong(),), kind=FrameClass.CONTROL),
)
"""A frame of each kind, and what it says."""


class TestAdapter(AdapterConformance):
    venue = POLYMARKET


class TestHistory(HistoryConformance):
    venue = POLYMARKET
    resolution_ms = 1000


class TestNormalizer(NormalizerConformance):
    venue = POLYMARKET
    golden = GOLDEN
    malformed = (
        *NormalizerConformance.malformed,
        *(
            GOLDEN[0].frame.replace(old, old + rb"\n")
            for old in (b"65193", b"0xdde0", b'"tick_size":"0.001', b"1778997825875")
        ),
    )

    @pytest.fixture
    def recordings(self, shared_data: Path) -> Sequence[Sequence[Path]]:
        return [[shared_data / "polymarket" / "ws_market_frames_edited_a_202412.ndjson"]]


class TestSync(SyncConformance):
    venue = POLYMARKET
    diffs = 60


class TestFees(FeeModelConformance):
    venue = POLYMARKET
    tiers = tuple(
        PolymarketFees(PolymarketSettings(fee_rate=rate))
        for rate in sorted({rate for rate, _ in CATEGORY_RATES.values()}, reverse=True)
    )


class TestEmulator(EmulatorConformance):
    venue = POLYMARKET
    seeds = 2
