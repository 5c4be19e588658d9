"""Every check of the rules of continuity finds rules, or an engine, that break it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from kit_checks import checks_of, fails, run_check, skips
from toy_conformance import ExactToyNormalizer, PingingToyAdapter, toy
from toy_venue import toy_rules

from mm_framework.contracts.adapter import Channel, Proof
from mm_framework.contracts.normalizer import FrameClass
from mm_framework.contracts.sync_engine import ChecksumSpec, SequenceSpec, SyncRules
from mm_framework.sync import book
from mm_framework.testing.conformance import SyncConformance
from mm_framework.testing.simulation import Venue

SPOT = SyncRules(sequence=SequenceSpec(link="first", bridge="rest"))
FUTURES = SyncRules(sequence=SequenceSpec(link="prev", bridge="rest"))
CHANNEL = SyncRules(sequence=SequenceSpec(link="first", bridge="channel"))
CONNECTION = SyncRules(sequence=SequenceSpec(scope="connection"), crossed="ignore")
OWN_FRAME = SyncRules(
    checksum=ChecksumSpec(
        depth=25, order="interleaved", form="js_number", separator=":", sign_on_asks=True, signed=True,
        when="own_frame", truncate=False,
    ),
    sequence=SequenceSpec(scope="connection"),
    crossed="ignore",
)  # fmt: skip
ALL_RULES = {
    "checksum": toy_rules(),
    "spot": SPOT,
    "futures": FUTURES,
    "channel": CHANNEL,
    "connection": CONNECTION,
    "own frame": OWN_FRAME,
}
INTERLEAVING = "every_interleaving_of_updates_and_a_snapshot_is_right_or_not_synced"
ORDER = "every_order_of_updates_and_a_snapshot_is_right_or_not_synced"
AFTER = "after_a_loss_the_next_snapshot_makes_the_book_right"
STRUCK = "a_lost_repeated_swapped_or_late_update_never_leaves_a_wrong_book_synced"
TRADES = "a_lost_or_repeated_trade_is_declared_or_dropped"


def proving(rules: SyncRules, proof: Proof, trades: Proof | None = None) -> Venue:
    """The toy venue under these rules, with these proofs declared."""
    channels = (
        Channel("book", "book", proof, depths=(5, 10)),
        Channel("trade", "trade", trades or Proof("none")),
    )
    return toy(adapter=type("Proving", (PingingToyAdapter,), {"channels": channels}), rules=rules)


def model_of(rules: SyncRules) -> Venue:
    """A venue of which the checks on the model look at nothing but the rules."""
    levels = None if rules.sequence is not None or rules.checksum is None else rules.checksum.depth
    return proving(rules, Proof("sequence") if levels is None else Proof("checksum", levels))


@pytest.mark.parametrize("check", [INTERLEAVING, ORDER, AFTER])
@pytest.mark.parametrize("rules", ALL_RULES)
def test_all_rules_hold_on_their_model(rules: str, check: str) -> None:
    run_check(SyncConformance, check, venue=model_of(ALL_RULES[rules]), updates=4, orders=3)


@pytest.mark.parametrize("check", [INTERLEAVING, ORDER])
@pytest.mark.parametrize("rules", ["spot", "futures", "channel"])
def test_an_engine_that_takes_every_update_for_the_next_is_found(
    monkeypatch: pytest.MonkeyPatch, rules: str, check: str
) -> None:
    monkeypatch.setattr(book.BookSync, "_joins", lambda self, update, number, *, bridging: True)
    monkeypatch.setattr(book.BookSync, "_contained", lambda self, update, number, *, bridging: False)
    venue = model_of(ALL_RULES[rules])
    fails(SyncConformance, check, "SYNCED and wrong", venue=venue, updates=4, orders=3)


@pytest.mark.parametrize("check", [INTERLEAVING, ORDER])
def test_an_engine_that_does_not_compute_checksums_is_found(
    monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    monkeypatch.setattr(book.BookSync, "_checksum", lambda self, expected: expected)
    fails(SyncConformance, check, "SYNCED and wrong", venue=toy(), updates=4, orders=3)


@pytest.mark.parametrize("check", [INTERLEAVING, ORDER])
def test_numbers_of_a_connection_that_nobody_looks_at_are_found(
    monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    from mm_framework.feed.intake import Intake

    monkeypatch.setattr(Intake, "_hole", lambda self, connection, expected, found: None)
    fails(SyncConformance, check, "SYNCED and wrong", venue=model_of(CONNECTION), updates=4, orders=3)


def test_an_engine_that_never_proves_anything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book.BookSync, "_prove", lambda self, message: book._Proof(holds=False))
    fails(SyncConformance, INTERLEAVING, "no order of updates", venue=toy(), updates=3)
    fails(SyncConformance, AFTER, "is not SYNCED", venue=toy(), updates=3)


@pytest.mark.parametrize(
    ("proof", "trades", "rules"),
    [
        (Proof("sequence"), None, toy_rules()),
        (Proof("checksum", 5), None, toy_rules()),
        (Proof("hash"), None, toy_rules()),
        (Proof("checksum", 3), Proof("ids"), SyncRules(checksum=ChecksumSpec(depth=3))),
        (Proof("sequence"), Proof("sequence"), SPOT),
    ],
)
def test_a_proof_that_the_rules_do_not_check_is_found(
    proof: Proof, trades: Proof | None, rules: SyncRules
) -> None:
    venue = proving(rules, proof, trades)
    fails(SyncConformance, "the_declared_proofs_are_those_of_the_rules", "do not check", venue=venue)


@pytest.mark.parametrize("rules", [SPOT, CONNECTION, OWN_FRAME, toy_rules()])
def test_a_proof_that_the_rules_check_is_accepted(rules: SyncRules) -> None:
    run_check(SyncConformance, "the_declared_proofs_are_those_of_the_rules", venue=model_of(rules))


@pytest.mark.parametrize("proof", [Proof("checksum", 3), Proof("sequence")])
def test_a_book_that_nothing_checks_is_found_wrong_when_updates_are_lost(
    monkeypatch: pytest.MonkeyPatch, proof: Proof
) -> None:
    monkeypatch.setattr(book.BookSync, "_checksum", lambda self, expected: expected)
    fails(SyncConformance, STRUCK, "SYNCED and wrong at frame", venue=proving(toy_rules(), proof), diffs=20)


def test_a_checksum_that_covers_less_than_declared_is_found() -> None:
    venue = proving(toy_rules(), Proof("checksum", 5))
    fails(SyncConformance, STRUCK, "although book declares checksum", venue=venue, diffs=150)


@pytest.mark.parametrize("holds", [True, None])
def test_a_hash_must_not_hold_for_a_wrong_book(monkeypatch: pytest.MonkeyPatch, holds: bool | None) -> None:
    class Hash:
        def verify(self, *told: Any) -> bool | None:
            return holds

    class WithDigest(ExactToyNormalizer):
        def book(self, body: Any, out: Any) -> Any:
            if out.begin("book", "book", body.sym, snapshot=body.snap):
                for side, levels in ((1, body.bids), (-1, body.asks)):
                    for level in levels:
                        out.level(side, *level)
                out.end(checksum=body.c, digest="x")
            return FrameClass.DATA

    monkeypatch.setattr(book.BookSync, "_checksum", lambda self, expected: expected)
    venue = proving(attrs.evolve(toy_rules(), hash=Hash()), Proof("hash"))
    venue = attrs.evolve(venue, normalizer=WithDigest)
    if holds:
        fails(SyncConformance, STRUCK, "although book declares hash", venue=venue, diffs=20)
    else:
        run_check(SyncConformance, STRUCK, venue=venue, diffs=20)


def test_trades_that_nobody_counts_are_found() -> None:
    venue = proving(SyncRules(checksum=ChecksumSpec(depth=3)), Proof("checksum", 3), Proof("ids"))
    fails(SyncConformance, TRADES, "was lost in silence", venue=venue, diffs=5)


def test_trades_that_come_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from mm_framework.sync.trades import TradeSync

    monkeypatch.setattr(TradeSync, "_repeated", lambda self, trade_id: False)
    fails(SyncConformance, TRADES, "came twice", venue=toy(), diffs=5)


def test_each_check_has_a_case() -> None:
    declared = "the_declared_proofs_are_those_of_the_rules"
    assert checks_of(SyncConformance) == {INTERLEAVING, ORDER, AFTER, STRUCK, TRADES, declared}


def test_what_proves_nothing_is_skipped_with_a_reason() -> None:
    venue = proving(SyncRules(crossed="ignore"), Proof("none"))
    for check in (STRUCK, TRADES):
        skips(SyncConformance, check, "proves nothing", venue=venue)
    for check in (INTERLEAVING, ORDER, AFTER):
        skips(SyncConformance, check, "no numbers and no checksum", venue=venue)
    skips(SyncConformance, STRUCK, "neither an emulator nor recordings", venue=toy(dialect=None))
