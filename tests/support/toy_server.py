"""The toy venue as a server in memory, and the pieces to capture it on virtual time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from toy_venue import (
    HEARTBEAT,
    STATUS_ONLINE,
    VENUE,
    ToyAdapter,
    ToyMarket,
    ToyNormalizer,
    ack,
    refused,
    toy_rules,
)

from mm_framework.bundle.manifest import RunState
from mm_framework.capture.alert_sender import AlertSender
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.memory import MemoryTransport, Wire
from mm_framework.capture.plan import Deal, Plan, make_plan
from mm_framework.capture.recorder import Listener
from mm_framework.capture.runner import Capture, CaptureLog
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.model.frame import Record, RecordKind, iter_records
from mm_framework.model.instrument import Definition

S = 1_000_000_000
MS = 1_000_000


class ToyServer:
    """Implements `capture.memory.MemoryVenue`: seeded markets, ``rate`` frames a second in all.

    Tests change its attributes while it runs: ``listens`` (connects are accepted), ``speaks``
    (anything is sent), ``skip`` (book frames not to send), ``unknown`` (symbols to refuse).
    """

    def __init__(self, symbols: Sequence[str] = ("A/B",), *, seed: int = 1, rate: float = 10.0) -> None:
        self.markets = {name: ToyMarket(name, seed=seed * 100 + n) for n, name in enumerate(symbols)}
        self.listens = self.speaks = True
        self.skip = 0
        self.unknown: set[str] = set()
        self.wires: dict[Wire, set[tuple[str, str]]] = {}
        self.connects: list[int] = []
        self.left: list[int] = []
        self.heard: list[tuple[int, dict[str, Any]]] = []
        self._draw = random.Random(seed)
        self._rate = rate
        self._next_ns = 0
        self._beat_ns = 0

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        self.connects.append(now_ns)
        if not self.listens:
            raise ConnectionRefusedError("Connection refused")
        self.wires[wire] = set()
        self._say(wire, STATUS_ONLINE, now_ns)
        if len(self.wires) == 1:
            self._next_ns = self._beat_ns = now_ns
            self._schedule(now_ns)

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        body = json.loads(message)
        self.heard.append((now_ns, body))
        if wire not in self.wires or body["op"] == "ping":
            return
        for symbol in body["syms"]:
            if symbol in self.unknown or symbol not in self.markets:
                self._say(wire, refused(symbol, body["ch"], body["id"]), now_ns)
                continue
            if body["op"] == "sub":
                self.wires[wire].add((symbol, body["ch"]))
                self._say(wire, ack(symbol, body["ch"], body["depth"], body["id"]), now_ns)
                if body["ch"] == "book":
                    self._say(wire, self.markets[symbol].snapshot(now_ns), now_ns)
            else:
                self.wires[wire].discard((symbol, body["ch"]))

    def closed(self, wire: Wire, now_ns: int) -> None:
        self.left.append(now_ns)
        self.wires.pop(wire, None)

    def advance(self, now_ns: int) -> None:
        while self.wires and self._next_ns <= now_ns:
            self._market(self._next_ns)
            self._schedule(self._next_ns)
        while self.wires and self._beat_ns <= now_ns:
            for wire in self.wires:
                self._say(wire, HEARTBEAT, self._beat_ns)
            self._beat_ns += S

    def next_event_ns(self) -> int | None:
        return min(self._next_ns, self._beat_ns) if self.wires else None

    def reset(self, now_ns: int) -> None:
        """Break all connections."""
        for wire in list(self.wires):
            wire.reset(now_ns)
            del self.wires[wire]

    def hang_up(self, code: int, now_ns: int) -> None:
        """Close all connections."""
        for wire in list(self.wires):
            wire.hang_up(code, "", now_ns)
            del self.wires[wire]

    def _market(self, now_ns: int) -> None:
        symbol = self._draw.choice(sorted(self.markets))
        market, trade = self.markets[symbol], self._draw.random() < 0.2
        frame = market.trade(now_ns) if trade else market.step(now_ns)
        if not trade and self.skip:
            self.skip -= 1
            return
        for wire, streams in self.wires.items():
            if (symbol, "trade" if trade else "book") in streams:
                self._say(wire, frame, now_ns)

    def _schedule(self, now_ns: int) -> None:
        self._next_ns = now_ns + 1 + round(self._draw.expovariate(self._rate) * S)

    def _say(self, wire: Wire, frame: bytes, now_ns: int) -> None:
        if self.speaks:
            wire.send(frame, now_ns)


class MemoryLog:
    """Implements `capture.runner.CaptureLog`: keeps everything; ``full`` and ``broken`` are a test's."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes]] = []
        self.lines: list[dict[str, Any]] = []
        self.fatal_document: dict[str, Any] | None = None
        self.last_records: dict[int, list[bytes]] = {}
        self.metrics: list[tuple[int | None, dict[str, Any]]] = []
        self.definitions: list[Definition] = []
        self.full = False
        self.broken: Exception | None = None
        self.checkpoint_every = 0
        self.manifest: dict[str, Any] = {}
        self.state: RunState | None = None
        self.result: dict[str, Any] | None = None

    def append(self, shard: int, record: bytes) -> None:
        if self.broken is not None:
            raise self.broken
        self.records.append((shard, record))

    def checkpoint_due(self, shard: int, mono_ns: int) -> bool:
        count = sum(1 for number, _ in self.records if number == shard) if self.checkpoint_every else 0
        return count > 0 and count % self.checkpoint_every == 0

    def definition(self, definition: Definition) -> None:
        self.definitions.append(definition)

    def log(self, event: Mapping[str, Any]) -> None:
        if self.broken is not None:
            raise self.broken
        self.lines.append(dict(event))

    def metric(self, shard: int | None, line: Mapping[str, Any]) -> None:
        self.metrics.append((shard, dict(line)))

    def fatal(self, document: Mapping[str, Any], records: Mapping[int, Iterable[bytes]]) -> None:
        self.fatal_document = dict(document)
        self.last_records = {shard: list(kept) for shard, kept in records.items()}

    def wait_room(self, timeout_s: float) -> bool:
        return not self.full

    def update(self, **changes: Any) -> None:
        self.manifest = changes

    def close(self, state: RunState = "complete", result: dict[str, Any] | None = None) -> None:
        self.state, self.result = state, result

    def of(self, *kinds: RecordKind, shard: int | None = None) -> list[Record]:
        """The records of some kinds, or all, in order."""
        return [
            record
            for number, data in self.records
            for record in iter_records(data)
            if (not kinds or record.kind in kinds) and shard in (None, number)
        ]

    def bodies(self, kind: RecordKind) -> list[dict[str, Any]]:
        """The JSON payloads of a kind."""
        return [json.loads(bytes(record.payload)) for record in self.of(kind)]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The run log's lines of an event."""
        return [line for line in self.lines if line["event"] == name]


