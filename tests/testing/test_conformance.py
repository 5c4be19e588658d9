"""The toy venue passes the conformance kit; what it does not declare is skipped with a reason."""

from __future__ import annotations

from toy_conformance import ToyFees, toy

from mm_framework.contracts.normalizer import FrameClass, VenueStatus
from mm_framework.testing.conformance import (
    AdapterConformance,
    EmulatorConformance,
    FeeModelConformance,
    Golden,
    NormalizerConformance,
    SyncConformance,
    ToldMessage,
)

TOY = toy()
GOLDEN = (
    Golden(
        b'{"ch":"book","sym":"A/B","snap":true,"bids":[["1.50","2.000"]],"asks":[],"c":7}',
        (ToldMessage("book", "book", "A/B", ((1, "1.50", "2.000"),), True, {"checksum": 7}),),
    ),
    Golden(
        b'{"ch":"trade","sym":"A/B","trades":[[5,"sell","1.50","2.000"]]}',
        (ToldMessage("trade", "trade", "A/B", ((-1, "1.50", "2.000", 5, -(2**63)),)),),
    ),
    Golden(
        b'{"ch":"ticker","sym":"A/B","bid":"1.50","bid_size":"1","ask":"1.60","ask_size":"2"}',
        (ToldMessage("ticker", "ticker", "A/B", (("1.50", "1", "1.60", "2"),)),),
    ),
    Golden(b'{"ch":"status","text":"x","online":true}', (), (VenueStatus("x", True),), FrameClass.CONTROL),
)


class TestAdapter(AdapterConformance):
    venue = TOY


class TestNormalizer(NormalizerConformance):
    venue = TOY
    golden = GOLDEN


class TestSync(SyncConformance):
    venue = TOY
    diffs = 60


class TestFees(FeeModelConformance):
    venue = TOY
    tiers = (ToyFees(20), ToyFees(10), ToyFees(0))


class TestEmulator(EmulatorConformance):
    venue = TOY
    seeds = 1
