"""What every venue's rules of continuity must hold to: a book is never SYNCED and wrong.

The rules are tried on a model of a venue that obeys them, in every order, and on the venue's own
frames, each of them lost, repeated, swapped or late. What counts as wrong is what the declared proof
covers: with ``sequence`` the whole book, with ``checksum(n)`` the best n levels; a hash must not be
verified over a wrong book.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

from mm_framework.contracts.adapter import Channel
from mm_framework.model.events import NULL, Kind, Row, SyncState
from mm_framework.testing.conformance.base import Conformance, imported, simulated
from mm_framework.testing.conformance.losses import FAULTS, Moment, Story, struck
from mm_framework.testing.conformance.model import Desk, Model
from mm_framework.testing.simulation import Venue

__all__ = ["SyncConformance"]

MOST_SECONDS = 640.0


class SyncConformance(Conformance):
    """``diffs``: updates of a book, and trades, that are struck each; ``updates`` of the model are lost in
    all combinations, ``orders`` of them come in all orders.
    """

    diffs = 200
    updates = 6
    orders = 4

    def test_the_declared_proofs_are_those_of_the_rules(self) -> None:
        """A channel claims no more than the rules check."""
        rules, adapter = self.venue.rules, self.kit.adapter
        for channel in adapter.channels:
            proof = channel.proof
            match proof.kind:
                case "sequence":
                    scope = None if rules.sequence is None else rules.sequence.scope
                    proved = scope == "connection" or (scope == "instrument" and channel.carries == "book")
                case "checksum":
                    proved = rules.checksum is not None and rules.checksum.depth == proof.levels
                    proved = proved and channel.carries == "book"
                case "hash":
                    proved = rules.hash is not None and channel.carries == "book"
                case "ids":
                    proved = rules.trade_ids is True and channel.carries == "trade"
                case _:
                    continue
            assert proved, (
                f"{adapter.venue} declares {proof} for {channel.name}, which its rules do not check"
            )

    # the rules, on a model

    def test_every_interleaving_of_updates_and_a_snapshot_is_right_or_not_synced(self) -> None:
        """The snapshot before, between and after up to ``updates`` updates, any of which may be lost."""
        model, levels = self._model(self.updates)
        reached = 0
        for place in range(self.updates + 1):
            for snapshot in range(self.updates + 1) if model.fetched else (place,):
                items = model.items(place, snapshot)
                for mask in range(1 << self.updates):
                    desk = Desk(model, levels)
                    for item in items:
                        if item.kind == "snapshot" or mask >> (item.n - 1) & 1:
                            desk.say(item)
                    reached += desk.synced
        assert reached, "no order of updates and a snapshot makes a book SYNCED"

    def test_every_order_of_updates_and_a_snapshot_is_right_or_not_synced(self) -> None:
        """All permutations of ``orders`` updates and a snapshot."""
        model, levels = self._model(self.orders)
        for place in range(self.orders + 1):
            for snapshot in range(self.orders + 1) if model.fetched else (place,):
                for order in permutations(model.items(place, snapshot)):
                    desk = Desk(model, levels)
                    for item in order:
                        desk.say(item)

    def test_after_a_loss_the_next_snapshot_makes_the_book_right(self) -> None:
        """Any one update of the model is lost; then a snapshot and one more update come."""
        model, levels = self._model(self.updates + 1)
        items = model.items(0, 0)[:-1]
        number = sum(len(item.frames) for item in items)
        again = model.snapshot(self.updates, number)
        last = model.update(self.updates + 1, number + (0 if model.fetched else len(again.frames)))
        for lost in range(1, self.updates):
            desk = Desk(model, levels)
            for item in [*items, again, last]:
                if item is again or item.n != lost:
                    desk.say(item)
            assert desk.synced, f"update {lost} was lost, a snapshot came, and the book is not SYNCED"

    # the venue's own frames

    def test_a_lost_repeated_swapped_or_late_update_never_leaves_a_wrong_book_synced(
        self, recordings: Sequence[Sequence[Path]]
    ) -> None:
        """Each of ``diffs`` updates by each of the faults."""
        channel = self.need_channel("book")
        if channel.proof.kind == "none":
            pytest.skip(f"{channel.name} proves nothing: a loss is not seen")
        tried = 0
        for story in self._stories(recordings, channel):
            for moment in story.strikes(Kind.LEVEL):
                tried += 1
                for fault in FAULTS:
                    self._strike(story, moment, fault, channel)
        assert tried, "no update of a SYNCED book to strike"

    def test_a_lost_or_repeated_trade_is_declared_or_dropped(
        self, recordings: Sequence[Sequence[Path]]
    ) -> None:
        """Each of ``diffs`` messages of trades is lost, and repeated."""
        channel = self.need_channel("trade")
        if channel.proof.kind == "none":
            pytest.skip(f"{channel.name} proves nothing: a loss is not seen")
        tried = 0
        for story in self._stories(recordings, channel):
            for moment in story.strikes(Kind.TRADE):
                tried += 1
                runs = [
                    list(struck(story, moment, fault)) for fault in ("drop", "duplicate", "late duplicate")
                ]
                assert any(step.lost() for step in runs[0]), f"frame {moment.place} was lost in silence"
                for steps in runs:
                    ids = [row.aux for step in steps for row in step.rows if _numbered(row)]
                    assert len(set(ids)) == len(ids), f"a trade came twice after frame {moment.place}"
        if not tried:
            pytest.skip(f"no log has enough messages of {channel.name}")

    # parts

    def _model(self, updates: int) -> tuple[Model, int | None]:
        rules, channel = self.venue.rules, self.need_channel("book")
        if rules.sequence is None and rules.checksum is None:
            pytest.skip(f"{channel.name} has proof {channel.proof}: no numbers and no checksum to try")
        return Model(rules, updates), channel.proof.levels

    def _stories(self, recordings: Sequence[Sequence[Path]], channel: Channel) -> list[Story]:
        found = [
            _recorded(self.venue, tuple(files), self.diffs, channel.proof.levels) for files in recordings
        ]
        if self.venue.dialect is not None:
            found.append(_emulated(self.venue, self.diffs, channel.proof.levels))
        if not found:
            pytest.skip(f"{self.kit.adapter.venue} has neither an emulator nor recordings")
        return found

    def _strike(self, story: Story, moment: Moment, fault: str, channel: Channel) -> None:
        """Feed on after a fault. Raises AssertionError for a book that is SYNCED and wrong."""
        truths = story.truths(moment.instrument)
        newest, verified = moment.place - 1, 0
        dropped, state = 0, SyncState.SYNCED
        for step in struck(story, moment, fault):
            if step.came not in truths:
                continue
            newest = max(newest, step.came)
            (view,) = [one for one in step.feed.instruments() if one.id == moment.instrument]
            fresh, verified = view.proofs.hashes_verified > verified, view.proofs.hashes_verified
            dropped, state = step.feed.counts.sequence_dropped, view.state
            if state is not SyncState.SYNCED or (channel.proof.kind == "hash" and not fresh):
                continue
            assert story.held(view) in (truths[step.came], truths.get(newest)), (
                f"{moment.instrument} is SYNCED and wrong at frame {step.came} after {fault} of frame "
                f"{moment.place}, although {channel.name} declares {channel.proof}"
            )
        if "duplicate" in fault and channel.proof.kind == "sequence":
            assert dropped, f"frame {moment.place} was repeated and not counted"
            assert state is SyncState.SYNCED, f"frame {moment.place} was repeated: {state.name}"


def _numbered(row: Row) -> bool:
    return row.kind == Kind.TRADE and row.aux != NULL


@cache
def _recorded(venue: Venue, files: tuple[Path, ...], diffs: int, levels: int | None) -> Story:
    return Story(venue.kits, imported(venue, files), levels, diffs)


@cache
def _emulated(venue: Venue, diffs: int, levels: int | None) -> Story:
    """A tape that is long enough."""
    seconds = 20.0
    while True:
        story = Story(venue.kits, simulated(venue, seconds=seconds).tape.records, levels, diffs)
        if len(story.strikes(Kind.LEVEL)) >= diffs or seconds >= MOST_SECONDS:
            return story
        seconds *= 2
