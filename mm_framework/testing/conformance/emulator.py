"""What every emulator must hold to: repeatable, readable, and survived under faults by the oracle."""

from __future__ import annotations

import pytest

from mm_framework.contracts.emulator import Dialect, notices_of
from mm_framework.emulator.faults import parse_faults
from mm_framework.errors import ConfigError
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.testing.conformance.base import Conformance, frames_of, one_of_each, simulated
from mm_framework.testing.simulation import Simulation, survivable

__all__ = ["EmulatorConformance", "faults_for"]


def faults_for(proof: str, dialect: Dialect) -> str:
    """The faults that a venue must survive whose books have this proof."""
    return ",".join(map(str, survivable(proof, dialect)))


class EmulatorConformance(Conformance):
    """``seconds`` of virtual time for each of ``seeds`` seeds under ``faults`` (empty: those that the proof
    of the books must survive).
    """

    seconds = 60.0
    seeds = 3
    faults = ""

    def test_it_lists_what_it_says(self) -> None:
        """Paths, depths and instruments; an unknown name is a configuration error."""
        dialect, adapter = self._dialect(), self.kit.adapter
        assert dialect.venue == adapter.venue, f"the emulator is of {dialect.venue}"
        assert dialect.paths, "no path to connect to"
        assert all(path.startswith("/") for path in dialect.paths), f"paths are {dialect.paths}"
        assert sorted({*dialect.depths}) == [*dialect.depths], f"depths are {dialect.depths}"
        for symbol in (*dialect.symbols, *map(adapter.venue_symbol, self.venue.instruments)):
            listing = dialect.listing(symbol)
            again = dialect.listing(listing.symbol)
            assert again == listing, f"{symbol} is listed as {listing}, its own name as {again}"
        with pytest.raises(ConfigError):
            dialect.listing("\u2603 no such thing \u2603")

    def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(self) -> None:
        """Frame by frame, with their times."""
        self._dialect()
        wanted = one_of_each(self.kit.adapter)
        first, again, other = (
            Simulation(self.venue, seed, 8.0, self._faults(), channels=wanted) for seed in (5, 5, 6)
        )
        for run in (first, again, other):
            run.run()
        assert first.tape.records == again.tape.records, "the same seed gives other records"
        assert first.tape.records != other.tape.records, "another seed gives the same records"

    def test_every_frame_is_one_that_the_normalizer_knows(self) -> None:
        """Nothing malformed or unknown, and REST answers with status 200."""
        self._dialect()
        run = simulated(self.venue, seconds=20.0)
        counts = run.result.counts
        assert counts.frames > 50, f"only {counts.frames} frames in 20 s"
        assert (counts.malformed, counts.unknown) == (0, 0), f"malformed, unknown: {counts}"
        bodies = [one for raw in run.tape.records for one in iter_records(raw) if one.kind == RecordKind.HTTP]
        for body in bodies:
            assert b'"status":200' in bytes(body.payload).partition(b"\n")[0], bytes(body.payload)[:300]

    def test_without_faults_every_book_is_the_truth_and_no_loss_is_declared(self) -> None:
        """The oracle compares every message of a SYNCED book."""
        self._dialect()
        self.need_channel("book")
        run = simulated(self.venue, seconds=self.seconds)
        counts, seen = run.result.counts, run.oracle.counts
        assert self._proved() is None or seen["compared"] > 50, f"only {seen['compared']} books compared"
        losses = (counts.gaps, counts.checksums_failed, counts.sequence_breaks, counts.crossed)
        assert not any(losses), f"gaps, checksums, breaks, crossed books: {losses}"
        assert run.result.reconnects["total"] == 0, f"reconnects: {run.result.reconnects}"
        states = {one["state"] for one in run.result.instruments.values()}
        assert states == {"SYNCED"}, f"at the end the books are {states}"

    def test_under_faults_nothing_false_is_served_and_nothing_is_lost_in_silence(self) -> None:
        """Emulator, network, runner and feed, held against the truth."""
        self._dialect()
        compared = 0
        for seed in range(self.seeds):
            run = Simulation(
                self.venue, seed, self.seconds, self._faults(), 5.0, one_of_each(self.kit.adapter)
            )
            run.run()
            compared += run.oracle.counts["compared"]
        assert self._proved() is None or compared > 50, f"only {compared} books compared"

    def test_several_channels_of_trades_are_numbered_apart(self) -> None:
        """All of them together, with frames lost, repeated and late: none is lost, none comes twice."""
        self._dialect()
        channels = [one for one in self.kit.adapter.channels if one.carries == "trade"]
        if len(channels) < 2:
            pytest.skip(f"{self.kit.adapter.venue} declares one channel of trades")
        names = tuple(one.name for one in channels)
        run = Simulation(
            self.venue, 1, self.seconds, "drop:0.02,repeat:0.02,reorder:0.01", 20.0, channels=names
        )
        run.run()
        counted = run.oracle.trades.counted()
        for instrument in self.venue.instruments:
            for name in names:
                found = counted.get((instrument, name), 0)
                assert found > 10, f"{instrument}: {found} trades of {name} beside the others"

    def test_playback_knows_its_own_frames(self) -> None:
        """`Dialect.recorded` says of each frame of data what it is, and nothing of others."""
        dialect = self._dialect()
        records = simulated(self.venue, seconds=20.0).tape.records
        known = [dialect.recorded(bytes(record.payload)) for record in frames_of(records)]
        found = [one for one in known if one is not None]
        assert found, "recorded knows none of the emulator's own frames"
        assert all(one.channel for one in found), "a recorded frame of data has no channel"
        for frame in (b"", b"{", b"null", b"[]"):
            assert dialect.recorded(frame) is None, f"recorded takes {frame!r} for data"

    # parts

    def _dialect(self) -> Dialect:
        self.need_emulator()
        assert self.venue.dialect is not None
        return self.venue.dialect()

    def _proved(self) -> str | None:
        channel = self.venue.channel("book")
        return None if channel is None or channel.proof.kind == "none" else channel.proof.kind

    def _faults(self) -> str:
        """Raises ConfigError for faults that are not known."""
        dialect = self._dialect()
        faults = self.faults or faults_for(self._proved() or "none", dialect)
        return ",".join(str(one) for one in parse_faults(faults, notices_of(dialect)))
