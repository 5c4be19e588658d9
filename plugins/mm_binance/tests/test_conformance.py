"""Binance spot and USD-M futures held to the conformance kit: adapter, frames, proofs, fees, emulator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from mm_binance.adapter import BinanceAdapter
from mm_binance.emulator import BinanceDialect
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.fees import SPOT_FEES, USDM_FEES, BinanceFees
from mm_binance.markets import SPOT, USDM, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.settings import SETTINGS
from mm_binance.sync import rules_of
from mm_framework.contracts.normalizer import FrameClass, Pong, Subscribed
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


def venue(market: Market, *instruments: str) -> Venue:
    schedule = {SPOT.venue: SPOT_FEES, USDM.venue: USDM_FEES}[market.venue]
    return Venue(
        adapter=partial(BinanceAdapter, market),
        normalizer=partial(BinanceNormalizer, market),
        rules=rules_of(market),
        instruments=instruments,
        dialect=partial(BinanceDialect, market),
        fees=partial(BinanceFees, schedule),
        settings=(SETTINGS[market.venue], BinanceEmulatorSettings),
    )


BINANCE = venue(SPOT, "binance:BTC/USDT", "binance:ETH/USDT")
FUTURES = venue(USDM, "binance-usdm:BTC/USDT:PERP", "binance-usdm:ETH/USDT:PERP")
RECORDING = "spot_NKNUSDT_LRCBTC_20211012.ndjson.gz"
FUTURES_RECORDING = "usdm_SUSHIUSDT_AKROUSDT_20210722.ndjson.gz"
T = 1_672_515_782_136_000_000
MS = 1_000_000

DEPTH = (
    b'{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"],["0.0023","0"]],'
    b'"a":[["0.0026","100"]]}'
)
LEVELS = ((BID, "0.0024", "10"), (BID, "0.0023", "0"), (ASK, "0.0026", "100"))
SPOT_DEPTH = ToldMessage(
    "depth", "book", "BNBBTC", LEVELS, numbers={"first": 157, "last": 160, "ts_venue_ns": T}
)
ASKED = b'{"id":7,"method":"SUBSCRIBE","params":["bnbbtc@depth@100ms","bnbbtc@trade"]}'

GOLDEN = (
    Golden(b'{"stream":"bnbbtc@depth@100ms","data":%b}' % DEPTH, (SPOT_DEPTH,)),
    Golden(DEPTH, (SPOT_DEPTH,)),
    Golden(
        b'{"stream":"bnbbtc@trade","data":{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001",'
        b'"q":"100","T":1672515782135,"m":true,"M":true}}',
        (
            ToldMessage(
                "trade",
                "trade",
                "BNBBTC",
                ((ASK, "0.001", "100", 12345, T - MS),),
                numbers={"ts_venue_ns": T - MS},
            ),
        ),
    ),
    Golden(
        b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66"}',
        (
            ToldMessage(
                "bookTicker",
                "ticker",
                "BNBUSDT",
                (("25.35190000", "31.21000000", "25.36520000", "40.66"),),
                numbers={"last": 400900217},
            ),
        ),
    ),
    Golden(
        b'{"result":null,"id":7}',
        controls=(Subscribed("depth", "BNBBTC", req_id=7), Subscribed("trade", "BNBBTC", req_id=7)),
        kind=FrameClass.CONTROL,
        sent=(ASKED,),
    ),
    Golden(
        b'{"result":["bnbbtc@trade"],"id":8}',
        controls=(Pong(8),),
        kind=FrameClass.CONTROL,
        sent=(b'{"id":8,"method":"LIST_SUBSCRIPTIONS"}',),
    ),
)
"""A frame of each kind, and what it says."""

FUTURES_GOLDEN = (
    Golden(
        b'{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1672515782136,"T":1672515782135,'
        b'"s":"BNBBTC","U":157,"u":160,"pu":149,"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]}}',
        (
            ToldMessage(
                "depth",
                "book",
                "BNBBTC",
                LEVELS,
                numbers={"first": 157, "last": 160, "prev": 149, "ts_venue_ns": T},
            ),
        ),
    ),
    Golden(
        b'{"e":"aggTrade","E":1672515782136,"a":14888302,"s":"AKROUSDT","p":"0.01731","q":"312","f":27931348,'
        b'"l":27931348,"T":1672515782135,"m":false}',
        (
            ToldMessage(
                "aggTrade",
                "trade",
                "AKROUSDT",
                ((BID, "0.01731", "312", 14888302, T - MS),),
                numbers={"ts_venue_ns": T - MS},
            ),
        ),
    ),
    Golden(
        b'{"e":"bookTicker","u":600859600576,"s":"SUSHIUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297",'
        b'"T":1672515782135,"E":1672515782136}',
        (
            ToldMessage(
                "bookTicker",
                "ticker",
                "SUSHIUSDT",
                (("7.6110", "2", "7.6120", "297"),),
                numbers={"last": 600859600576, "ts_venue_ns": T},
            ),
        ),
    ),
)


class TestAdapter(AdapterConformance):
    venue = BINANCE


class TestFuturesAdapter(AdapterConformance):
    venue = FUTURES


class TestHistory(HistoryConformance):
    venue = BINANCE


class TestFuturesHistory(HistoryConformance):
    venue = FUTURES


class TestNormalizer(NormalizerConformance):
    venue = BINANCE
    golden = GOLDEN
    malformed = (*NormalizerConformance.malformed, DEPTH.replace(b"BNBBTC", rb"BNBBTC\n"))

    @pytest.fixture
    def recordings(self, shared_data: Path) -> Sequence[Sequence[Path]]:
        return [[shared_data / "binance" / RECORDING]]


class TestFuturesNormalizer(NormalizerConformance):
    venue = FUTURES
    golden = FUTURES_GOLDEN

    @pytest.fixture
    def recordings(self, shared_data: Path) -> Sequence[Sequence[Path]]:
        return [[shared_data / "binance" / FUTURES_RECORDING]]


class TestSync(SyncConformance):
    venue = BINANCE


class TestFuturesSync(SyncConformance):
    venue = FUTURES


class TestFees(FeeModelConformance):
    venue = BINANCE
    tiers = tuple(BinanceFees(SPOT_FEES, SETTINGS[SPOT.venue](vip=vip)) for vip in range(10))


class TestFuturesFees(FeeModelConformance):
    venue = FUTURES
    tiers = tuple(BinanceFees(USDM_FEES, SETTINGS[USDM.venue](vip=vip)) for vip in range(10))


class TestEmulator(EmulatorConformance):
    venue = BINANCE


class TestFuturesEmulator(EmulatorConformance):
    venue = FUTURES
