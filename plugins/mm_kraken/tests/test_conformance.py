"""Kraken held to the conformance kit: its adapter, frames, proofs, fees and emulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mm_framework.contracts.normalizer import FrameClass, Subscribed
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
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.fees import TIERS, KrakenFees
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.settings import KrakenSettings
from mm_kraken.sync import RULES

KRAKEN = Venue(
    adapter=KrakenAdapter,
    normalizer=KrakenNormalizer,
    rules=RULES,
    instruments=("kraken:BTC/EUR", "kraken:MINA/GBP"),
    dialect=KrakenDialect,
    fees=KrakenFees,
    settings=(KrakenSettings,),
)
RECORDINGS = (
    "v2_book25_MINA-GBP_20260816.ndjson",
    "v2_book10_BTC-USD_20230730_restored.ndjson.gz",
    "v1_trade_5pairs_20210417.ndjson.gz",
    "v1_ticker_5pairs_20210417.ndjson.gz",
)
T = 1_790_000_000_123_456_000

GOLDEN = (
    Golden(
        b'{"channel":"book","type":"update","data":[{"symbol":"BTC/EUR","bids":[{"price":50000.1,"qty":0.00500000}'
        b'],"asks":[{"price":50000.2,"qty":0}],"checksum":4294967295,"timestamp":"2026-09-21T14:13:20.123456Z"}]}',
        (
            ToldMessage(
                "book",
                "book",
                "BTC/EUR",
                ((BID, "50000.1", "0.00500000"), (ASK, "50000.2", "0")),
                numbers={"checksum": 4294967295, "ts_venue_ns": T},
            ),
        ),
    ),
    Golden(
        b'{"channel":"trade","type":"update","data":[{"symbol":"MINA/GBP","side":"sell","price":0.0600,'
        b'"qty":12.5,"ord_type":"limit","trade_id":7,"timestamp":"2026-09-21T14:13:20.123456Z"}]}',
        (
            ToldMessage(
                "trade",
                "trade",
                "MINA/GBP",
                ((ASK, "0.0600", "12.5", 7, T),),
                numbers={"ts_venue_ns": T},
            ),
        ),
    ),
    Golden(
        b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/EUR","bid":50000.1,"bid_qty":1.5,'
        b'"ask":50000.2,"ask_qty":0,"last":50000.1,"volume":3}]}',
        (ToldMessage("ticker", "ticker", "BTC/EUR", (("50000.1", "1.5", None, None),)),),
    ),
    Golden(
        b'[1360,{"a":[["50000.2","0.10000000","1790000000.123456"]],"c":"1"},"book-10","XBT/EUR"]',
        (
            ToldMessage(
                "book",
                "book",
                "XBT/EUR",
                ((ASK, "50000.2", "0.10000000"),),
                numbers={"checksum": 1, "ts_venue_ns": T, "depth": 10},
            ),
        ),
    ),
    Golden(
        b'{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/EUR"},'
        b'"success":true,"time_in":"2026-09-21T14:13:20.123456Z","time_out":"2026-09-21T14:13:20.123456Z",'
        b'"req_id":7}',
        controls=(Subscribed("book", "BTC/EUR", depth=10, req_id=7, time_in_ns=T, time_out_ns=T),),
        kind=FrameClass.CONTROL,
    ),
    Golden(b'{"channel":"heartbeat"}', kind=FrameClass.HEARTBEAT),
)
"""A frame of each kind, and what it says."""


class TestAdapter(AdapterConformance):
    venue = KRAKEN


class TestHistory(HistoryConformance):
    venue = KRAKEN


class TestNormalizer(NormalizerConformance):
    venue = KRAKEN
    golden = GOLDEN
    malformed = (*NormalizerConformance.malformed, GOLDEN[0].frame.replace(b"BTC/EUR", rb"BTC/EUR\n"))

    @pytest.fixture
    def recordings(self, shared_data: Path) -> Sequence[Sequence[Path]]:
        return [[shared_data / "kraken" / name] for name in RECORDINGS]


class TestSync(SyncConformance):
    venue = KRAKEN


class TestFees(FeeModelConformance):
    venue = KRAKEN
    tiers = tuple(KrakenFees(KrakenSettings(volume_30d_usd=volume)) for volume, _, _ in TIERS)


class TestEmulator(EmulatorConformance):
    venue = KRAKEN
