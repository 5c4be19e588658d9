"""One simulated capture from one seed, and what was found: `simulate` runs it and checks everything.

    report = simulate(Wish(venue, seed=17))
    report.violation                    # None, or what does not hold, when, and at which record

The whole program runs as it does live: emulator, network, runner, `Feed`, bundle writer; only clocks,
sockets and files are of this room. The last ``CALM_S`` seconds are without troubles, so that at the end
every book must be in order again.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.settings import BundleSettings
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.plan import Plan, make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.emulator import notices_of
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.feed import FeedSettings
from mm_framework.simulate.checks import Moment, check_end, check_moment, check_whole
from mm_framework.simulate.disk import SimulatedDisk
from mm_framework.simulate.harm import Harm
from mm_framework.simulate.machine import Excuses, late_loop, set_wall_clock
from mm_framework.simulate.network import TroubledNetwork
from mm_framework.simulate.operator import Cutter, Operator
from mm_framework.simulate.report import Found, Report, Wish
from mm_framework.simulate.troubles import FATAL, Window, forecast, parse_troubles
from mm_framework.simulate.witness import Digest, Punctual, Quiet, Violation, Witness
from mm_framework.simulate.writer import VirtualWriter
from mm_framework.testing.emulated import EmulatedVenue
from mm_framework.testing.oracle import FalseBook, Oracle
from mm_framework.testing.simulation import emulated

__all__ = ["CALM_S", "simulate"]

CALM_S: Final = 100.0
"""Long enough for every deadline, pause and retry of these settings in turn."""

SETTLED_S: Final = 75.0
"""So long after the last trouble no book may be lost any more."""

RUN: Final = Path("/simulated/run")
_S: Final = 1_000_000_000

FEED: Final = FeedSettings(
    stream_idle_s=15.0,
    ack_timeout_s=5.0,
    snapshot_timeout_s=20.0,
    handover_timeout_s=20.0,
    handover_retry_s=10.0,
    resync_backoff_max_s=5.0,
    unverified_retry_s=10.0,
    stable_s=5.0,
)
BUNDLE: Final = BundleSettings(
    checkpoint_interval_s=40.0, segment_max_s=100.0, queue_mib=0.05, flush_records=500
)
"""A small queue, so that a slow disk is felt at once."""


def simulate(wish: Wish) -> Report:
    """Run and check. Raises ConfigError for faults that are not known, or a run that has no time for them."""
    if wish.seconds <= CALM_S:
        raise ConfigError(
            f"a simulation ends with {CALM_S:g} s without faults: {wish.seconds:g} s are too short",
            key="seconds",
            value=wish.seconds,
        )
    return _World(wish).report()


class _World:
    """All parts of one run."""

    def __init__(self, wish: Wish) -> None:
        self.wish, self.clock, self.excuses = wish, VirtualClock(), Excuses()
        self.faults = wish.troubles()
        self.kits, dialect = wish.venue.kits, wish.venue.dialect
        notices = {} if dialect is None else notices_of(dialect())
        self.notices = notices.keys()
        venue_faults, troubles = parse_troubles(self.faults, notices)
        start_ns = self.clock.now_ns
        self.start_ns, end_ns = start_ns, start_ns + round((wish.seconds - CALM_S) * _S)
        self.forecast = forecast(troubles, wish.seed, start_ns, end_ns)
        for window in self.forecast.of("slow-disk"):
            self.excuses.add(window.start_ns, window.end_ns)
        self.stalls = Excuses()
        for window in self.forecast.of("stall"):
            self.stalls.add(window.start_ns, window.end_ns)
        self.emulator = emulated(
            wish.venue,
            self.clock,
            seed=wish.seed,
            faults=venue_faults,
            faults_end_ns=end_ns,
            rate=wish.rate,
        )
        (kit,) = self.kits.values()
        self.oracle = Oracle.of(self.emulator, kit, FEED)
        self.oracle.excused = lambda start, end: (
            self.excuses.within(start, end) + self.stalls.within(start, end)
        )
        self.disk = SimulatedDisk(random.Random(f"{wish.seed}/disk"))
        self.network = TroubledNetwork(EmulatedVenue(self.emulator), self.clock, self.forecast, wish.seed)
        self.cutter = Cutter(self.forecast, self.network, wish.seed)
        self.witness, self.digest = Witness(lambda: self.clock.now_ns), Digest()
        truth, counts = self.emulator.truth, self.oracle.counts
        harm = Harm(self.forecast, truth, self.excuses, self.network, lambda: counts["dropped"])
        self.quiet = Quiet(harm, round(SETTLED_S * _S))
        self.moments: list[Moment] = []
        self.broken_ns: int | None = None
        self.removed = False
        self.unhandled: Exception | None = None
        self.counts: Counter[str] = Counter()

    # the run

    def report(self) -> Report:
        """Run to the end, check, tell."""
        result, violation = self._run()
        if violation is None:
            try:
                self._check(result)
            except (Violation, FalseBook) as error:
                violation = self._found(error)
        return Report(
            venue=self.wish.name,
            seed=self.wish.seed,
            seconds=self.wish.seconds,
            rate=self.wish.rate,
            symbols=tuple(self.emulator.market.listings),
            shards=self.wish.shards,
            faults=self.faults,
            violation=violation,
            counts=self._counted(result),
            stopped_by="error" if result is None else result.stopped_by,
            digest=self.digest.told()[0],
        )

    def _run(self) -> tuple[CaptureResult | None, Found | None]:
        delay = late_loop(self.forecast, self.clock, self.wish.seed, self.excuses)
        try:
            result = run_virtual(self._main, self.clock, delay=delay)
            return result, None if self.unhandled is None else self._found(self.unhandled)
        except EnvironmentFailed as error:
            if self.broken_ns is not None:
                return None, None
            return None, self._found(error)
        except Exception as error:
            return None, self._found(error)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback raised something that nobody takes."""
        self.unhandled = self.unhandled or context.get("exception") or RuntimeError(context["message"])

    async def _main(self) -> CaptureResult:
        plan = self._plan()
        stamp = Stamp(self.clock)
        writer = RunWriter.create(
            RUN,
            _manifest(plan, stamp),
            settings=BUNDLE,
            disk=self.disk,
            make_writer=lambda files, settings: VirtualWriter(files, settings, self._disk_busy_s),
        )
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        punctual = Punctual(lambda shard: capture.next_deadline_ns(shard), self.excuses.within)
        capture = Capture(
            plan,
            self.kits,
            self.network,
            stamp=stamp,
            settings=CaptureSettings(
                jitter_seed=self.wish.seed + 1,
                first_attempts=0,
                ping_interval_s=10.0,
                ping_timeout_s=10.0,
                reconnect_backoff_max_s=8.0,
                rest_timeout_s=10.0,
                rest_backoff_s=4.0,
                rest_backoff_max_s=10.0,
                overrun_mib=0.02,
                max_session_s=self.forecast.max_session_s,
            ),
            feed_settings=FEED,
            writer=writer,
            listeners=[self.witness, self.digest, self.oracle, self.quiet, punctual, self.cutter],
        )
        self._prepare()
        Operator(self.forecast, self.clock, capture, plan).start()
        return await capture.run(self.wish.seconds)

    def _plan(self) -> Plan:
        adapters = {venue: kit.adapter for venue, kit in self.kits.items()}
        return make_plan(self.wish.venue.instruments, adapters, shards=self.wish.shards)

    def _prepare(self) -> None:
        """Set the times at which something happens to network, machine and disk."""
        self.network.start()
        set_wall_clock(self.forecast, self.clock)
        loop = asyncio.get_running_loop()
        acts: dict[str, Callable[[Window], None]] = {
            "kill": self._kill,
            "power": self._kill,
            **dict.fromkeys(FATAL, self._break_disk),
        }
        for window in self.forecast.windows:
            if window.kind in acts:
                delay_s = max(0, window.start_ns - self.clock.now_ns) / 1e9
                loop.call_later(delay_s, acts[window.kind], window)

    def _disk_busy_s(self) -> float:
        window = self.forecast.at(("slow-disk",), self.clock.now_ns)
        return 0.0 if window is None else (window.end_ns - self.clock.now_ns) / 1e9

    # what happens

    def _kill(self, window: Window) -> None:
        """Look at the disk as a kill would leave it, now or in the midst of the next write."""
        power = window.kind == "power"

        def caught() -> None:
            if self.removed:
                return
            image = self.disk.power_loss() if power else self.disk.kill()
            broken = self.broken_ns is not None
            self.moments.append(Moment(image, RUN, self.clock.now_ns, power=power, broken=broken))

        if window.pick < 0.5:
            caught()
        else:
            self.disk.tear(caught)

    def _break_disk(self, window: Window) -> None:
        self.broken_ns = self.clock.now_ns
        match window.kind:
            case "disk-full":
                self.disk.room = round(window.pick * 20_000)
            case "fsync-error":
                self.disk.failing = True
            case _:
                self.removed = True
                self.disk.remove(RUN)

    # afterwards

    def _check(self, result: CaptureResult | None) -> None:
        for moment in self.moments:
            lost = check_moment(moment, self.kits, self.witness, BUNDLE, self.excuses)
            self.counts["power losses" if moment.power else "kills"] += 1
            self.counts["records lost"] += lost
        if self.broken_ns is None:
            if result is None:
                raise RuntimeError("a run without an error has a result")
            check_whole(self.disk.kill(), RUN, self.kits, result, self.digest)
            check_end(result, self._gone())
        elif result is not None:
            raise Violation("disk", "the disk failed, and the run ended as if it had not")
        elif not self.removed:
            end = Moment(self.disk.kill(), RUN, self.broken_ns, broken=True)
            check_moment(end, self.kits, self.witness, BUNDLE, self.excuses)

    def _gone(self) -> set[str]:
        """Instruments that the venue ended: since it did something by itself it tells no more of them."""
        if not self.notices & self.emulator.truth.faults.keys():
            return set()
        end_ns, told_ns, adapter = self.forecast.end_ns, self.oracle.told_ns, self.wish.venue.adapter()
        return {
            one for one in self.wish.venue.instruments if told_ns.get(adapter.venue_symbol(one), 0) < end_ns
        }

    def _found(self, error: Exception) -> Found:
        shard, index, mono_ns = self.witness.last or (None, None, self.start_ns)
        rule = error.rule if isinstance(error, Violation) else type(error).__name__
        at_s = round((mono_ns - self.start_ns) / _S, 6)
        return Found(rule, str(error) or type(error).__name__, at_s, shard, index)

    def _counted(self, result: CaptureResult | None) -> dict[str, int]:
        truth, oracle, kinds = self.emulator.truth, self.oracle.counts, self.witness.kinds
        counts = {
            "records": sum(kinds.values()),
            "frames": kinds["frame"],
            "connections": kinds["open"],
            "handovers": self.cutter.heirs,
            "books compared": oracle["compared"],
            "books lost": oracle["books lost"],
            "trades": oracle["trades"],
            "frames dropped": oracle["dropped"],
            "frames suppressed": truth.outcomes["suppressed"],
            "frames altered": truth.outcomes["altered"],
            "gaps": 0 if result is None else result.counts.gaps,
            "checksums verified": 0 if result is None else result.counts.checksums_verified,
            **self.counts,
            **{f"fault {name}": count for name, count in sorted(truth.faults.items())},
            **{f"trouble {kind}": count for kind, count in sorted(self._troubles().items())},
        }
        return {name: count for name, count in counts.items() if count}

    def _troubles(self) -> Counter[str]:
        """How often each came until the run ended."""
        last_ns = self.start_ns if self.witness.last is None else self.witness.last[2]
        last_ns = max(last_ns, self.broken_ns or 0)  # a disk that breaks may let no record follow
        came = Counter(window.kind for window in self.forecast.windows if window.start_ns <= last_ns)
        late = len(self.excuses.spans) - len(self.forecast.of("slow-disk"))
        return came + Counter({"rest": self.network.failed, "late": late, "cut": self.network.cuts})


def _manifest(plan: Plan, stamp: Stamp) -> Manifest:
    return Manifest(
        run_id=RUN.name,
        state="running",
        created="2026-01-01T00:00:00Z",
        wall0_ns=stamp.wall0_ns,
        mono0_ns=stamp.mono0_ns,
        shards=tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in plan.shards),
        made_by="mm simulate",
    )
