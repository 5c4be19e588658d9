"""The emulated Polymarket, captured on virtual time: subscriptions, pings, books of both tokens."""

from __future__ import annotations

from collections import Counter

from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.memory import MemoryTransport
from mm_framework.capture.plan import make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings, Output, VenueKit
from mm_framework.feed.output import Malformed, Refusal
from mm_framework.model.frame import iter_records
from mm_framework.testing.emulated import EmulatedVenue
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS, identity

NO = identity(TOKENS[0]).market.no


class Notes:
    """Implements `capture.recorder.Listener`: counts messages that went out and notices."""

    done = False

    def __init__(self) -> None:
        self.notices: Counter[str] = Counter()
        self.sent: Counter[bytes] = Counter()

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        (decoded,) = iter_records(record)
        self.sent[bytes(decoded.payload[:4])] += 1
        self.notices.update(type(notice).__name__ for notice in output.notices)

    def next_timer_ns(self) -> int | None:
        return None

    def on_end(self, mono_ns: int) -> None:
        pass


def test_books_of_both_tokens_are_synced_and_every_hash_holds(kit: VenueKit) -> None:
    clock, dialect, notes = VirtualClock(), PolymarketDialect(), Notes()
    emulator = VenueEmulator(
        dialect,
        [dialect.listing(token) for token in TOKENS[:2]],
        seed=3,
        settings=MarketSettings(rate=20.0, levels=40),
        start_ns=clock.now_ns,
        wall_ns=clock.wall_ns(),
    )
    plan = make_plan(
        [f"polymarket:{token}" for token in (TOKENS[0], NO, TOKENS[1])],
        {"polymarket": kit.adapter},
        channels=("book", "trade", "ticker"),
    )

    async def main() -> CaptureResult:
        capture = Capture(
            plan,
            {"polymarket": kit},
            MemoryTransport(EmulatedVenue(emulator), clock, lambda: 15_000_000),
            stamp=Stamp(clock),
            settings=CaptureSettings(jitter_seed=1, first_attempts=0),
            feed_settings=FeedSettings(),
            writer=None,
            listeners=[notes],
        )
        return await capture.run(60.0)

    result = run_virtual(main, clock)
    assert {book["state"] for book in result.instruments.values()} == {"SYNCED"}
    assert len(result.instruments) == 3
    counts = result.counts
    assert counts.hashes_verified > 1000
    assert counts.hashes_unverified == counts.hashes_failed == counts.malformed == counts.unknown == 0
    assert counts.trades > 50
    assert counts.tops > 50
    assert counts.epochs == 3
    assert result.reconnects["total"] == 0
    assert notes.sent[b"PING"] == notes.sent[b"PONG"] == 5
    assert notes.notices[Malformed.__name__] == notes.notices[Refusal.__name__] == 0
