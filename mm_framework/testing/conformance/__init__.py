"""The conformance kit: what a venue plugin must pass, as base classes for its tests.

    from mm_framework.testing.conformance import AdapterConformance, Venue

    VENUE = Venue(KrakenAdapter, KrakenNormalizer, RULES, ("kraken:BTC/EUR", "kraken:MINA/GBP"))

    class TestAdapter(AdapterConformance):
        venue = VENUE

Each class holds one part of the venue to its contract. What a venue does not declare (an emulator, fees,
shapes, depths, a REST snapshot, a ping) is skipped, and the skip says so. It needs the extra ``testing``.
`SinkConformance` is for sinks, `CheckConformance` for checks of quality; they need no venue.
"""

from mm_framework.testing.conformance.adapter import AdapterConformance
from mm_framework.testing.conformance.checks import CheckConformance
from mm_framework.testing.conformance.emulator import EmulatorConformance
from mm_framework.testing.conformance.fees import FeeModelConformance
from mm_framework.testing.conformance.history import HistoryConformance
from mm_framework.testing.conformance.normalizer import Golden, NormalizerConformance
from mm_framework.testing.conformance.sinks import SinkConformance
from mm_framework.testing.conformance.sync import SyncConformance
from mm_framework.testing.simulation import Venue
from mm_framework.testing.writer import ToldMessage

__all__ = [
    "AdapterConformance",
    "CheckConformance",
    "EmulatorConformance",
    "FeeModelConformance",
    "Golden",
    "HistoryConformance",
    "NormalizerConformance",
    "SinkConformance",
    "SyncConformance",
    "ToldMessage",
    "Venue",
]
