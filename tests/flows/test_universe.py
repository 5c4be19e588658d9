"""A universe that changes while it is captured: plant, runner and an emulated venue on virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

pytest.importorskip("mm_polymarket")

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter, open_run
from mm_framework.bundle.verify import verify
from mm_framework.bundle.verify_report import VerifyReport
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.confirm import Confirm
from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.keeper import Keeper
from mm_framework.capture.memory import MemoryTransport, Wire
from mm_framework.capture.plan import make_plan
from mm_framework.capture.plant import Plant, Wanted, meant
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings, PlantSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import GateFailed
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.testing.emulated import EmulatedVenue
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import identity
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.sync import RULES
from mm_polymarket.universe import listings_of

MS = 1_000_000
TOKENS = [str(10**20 + number) for number in range(1, 13)]
ENDPOINTS = Endpoints.parse(["ws://127.0.0.1:1/ws/market"])

Change = Callable[[list[dict[str, Any]], float], list[dict[str, Any]]]


@attrs.define
class Listing:
    """Implements `capture.memory.MemoryVenue`: the emulated venue, whose list of markets is changed."""

    venue: EmulatedVenue
    change: Change
    start_ns: int
    asked: int = 0

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        reply = self.venue.http(method, path, query, now_ns)
        if not path.startswith("/gamma"):
            return reply
        self.asked += 1
        try:
            rows = self.change(json.loads(reply.body), (now_ns - self.start_ns) / 1e9)
        except ConnectionError:
            return HttpReply(503, b"later")
        return HttpReply(200, json.dumps(rows).encode())

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        self.venue.connect(wire, path, now_ns)

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        self.venue.receive(wire, message, now_ns)

    def closed(self, wire: Wire, now_ns: int) -> None:
        self.venue.closed(wire, now_ns)

    def advance(self, now_ns: int) -> None:
        self.venue.advance(now_ns)

    def next_event_ns(self) -> int | None:
        return self.venue.next_event_ns()


class World:
    """One capture of the first ``known`` markets over two shards, or more, into a bundle."""

    def __init__(
        self,
        path: Path,
        change: Change,
        *,
        known: int = 6,
        faults: str = "",
        max_assets: int = 16,
        **settings: Any,
    ) -> None:
        clock = self.clock = VirtualClock()
        self.adapter = PolymarketAdapter(PolymarketSettings(max_assets=max_assets))
        self.kits = {"polymarket": VenueKit(self.adapter, PolymarketNormalizer(), RULES)}
        dialect = PolymarketDialect()
        emulator = VenueEmulator(
            dialect,
            [dialect.listing(token) for token in TOKENS],
            seed=1,
            settings=MarketSettings(rate=2.0, levels=20),
            faults=parse_faults(faults),
            start_ns=clock.now_ns,
            wall_ns=clock.wall_ns(),
        )
        self.venue = Listing(EmulatedVenue(emulator), change, clock.now_ns)
        listed = listings_of(identity(token).market for token in TOKENS[:known])
        units, _ = meant(listed, ["polymarket:*"], 100)
        by_id = {one.instrument: one for one in listed}
        self.plan = make_plan(
            [one.instrument for unit in units.values() for one in unit],
            {"polymarket": self.adapter},
            shards=None,
            least=2,
            endpoints=ENDPOINTS,
            listed=by_id,
        )
        adapters = {"polymarket": self.adapter}
        self.settings = PlantSettings(**{"universe_refresh_interval_s": 20.0} | settings)
        self.plant = Plant(
            self.plan,
            adapters,
            {"polymarket": Wanted(("polymarket:*",))},
            listed=by_id,
            cap=self.settings.max_markets,
        )
        self.keeper = Keeper(self.plant, Confirm(self.plan, adapters, 1), adapters, ENDPOINTS, self.settings)
        self.path, self.stamp = path, Stamp(clock)
        manifest = Manifest(
            run_id=path.name,
            state="running",
            created="2026-01-01T00:00:00Z",
            wall0_ns=self.stamp.wall0_ns,
            mono0_ns=self.stamp.mono0_ns,
            shards=tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in self.plan.shards),
            made_by="tests",
        )
        self.writer = RunWriter.create(path, manifest)

    def capture(self, seconds: float) -> CaptureResult:
        transport = MemoryTransport(self.venue, self.clock, lambda: 5 * MS)

        async def main() -> CaptureResult:
            run = Capture(
                self.plan,
                self.kits,
                transport,
                stamp=self.stamp,
                settings=CaptureSettings(jitter_seed=1, first_attempts=0),
                feed_settings=FeedSettings(stream_idle_s=60.0),
                writer=self.writer,
                keeper=self.keeper,
            )
            return await run.run(seconds)

        return run_virtual(main, self.clock)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in open_run(self.path).runlog() if line["event"] == name]

    def verified(self) -> VerifyReport:
        return verify(open_run(self.path), self.kits)


def tokens(*numbers: int) -> list[str]:
    return [TOKENS[number] for number in numbers]


def names(*some: str) -> set[str]:
    return {one.instrument for one in listings_of(identity(token).market for token in some)}


def only(rows: list[dict[str, Any]], wanted: list[str]) -> list[dict[str, Any]]:
    return [row for row in rows if json.loads(row["clobTokenIds"])[0] in wanted]


def everything(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
    return rows


def test_markets_come_and_go_and_the_others_lose_nothing(tmp_path: Path) -> None:
    def change(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
        return only(rows, tokens(0, 1, 2, 3, 4, 5) if at_s < 30 else tokens(2, 3, 4, 5, 6, 7))

    world = World(tmp_path / "r", change)
    result = world.capture(100)
    wanted = ("added", "removed", "changed", "followed")
    told = [[line[name] for name in wanted] for line in world.events("universe")]
    assert told == [[0, 0, 6, 6], [2, 0, 0, 8], [0, 2, 0, 6]], "the first list tells the ticks"
    assert (result.reconnects["total"], result.counts.gaps) == (0, 0)
    now = names(*tokens(2, 3, 4, 5, 6, 7))
    states = {name: one["state"] for name, one in result.instruments.items()}
    assert {name for name, state in states.items() if state == "SYNCED"} == now
    assert {name for name, state in states.items() if state == "STOPPED"} == states.keys() - now
    assert {one["epoch"] for name, one in result.instruments.items() if name in now} == {1}
    report = world.verified()
    assert report.ok, report.failures


def test_a_list_that_cannot_be_had_changes_nothing(tmp_path: Path) -> None:
    def change(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
        if at_s > 30:
            raise ConnectionError
        return only(rows, tokens(*range(6)))

    world = World(tmp_path / "r", change)
    result = world.capture(80)
    assert [line["changed"] for line in world.events("universe")] == [6]
    assert {line["level"] for line in world.events("universe_failed")} == {"warning"}
    assert {one["state"] for one in result.instruments.values()} == {"SYNCED"}


def test_a_list_of_nothing_changes_nothing(tmp_path: Path) -> None:
    """A venue under repair answers every list with an empty one: that is no news of its markets."""

    def change(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
        return only(rows, tokens(*range(6)) if at_s < 30 else ())

    world = World(tmp_path / "r", change)
    result = world.capture(100)
    assert [line["removed"] for line in world.events("universe")] == [0]
    assert "no instrument at all" in world.events("universe_failed")[-1]["error"]
    assert {one["state"] for one in result.instruments.values()} == {"SYNCED"}


def test_a_universe_above_the_cap_is_told_once(tmp_path: Path) -> None:
    world = World(tmp_path / "r", everything, max_markets=10)
    result = world.capture(70)
    (line,) = world.events("universe")
    told = [line[name] for name in ("added", "removed", "cut", "no_room", "level")]
    assert told == [5, 1, 2, 0, "warning"], "the first ten by id"
    synced = [name for name, one in result.instruments.items() if one["state"] == "SYNCED"]
    assert len(synced) == 20


def test_newcomers_without_room_wait_outside_and_the_shards_they_need_are_told(tmp_path: Path) -> None:
    """Two connections of eight tokens carry eight markets; of twelve four wait."""

    def change(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
        return only(rows, tokens(*range(6 if at_s < 30 else 12)))

    world = World(tmp_path / "r", change, max_assets=8)
    result = world.capture(70)
    first, line = world.events("universe")
    assert "remedy" not in first
    assert [line[name] for name in ("added", "no_room", "followed", "level")] == [2, 4, 8, "warning"]
    assert line["remedy"] == "start the next run with --plant-shards 4"
    assert {one["state"] for one in result.instruments.values()} == {"SYNCED"}
    assert len(result.instruments) == 16
    report = world.verified()
    assert report.ok, report.failures


def test_refreshes_may_be_switched_off(tmp_path: Path) -> None:
    for number, settings in enumerate(({"universe_refresh": False}, {"offline": True})):
        world = World(tmp_path / str(number), everything, **settings)
        world.capture(30)
        assert world.venue.asked == 0


def test_what_has_spoken_is_confirmed(tmp_path: Path) -> None:
    world = World(tmp_path / "r", everything, confirm_timeout_s=45, universe_refresh=False)
    world.capture(46)
    (line,) = world.events("confirmed")
    assert (line["expected"], line["confirmed"]) == (12, 12)
    assert not (tmp_path / "r" / "missing_tokens.json").exists()


class Deaf(EmulatedVenue):
    """Does not hear who asks for one token."""

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        if message != b"PING":
            body = json.loads(message)
            body["assets_ids"] = [token for token in body["assets_ids"] if token != TOKENS[0]]
            message = json.dumps(body).encode()
        super().receive(wire, message, now_ns)


@pytest.mark.parametrize("missing", ["fatal", "continue"])
def test_what_has_not_spoken_is_listed_and_ends_the_run_unless_told_otherwise(
    tmp_path: Path, missing: str
) -> None:
    world = World(tmp_path / "r", everything, confirm_timeout_s=20, confirm_missing=missing)
    world.venue.venue = Deaf(world.venue.venue.emulator)
    silent = f"polymarket:{identity(TOKENS[0]).market.names()[0][1]}"
    if missing == "fatal":
        with pytest.raises(GateFailed, match=f"1 of 12 instruments .* 20 s, such as {silent}") as caught:
            world.capture(25)
        assert caught.value.exit_code == 1
    else:
        world.capture(25)
    assert (tmp_path / "r" / "fatal.json").exists() == (missing == "fatal")
    document = json.loads((tmp_path / "r" / "missing_tokens.json").read_bytes())
    (entry,) = document.pop("missing")
    assert document == {"confirmed": 11, "expected": 12, "min_events": 1, "timeout_s": 20}
    assert (entry["instrument"], entry["venue_symbol"], entry["messages"]) == (silent, TOKENS[0], 0)


def test_with_faults_on_what_is_followed_is_what_the_list_says(tmp_path: Path) -> None:
    def change(rows: list[dict[str, Any]], at_s: float) -> list[dict[str, Any]]:
        return only(rows, tokens(*range(int(at_s // 40) % 3, 12)))

    world = World(tmp_path / "r", change, known=12, faults="disconnect@30,reset@70,drop:0.01")
    result = world.capture(150)
    assert result.instruments.keys() == names(*TOKENS)
    assert world.plant.followed("polymarket") == tuple(
        sorted(identity(token).market.condition_id for token in tokens(*range((140 // 40) % 3, 12)))
    )
    report = world.verified()
    assert (report.errors, report.crc_mismatch) == (0, 0)
    assert {failure.what for failure in report.failures} <= {"gap"}
