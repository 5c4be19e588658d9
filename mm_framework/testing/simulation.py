"""A venue captured on virtual time: emulator, network, runner and oracle, all from one seed.

run = Simulation(venue, seed=1, seconds=60, faults="drop:0.01,disconnect@20")
result = run.run()                  # raises FalseBook when something false was served
run.tape                            # the records, as a frame log holds them
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.settings import BundleSettings
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.memory import MemoryTransport
from mm_framework.capture.plan import Plan, make_plan
from mm_framework.capture.recorder import Listener
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.adapter import Adapter, Channel
from mm_framework.contracts.emulator import Dialect, notices_of
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.normalizer import Normalizer
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.emulator.faults import FaultSpec, parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings, Notice, Output, VenueKit
from mm_framework.testing.emulated import EmulatedVenue
from mm_framework.testing.oracle import WHOLE, Oracle

__all__ = ["Simulation", "Tape", "Venue", "emulated", "survivable"]

_MS = 1_000_000


@attrs.frozen(eq=False)
class Venue:
    """A venue as its plugin builds it, for tests.

    ``instruments`` are ids of two instruments or more that the emulator can list (``dialect``) or the
    recordings hold; ``settings`` the settings classes of the plugin; ``fees`` builds the usual fee
    model. A venue without an emulator or fees leaves them out: their checks are skipped.
    """

    adapter: Callable[[], Adapter]
    normalizer: Callable[[], Normalizer]
    rules: SyncRules
    instruments: tuple[str, ...]
    dialect: Callable[[], Dialect] | None = None
    fees: Callable[[], FeeModel] | None = None
    settings: tuple[type[Any], ...] = ()

    @property
    def kits(self) -> dict[str, VenueKit]:
        """A new kit by the venue's name, as `Feed` is given it."""
        adapter = self.adapter()
        return {adapter.venue: VenueKit(adapter, self.normalizer(), self.rules)}

    def channel(self, carries: str) -> Channel | None:
        """The first channel that carries this, None without one."""
        return next((one for one in self.adapter().channels if one.carries == carries), None)


class Tape:
    """Keeps the records of a run, and its notices. Implements `capture.recorder.Listener`."""

    done = False

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.notices: list[Notice] = []

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        self.records.append(bytes(record))
        self.notices += output.notices

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""


def emulated(
    venue: Venue,
    clock: VirtualClock,
    *,
    seed: int,
    faults: str = "",
    faults_end_ns: int | None = None,
    rate: float = 10.0,
) -> VenueEmulator:
    """The venue's emulator with all its instruments, begun now; its truth log keeps whole books.

    Raises RuntimeError for a venue without an emulator, ConfigError for a fault that it does not know.
    """
    if venue.dialect is None:
        raise RuntimeError("the venue has no emulator")
    dialect, adapter = venue.dialect(), venue.adapter()
    return VenueEmulator(
        dialect,
        [dialect.listing(adapter.venue_symbol(one)) for one in venue.instruments],
        seed=seed,
        settings=MarketSettings(rate=rate, levels=40),
        faults=parse_faults(faults, notices_of(dialect)),
        start_ns=clock.now_ns,
        wall_ns=clock.wall_ns(),
        truth=TruthLog(levels=WHOLE),
        faults_end_ns=faults_end_ns,
    )


UNSEEN: Final = ("drop", "repeat", "reorder", "corrupt", "checksum")
"""Faults of frames that nothing shows where books have neither numbers nor checksums nor hashes."""


def survivable(proof: str, dialect: Dialect) -> tuple[FaultSpec, ...]:
    """The faults that a venue must survive whose books have this proof: every one, with its usual rate.

    Without numbers, checksums and hashes a frame that is lost or changed is outside of what can be seen.
    """
    names = parse_faults("all", notices_of(dialect))
    seen = proof in ("sequence", "checksum", "hash")
    return tuple(one for one in names if seen or one.name not in UNSEEN)


@attrs.define(eq=False)
class Simulation:
    """One run of all instruments of a venue, on one shard.

    ``channels``: names, those of a usual capture when empty; ``result`` is that of `run`; ``rate``: events of
    the market a second and instrument; without ``websocket_pings`` a dead connection shows only by the
    adapter's own deadlines. ``record``: the folder of a new bundle, written as ``bundle_settings`` say;
    ``attach`` is given the capture before it begins. The oracle compares the levels that the book's proof
    covers.
    """

    venue: Venue
    seed: int = 1
    seconds: float = 60.0
    faults: str = ""
    rate: float = 10.0
    channels: tuple[str, ...] = ()
    websocket_pings: bool = True
    feed_settings: FeedSettings = attrs.field(factory=lambda: FeedSettings(stream_idle_s=20.0, stable_s=5.0))
    listeners: Iterable[Listener] = ()
    record: Path | None = None
    bundle_settings: BundleSettings = attrs.field(factory=BundleSettings)
    attach: Callable[[Capture], None] = lambda run: None

    clock: VirtualClock = attrs.field(factory=VirtualClock, init=False)
    emulator: VenueEmulator = attrs.field(init=False)
    oracle: Oracle = attrs.field(init=False)
    kits: Mapping[str, VenueKit] = attrs.field(init=False)
    tape: Tape = attrs.field(factory=Tape, init=False)
    _result: CaptureResult | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.kits = self.venue.kits
        self.emulator = emulated(self.venue, self.clock, seed=self.seed, faults=self.faults, rate=self.rate)
        (kit,) = self.kits.values()
        self.oracle = Oracle.of(self.emulator, kit, self.feed_settings)

    def run(self) -> CaptureResult:
        """Capture to the end; raises what the oracle raises."""
        draw = random.Random(f"{self.seed}/network")
        transport = MemoryTransport(
            EmulatedVenue(self.emulator), self.clock, lambda: 5 * _MS + round(draw.expovariate(1 / 10) * _MS)
        )
        plan = make_plan(
            self.venue.instruments,
            {venue: one.adapter for venue, one in self.kits.items()},
            channels=self.channels,
            endpoints=Endpoints.parse(one.adapter.url for one in self.kits.values()),
        )
        self.oracle.channels = frozenset(one.channel for shard in plan.shards for one in shard.subscriptions)

        async def main() -> CaptureResult:
            stamp = Stamp(self.clock)
            capture = Capture(
                plan,
                self.kits,
                transport,
                stamp=stamp,
                writer=self._writer(plan, stamp),
                settings=CaptureSettings(
                    jitter_seed=self.seed + 1,
                    first_attempts=0,
                    ping_interval_s=20.0 if self.websocket_pings else 0.0,
                ),
                feed_settings=self.feed_settings,
                listeners=[self.tape, self.oracle, *self.listeners],
            )
            self.attach(capture)
            return await capture.run(self.seconds)

        self._result = run_virtual(main, self.clock)
        return self._result

    def _writer(self, plan: Plan, stamp: Stamp) -> RunWriter | None:
        if self.record is None:
            return None
        manifest = Manifest(
            run_id=self.record.name,
            state="running",
            created="2026-11-21T00:00:00Z",
            wall0_ns=stamp.wall0_ns,
            mono0_ns=stamp.mono0_ns,
            shards=tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in plan.shards),
            made_by="tests",
        )
        return RunWriter.create(self.record, manifest, settings=self.bundle_settings)

    @property
    def result(self) -> CaptureResult:
        """What `run` gave. RuntimeError before it."""
        if self._result is None:
            raise RuntimeError("the simulation was not run")
        return self._result
