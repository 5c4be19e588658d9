"""Every check of an emulator finds the emulator, or the venue, that breaks it; and so does the oracle."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from four_venues import VENUES
from kit_checks import checks_of, fails, run_check, skips
from toy_conformance import PingingToyAdapter, ToyFrontend, ToySession, WholeToyDialect, toy
from toy_venue import toy_rules

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.emulator import FrameKind, MarketEvent, Outgoing, notices_of
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.emulator.faults import FAULTS, parse_faults
from mm_framework.feed import Feed, FeedSettings
from mm_framework.feed.instrument import Instrument
from mm_framework.model.events import iter_rows
from mm_framework.sync import book
from mm_framework.testing.conformance import EmulatorConformance
from mm_framework.testing.conformance.emulator import faults_for
from mm_framework.testing.oracle import FalseBook, Oracle
from mm_framework.testing.simulation import Simulation, Venue

Make = Callable[[], Venue]
LISTS = "it_lists_what_it_says"
SEEDED = "the_same_seed_gives_the_same_bytes_and_another_seed_others"
KNOWN = "every_frame_is_one_that_the_normalizer_knows"
TRUE = "without_faults_every_book_is_the_truth_and_no_loss_is_declared"
FAULTY = "under_faults_nothing_false_is_served_and_nothing_is_lost_in_silence"
APART = "several_channels_of_trades_are_numbered_apart"
PLAYBACK = "playback_knows_its_own_frames"


def dialect(**overrides: Any) -> Make:
    """The toy venue with an emulator of which these attributes are others."""
    return lambda: toy(dialect=type("Broken", (WholeToyDialect,), overrides))


def session(**overrides: Any) -> Make:
    """The toy venue with an emulator whose sessions do this."""

    def build(dialect: WholeToyDialect, front: ToyFrontend) -> ToySession:
        return type("Broken", (ToySession,), overrides)(front)  # type: ignore[no-any-return]

    return dialect(session=build)


CLOCK = itertools.count()


def counting(self: ToySession, now_ns: int) -> list[Outgoing]:
    """Something that no seed decides."""
    text = f'{{"ch":"status","text":"{next(CLOCK)}","online":true}}'
    return [Outgoing(text.encode(), FrameKind.CONTROL)]


def constant(self: ToySession, event: MarketEvent) -> list[Outgoing]:
    """The market of no seed."""
    return []


def strange(self: ToySession, now_ns: int) -> list[Outgoing]:
    return [Outgoing(b'{"ch":"news"}', FrameKind.CONTROL)]


def forgetful(self: ToySession, event: MarketEvent) -> list[Outgoing]:
    """Leaves out every tenth event."""
    n = self.front.__dict__["n"] = self.front.__dict__.get("n", 0) + 1
    return [] if n % 10 == 0 else ToySession.event(self, event)


def refusing() -> Venue:
    """Books begin with a REST snapshot that the emulator does not have."""

    def ask(self: object, wanted: Any) -> HttpRequest:
        return HttpRequest("https://toy.invalid/none", "snapshot", instrument=wanted.instrument)

    adapter = type("Fetching", (PingingToyAdapter,), {"snapshot_request": ask})
    return toy(adapter=adapter, rules=SyncRules(sequence=SequenceSpec(bridge="rest")))


CASES: list[tuple[str, str, Make]] = [
    (LISTS, "the emulator is of other", dialect(venue="other")),
    (LISTS, "no path", dialect(paths=())),
    (LISTS, "paths are", dialect(paths=("ws",))),
    (LISTS, "depths are", dialect(depths=(10, 5))),
    (SEEDED, "the same seed gives other records", session(opened=counting)),
    (KNOWN, "malformed, unknown", session(opened=strange)),
    (KNOWN, '"status":404', refusing),
    (KNOWN, "frames in 20 s", session(event=constant, next_timer_ns=lambda self: None)),
    (TRUE, "gaps, checksums", session(event=forgetful)),
    (PLAYBACK, "knows none", dialect(recorded=lambda self, frame: None)),
    (
        PLAYBACK,
        "for data",
        dialect(recorded=lambda self, frame: Outgoing(frame, FrameKind.BOOK, "book", "A/B")),
    ),
]


@pytest.mark.parametrize(("name", "match", "make"), CASES)
def test_a_broken_emulator_is_found(name: str, match: str, make: Make) -> None:
    fails(EmulatorConformance, name, match, venue=make())


def test_an_emulator_that_lists_anything_is_found() -> None:
    def listing(self: WholeToyDialect, symbol: str) -> Any:
        return WholeToyDialect().listing("A/B")

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        run_check(EmulatorConformance, LISTS, venue=dialect(listing=listing)())


def test_an_emulator_without_a_seed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Simulation.run

    def unseeded(self: Simulation) -> Any:
        result = run(self)
        self.tape.records[:] = self.tape.records[:1]
        return result

    monkeypatch.setattr(Simulation, "run", unseeded)
    fails(EmulatorConformance, SEEDED, "another seed gives the same records", venue=toy())


def test_a_venue_whose_books_nobody_checks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book.BookSync, "_checksum", lambda self, expected: expected)
    fails(EmulatorConformance, FAULTY, "with a false book", venue=toy(), faults="drop:0.02", seeds=1)


def test_channels_of_trades_that_are_numbered_together_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_KERNELS", "off")
    monkeypatch.setattr(Instrument, "trades_on", lambda self, channel: self.trades)
    fails(EmulatorConformance, APART, "trade", venue=VENUES["binance"])


def test_each_check_has_a_case() -> None:
    assert {name for name, _, _ in CASES} | {FAULTY, APART} == checks_of(EmulatorConformance)


def test_what_is_not_declared_is_skipped_with_a_reason() -> None:
    for name in checks_of(EmulatorConformance):
        skips(EmulatorConformance, name, "toy declares no emulator", venue=toy(dialect=None))


# which faults a proof must survive


@pytest.mark.parametrize("proof", ["checksum", "sequence", "hash"])
def test_every_fault_is_to_be_survived_where_a_loss_is_seen(proof: str) -> None:
    assert faulty(proof) == {*FAULTS}


def test_no_lost_or_changed_frame_is_asked_of_a_venue_that_cannot_see_it() -> None:
    assert {*FAULTS} - faulty("none") == {"drop", "repeat", "reorder", "corrupt", "checksum"}


def test_what_a_venue_does_by_itself_is_one_of_its_faults() -> None:
    dialect = type("Leaving", (WholeToyDialect,), {"notices": {"leave": "it leaves"}})()
    assert {one.name for one in parse_faults(faults_for("none", dialect), notices_of(dialect))} >= {"leave"}


def faulty(proof: str) -> set[str]:
    return {one.name for one in parse_faults(faults_for(proof, WholeToyDialect()))}


# the oracle


def simulation(rules: SyncRules | None = None, **options: Any) -> Simulation:
    return Simulation(toy(rules=rules or toy_rules()), seconds=60.0, **options)


def test_the_oracle_finds_trades_that_nobody_counts() -> None:
    run = simulation(attrs.evolve(toy_rules(), trade_ids=False), faults="drop:0.05")
    run.oracle.trades.numbered = True
    with pytest.raises(FalseBook, match="neither captured nor declared lost"):
        run.run()


def test_the_oracle_finds_a_feed_that_trusts_a_silent_book() -> None:
    run = simulation(faults="silent@10", feed_settings=FeedSettings(stream_idle_s=1e6))
    run.oracle.patience_ns = 20_000_000_000
    with pytest.raises(FalseBook, match="heard nothing since a frame was suppressed"):
        run.run()


def test_the_oracle_finds_levels_without_a_snapshot() -> None:
    run = simulation()
    run.run()
    (record,) = [one for one in run.tape.records if b'"snap": false' in one][:1]
    feed = Feed(run.kits)
    for one in run.tape.records[: run.tape.records.index(record)]:
        feed.feed(one)
    (row, *_) = iter_rows(feed.feed(record).rows)
    run.oracle._row(row, None)
    run.oracle.seen[row.instrument].fresh = True
    with pytest.raises(FalseBook, match="without a snapshot"):
        run.oracle._row(row, None)


def test_the_truth_log_must_keep_what_is_compared() -> None:
    run = simulation()
    run.emulator.truth.levels = 1
    with pytest.raises(RuntimeError, match="keeps 1 levels"):
        Oracle(run.emulator, patience_ns=1)


def test_a_venue_without_an_emulator_is_not_simulated() -> None:
    with pytest.raises(RuntimeError, match="no emulator"):
        Simulation(toy(dialect=None))
    with pytest.raises(RuntimeError, match="was not run"):
        _ = simulation().result
