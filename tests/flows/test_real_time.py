"""Each emulator once in real time over real sockets, with faults, held against the truth.

By default some seconds each; ``MM_REAL_SECONDS=300`` runs five minutes under every fault at its usual rate.
"""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from four_venues import VENUES

from mm_framework.capture.clock import RealClock, Stamp
from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.plan import make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.transport import make_transport
from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings
from mm_framework.testing.oracle import WHOLE, Oracle
from mm_framework.testing.simulation import survivable

SECONDS = float(os.environ.get("MM_REAL_SECONDS", "2.6"))
QUICK = (
    "5xx@0,drop@0.5,repeat@0.6,reorder@0.7,corrupt@0.8,checksum@0.9,tick@1,reset@1.1,stale@1.2,disconnect@1.7,"
    "slow@2.2"
)

pytestmark = pytest.mark.timeout(300 + 2 * SECONDS)


@pytest.mark.parametrize("name", VENUES)
def test_in_real_time_nothing_false_is_served(name: str) -> None:
    venue = VENUES[name]
    assert venue.dialect is not None
    dialect, (kit,) = venue.dialect(), venue.kits.values()
    book = venue.channel("book")
    assert book is not None
    emulator = VenueEmulator(
        dialect,
        [dialect.listing(kit.adapter.venue_symbol(one)) for one in venue.instruments],
        seed=7,
        settings=MarketSettings(rate=60.0, levels=60),
        faults=parse_faults(faults(name, book.proof.kind), notices_of(dialect)),
        start_ns=time.monotonic_ns(),
        wall_ns=time.time_ns(),
        truth=TruthLog(levels=WHOLE),
    )
    settings = FeedSettings(stable_s=0.2, resync_backoff_s=0.1, stream_idle_s=20.0)
    oracle = Oracle.of(emulator, kit, settings)

    def enough() -> bool:
        outcomes = emulator.truth.outcomes
        return oracle.counts["compared"] > 8 * SECONDS and outcomes["opened"] > 1 and outcomes["altered"] > 0

    async def end(capture: Capture) -> None:
        await asyncio.sleep(SECONDS)
        while not enough():
            await asyncio.sleep(0.1)
        capture.stop("enough")

    async def main() -> CaptureResult:
        async with EmulatorServer(emulator) as server:
            capture = Capture(
                make_plan(
                    venue.instruments,
                    {name: kit.adapter},
                    endpoints=Endpoints.parse([server.url]),
                ),
                venue.kits,
                make_transport("websockets"),
                stamp=Stamp(RealClock()),
                settings=CaptureSettings(reconnect_backoff_s=0.1, rest_backoff_s=0.1, first_attempts=0),
                feed_settings=settings,
                listeners=[oracle],
            )
            ender = asyncio.create_task(end(capture))
            try:
                return await capture.run()
            finally:
                ender.cancel()

    result = asyncio.run(main())
    assert oracle.counts["compared"] > 8 * SECONDS
    assert result.reconnects["total"] >= 1
    assert emulator.truth.outcomes["altered"] >= 1


def faults(name: str, proof: str) -> str:
    """The quick ones, or every fault."""
    dialect = VENUES[name].dialect
    assert dialect is not None
    return ",".join(map(str, survivable(proof, dialect()))) if SECONDS >= 60 else QUICK
