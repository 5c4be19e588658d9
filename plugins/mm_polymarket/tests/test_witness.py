"""A hash that differs is a doubt, and REST decides: the emulator's faults one kind at a time."""

from __future__ import annotations

import pytest

from mm_framework.feed import FeedSettings
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import Reason
from mm_framework.model.frame import RecordKind, iter_records, split_http
from mm_framework.testing.simulation import Simulation, Venue
from mm_framework.testing.twin import compare
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.sync import RULES

POLYMARKET = Venue(
    PolymarketAdapter,
    PolymarketNormalizer,
    RULES,
    tuple(f"polymarket:{token}" for token in TOKENS[:2]),
    PolymarketDialect,
)


def captured(faults: str, seed: int = 1, **changes: object) -> Simulation:
    """Two markets for two minutes."""
    settings = FeedSettings(**{"stream_idle_s": 20.0, "stable_s": 5.0, **changes})  # type: ignore[arg-type]
    run = Simulation(POLYMARKET, seed, 120.0, faults, 5.0, feed_settings=settings)
    run.run()
    return run


def answers(run: Simulation) -> list[dict[str, object]]:
    """What was asked over REST, and how it was answered."""
    records = [one for raw in run.tape.records for one in iter_records(raw)]
    return [split_http(one.payload)[0] for one in records if one.kind == RecordKind.HTTP]


def refuted(run: Simulation) -> list[StateChanged]:
    """Books that were lost by a hash."""
    changes = [one for one in run.tape.notices if isinstance(one, StateChanged)]
    return [one for one in changes if one.reason is Reason.HASH_MISMATCH]


def test_a_wrong_hash_of_a_right_book_is_asked_about_and_the_book_stays() -> None:
    run = captured("checksum:0.02")
    counts = run.result.counts
    assert counts.hashes_unverified > 10
    assert counts.gaps == counts.witnesses_refuted == 0
    assert counts.epochs == 2, "one for each book"
    assert counts.hashes_failed == 0


def test_a_right_book_whose_hashes_stay_wrong_is_proved_by_the_witness() -> None:
    run = captured("checksum:1")
    counts = run.result.counts
    assert counts.witnesses_asked == 0, "none has ever held"
    run = captured("checksum@20,checksum@20.1,checksum@20.2", witness_wait_s=0.0)
    counts = run.result.counts
    assert (counts.witnesses_asked, counts.witnesses_equal, counts.gaps) == (1, 1, 0)
    (answer,) = answers(run)
    assert (answer["what"], answer["status"]) == ("witness", 200)


@pytest.mark.parametrize("fault", ["drop", "corrupt", "reorder", "repeat"])
def test_a_false_book_is_lost_within_seconds_and_asked_for_anew(fault: str) -> None:
    run = captured(f"{fault}:0.05")
    counts = run.result.counts
    assert run.oracle.counts["compared"] > 300
    if fault in ("drop", "corrupt"):
        assert refuted(run)
        assert counts.witnesses_refuted > 0
        assert all(one["what"] == "witness" for one in answers(run))
    if fault == "repeat":
        assert counts.gaps == 0, "a frame that comes twice changes nothing"


@pytest.mark.parametrize("trouble", ["5xx:0.5", "stale:0.7", "429:0.3", "5xx:1"])
def test_a_witness_that_fails_is_asked_again_and_at_last_the_subscription_is(trouble: str) -> None:
    run = captured(f"drop:0.05,{trouble}")
    counts = run.result.counts
    assert counts.witnesses_asked > counts.witnesses_equal + counts.witnesses_refuted
    assert refuted(run), "by a witness, or by the book of the subscription"


def test_without_attempts_a_hash_is_only_counted() -> None:
    run = captured("drop:0.05", witness_attempts=0)
    assert run.result.counts.hashes_unverified > 50
    assert (run.result.counts.witnesses_asked, answers(run), refuted(run)) == (0, [], [])


def test_questions_about_one_book_have_pauses() -> None:
    run = captured("checksum:0.5", witness_wait_s=0.0, witness_pause_s=7.0)
    asked = run.result.counts.witnesses_asked
    assert 10 < asked <= 2 * (120 / 7 + 1)


@pytest.mark.parametrize("seed", range(3))
def test_kernels_and_the_reference_doubt_alike_at_every_cut_of_the_log(seed: int) -> None:
    run = captured("drop:0.02,checksum:0.02,corrupt:0.02,stale:0.3,5xx:0.2", seed)
    twin = compare(POLYMARKET.kits, run.tape.records, seed=seed)
    assert twin.reference.counts.witnesses_asked > 3
    assert twin.reference.counts.witnesses_asked == run.result.counts.witnesses_asked
