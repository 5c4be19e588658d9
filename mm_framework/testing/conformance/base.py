"""What all classes of the kit share: the venue under test, its recordings, tapes of its emulator."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest

from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import open_run
from mm_framework.contracts.adapter import Adapter, Channel
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.model.frame import Record, RecordKind, iter_records, split_http
from mm_framework.testing.simulation import Simulation, Venue

__all__ = ["QUICK", "Conformance", "bodies_of", "frames_of", "imported", "one_of_each", "simulated"]

MOST_RECORDS = 3000
"""Records of a recording that the checks read: the first ones."""


class Conformance:
    """``venue`` is set by the class that inherits."""

    venue: Venue

    @pytest.fixture
    def recordings(self) -> Sequence[Sequence[Path]]:
        """Files that `mm import` reads, each group one run: override it where a venue has any."""
        return ()

    @property
    def kit(self) -> VenueKit:
        """A new kit of the venue."""
        (kit,) = self.venue.kits.values()
        return kit

    def need_emulator(self) -> None:
        """Skip the check where the venue has no emulator."""
        if self.venue.dialect is None:
            pytest.skip(f"{self.kit.adapter.venue} declares no emulator")

    def need_channel(self, carries: str) -> Channel:
        """The first channel that carries this; skip the check where there is none."""
        channel = self.venue.channel(carries)
        if channel is None:
            pytest.skip(f"{self.kit.adapter.venue} declares no channel that carries {carries}")
        return channel

    def logs(self, recordings: Sequence[Sequence[Path]]) -> list[list[bytes]]:
        """All logs there are: each recording, and a tape of the emulator. Skips where there is none."""
        logs = [imported(self.venue, tuple(files)) for files in recordings]
        if self.venue.dialect is not None:
            logs.append(simulated(self.venue, seconds=20.0).tape.records)
        if not logs:
            pytest.skip(f"{self.kit.adapter.venue} has neither an emulator nor recordings")
        return logs


def one_of_each(adapter: Adapter) -> tuple[str, ...]:
    """The first channel of each kind: others of the kind would tell the same again."""
    first: dict[str, str] = {}
    for channel in adapter.channels:
        first.setdefault(channel.carries, channel.name)
    return tuple(first.values())


QUICK = FeedSettings(stream_idle_s=20.0, stable_s=5.0)
"""Deadlines that let much happen in a minute."""


@cache
def simulated(
    venue: Venue,
    *,
    seed: int = 1,
    seconds: float = 60.0,
    faults: str = "",
    rate: float = 10.0,
    channels: tuple[str, ...] = (),
    websocket_pings: bool = True,
    feed_settings: FeedSettings = QUICK,
) -> Simulation:
    """A simulation that was run to its end; the same arguments give the same one."""
    wanted = channels or one_of_each(venue.adapter())
    run = Simulation(venue, seed, seconds, faults, rate, wanted, websocket_pings, feed_settings)
    run.run()
    return run


@cache
def imported(venue: Venue, files: tuple[Path, ...]) -> list[bytes]:
    """The first records of the run that these files are."""
    ((name, kit),) = venue.kits.items()
    with tempfile.TemporaryDirectory() as folder:
        request = ImportRequest(files, name, Path(folder) / "run")
        import_recording(request, kit, created="2026-01-01T00:00:00Z", made_by="the conformance kit")
        run = open_run(request.out)
        return [bytes(record) for (_, record), _ in zip(run.records(), range(MOST_RECORDS), strict=False)]


def bodies_of(records: Iterable[bytes]) -> list[bytes]:
    """The bodies of REST answers."""
    decoded = (record for one in records for record in iter_records(one))
    return [split_http(record.payload)[1] for record in decoded if record.kind == RecordKind.HTTP]


def frames_of(records: Iterable[bytes]) -> list[Record]:
    """The frames, those that were received."""
    decoded = (record for one in records for record in iter_records(one))
    return [record for record in decoded if record.kind == RecordKind.FRAME]
