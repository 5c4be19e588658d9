"""Runs with sinks on: emulated venues on virtual time, and the same records again as an export gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from mm_framework.capture.clock import VirtualClock
from mm_framework.contracts.sink import Seen, Sink, SinkRun
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.feed import Feed, VenueKit
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.model.frame import HEADER, iter_records
from mm_framework.plugins import PluginSettings, load_plugins
from mm_framework.sinks.day_files import DayFiles
from mm_framework.sinks.driver import LiveSinks, SinkSet
from mm_framework.testing.simulation import Simulation, Venue

__all__ = ["INSTRUMENTS", "ProcessJob", "SinkTape", "emulated_venue", "replayed", "sink_run", "tree"]

INSTRUMENTS = {
    "binance": ("binance:BTC/USDT", "binance:ETH/USDT"),
    "bitfinex": ("bitfinex:BTC/USD", "bitfinex:ETH/USD"),
    "kraken": ("kraken:BTC/EUR", "kraken:MINA/GBP"),
}


def emulated_venue(name: str) -> Venue:
    """A venue of the installed plugins, with two instruments that its emulator lists."""
    plugins = load_plugins(PluginSettings())
    parts = {}
    for kind in ("adapters", "normalizers", "sync_engines", "emulators"):
        spec = plugins.get(kind, name)
        settings = None if spec.settings is None else spec.settings()
        parts[kind] = lambda spec=spec, settings=settings: spec.factory(settings)
    instruments = INSTRUMENTS.get(name) or polymarket_tokens()
    return Venue(
        adapter=parts["adapters"],
        normalizer=parts["normalizers"],
        rules=parts["sync_engines"](),
        instruments=instruments,
        dialect=parts["emulators"],
    )


def polymarket_tokens() -> tuple[str, ...]:
    """Two tokens that the emulator lists."""
    from mm_polymarket.emulator_listings import TOKENS

    return tuple(f"polymarket:{token}" for token in TOKENS[:2])


def sink_run(kits: Mapping[str, VenueKit], out: Path, run_id: str = "run", **changes: object) -> SinkRun:
    """A run of the virtual clock."""
    clock = VirtualClock()
    run = SinkRun(
        run_id=run_id,
        wall0_ns=clock.wall_ns(),
        start_ns=clock.wall_ns(),
        mono0_ns=clock.mono_ns(),
        venues=tuple(sorted(kits)),
        rules={venue: kit.rules for venue, kit in kits.items()},
        data_dir=out,
        clock=ClockSettings(),
        out=out,
    )
    return attrs.evolve(run, **changes)


@attrs.frozen
class ProcessJob:
    """Day folders of an emulated venue, opened in another process (`sinks.process.Job`).

    ``fail_at``: the record that the sink cannot write.
    """

    venue: str
    out: Path
    fail_at: int | None = None

    def __call__(self) -> SinkSet:
        kits = emulated_venue(self.venue).kits
        sinks = SinkSet([DayFiles() if self.fail_at is None else FullDisk(self.fail_at)], kits)
        sinks.open([sink_run(kits, self.out)])
        return sinks


class FullDisk:
    """A sink whose disk is full after some records."""

    def __init__(self, left: int) -> None:
        self.left = left

    def open(self, run: SinkRun) -> None:
        assert run.out is not None
        if run.out.exists():
            raise ConfigError(f"{run.out} exists and is never overwritten", key="out")
        run.out.mkdir()

    def write(self, seen: Seen) -> None:
        self.left -= 1
        if not self.left:
            raise EnvironmentFailed("cannot write x: No space left on device")

    def close(self) -> None:
        pass


@attrs.define(eq=False)
class SinkTape:
    """A run of an emulated venue with a sink beside it, and its records."""

    simulation: Simulation
    out: Path

    @classmethod
    def run(cls, name: str | Venue, sink: Sink, out: Path, **options: object) -> SinkTape:
        """Run to the end; ``name``: one of the installed venues, or a venue as it is."""
        venue = name if isinstance(name, Venue) else emulated_venue(name)
        simulation = Simulation(venue, **options)  # type: ignore[arg-type]  # as given by the test
        sinks = SinkSet([sink], venue.kits)
        sinks.open([sink_run(simulation.kits, out)])
        simulation.listeners = [LiveSinks(sinks, threaded=False)]
        simulation.run()
        return cls(simulation, out)

    def again(self, sink: Sink, out: Path) -> None:
        """The same records into another sink, as an export does it."""
        kits = self.simulation.venue.kits
        replayed(self.simulation.tape.records, kits, sink, sink_run(kits, out))


def replayed(records: Sequence[bytes], kits: Mapping[str, VenueKit], sink: Sink, run: SinkRun) -> None:
    """Records of one shard through `Feed` into a sink."""
    feed = Feed(kits)
    sinks = SinkSet([sink], kits)
    sinks.open([run])
    for record in records:
        assert len(record) >= HEADER.size
        assert len(list(iter_records(record))) == 1
        sinks.take(0, record, feed.feed(record).kept())
    sinks.close()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