class World:
    """A toy server, a clock, and a capture of it. ``at(seconds, act)`` plans something for its course."""

    def __init__(
        self,
        server: ToyServer | None = None,
        *,
        shards: int = 1,
        deal: Deal | None = None,
        latency: Callable[[], int] = lambda: 5 * MS,
        delay: Callable[[], int] | None = None,
        settings: CaptureSettings | None = None,
        feed_settings: FeedSettings | None = None,
        adapter: ToyAdapter | None = None,
    ) -> None:
        self.server = server or ToyServer()
        self.clock = VirtualClock()
        self.log = MemoryLog()
        self.kits = {VENUE: VenueKit(adapter or ToyAdapter(), ToyNormalizer(), toy_rules())}
        self.settings = settings or CaptureSettings(jitter_seed=1)
        self.feed_settings = feed_settings
        self.transport = MemoryTransport(self.server, self.clock, latency)
        self.instruments = [f"{VENUE}:{symbol}" for symbol in self.server.markets]
        self.shards, self.deal, self.delay = shards, deal, delay
        self.planned: list[tuple[float, Callable[[int], None]]] = []
        self.alerts: AlertSender | None = None
        self.progress: Callable[[Beat], None] | None = None
        self.run: Capture

    def plan(self) -> Plan:
        adapters = {venue: kit.adapter for venue, kit in self.kits.items()}
        return make_plan(self.instruments, adapters, shards=self.shards, deal=self.deal)

    def at(self, seconds: float, act: Callable[[int], None]) -> None:
        self.planned.append((seconds, act))

    def capture(
        self,
        max_seconds: float | None = 30.0,
        *,
        listeners: Sequence[Listener] = (),
        record: bool = True,
    ) -> CaptureResult:
        writer: CaptureLog | None = self.log if record else None

        async def main() -> CaptureResult:
            self.run = Capture(
                self.plan(),
                self.kits,
                self.transport,
                stamp=Stamp(self.clock),
                settings=self.settings,
                feed_settings=self.feed_settings,
                writer=writer,
                listeners=listeners,
                alerts=self.alerts,
                progress=self.progress,
            )
            loop = asyncio.get_running_loop()
            for seconds, act in self.planned:
                loop.call_later(seconds, lambda act=act: act(self.clock.now_ns))
            return await self.run.run(max_seconds)

        return run_virtual(main, self.clock, delay=self.delay)

    def after(self, mono_ns: int) -> float:
        """Seconds since the start."""
        return (mono_ns - 1_000_000_000) / S
