"""Notices of `Feed` as lines of the run log, and refusals that end a run."""

from __future__ import annotations

from typing import Any, cast

from mm_framework.capture.notices import MALFORMED_TOLD, NoticeLog
from mm_framework.capture.plan import ShardPlan
from mm_framework.capture.shard import Shard
from mm_framework.contracts.adapter import Subscription
from mm_framework.feed.output import (
    Acknowledged,
    Malformed,
    Notice,
    Refusal,
    StateChanged,
    StatusChanged,
)
from mm_framework.model.events import Reason, SyncState


class FakeShard:
    """As much of a shard as notices need."""

    number = 0
    online = True
    plan = ShardPlan(
        0,
        "toy",
        "ws://toy.invalid",
        tuple(
            Subscription(f"toy:{name}", name, kind) for name in ("A/B", "A/C") for kind in ("book", "trade")
        ),
    )

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []

    def log(self, level: int, event: str, **facts: Any) -> None:
        self.lines.append((level, event, facts))


def tell(log: NoticeLog, *notices: Notice) -> tuple[FakeShard, Exception | None]:
    shard = FakeShard()
    return shard, log.tell(cast(Shard, shard), list(notices))


def test_a_refusal_of_what_never_began_is_an_error_with_all_texts_once() -> None:
    twice = Refusal("no such symbol", "toy:A/B", "book")
    unlisted = Refusal("toy does not list A/C; near are A/B", "toy:A/C", "book")
    _, error = tell(NoticeLog(), twice, twice, unlisted)
    assert str(error) == "toy refused book of toy:A/B: no such symbol; toy does not list A/C; near are A/B"


def test_a_refusal_of_what_had_begun_is_only_told() -> None:
    log = NoticeLog()
    assert tell(log, Acknowledged("toy:A/B", "book", True))[1] is None
    shard, error = tell(log, Refusal("later", "toy:A/B", "book"))
    assert error is None
    assert [event for _, event, _ in shard.lines] == ["refused"]
    assert tell(log, Refusal("later", "toy:A/B", "trade"))[1] is not None


def test_a_refusal_of_what_was_followed_later_is_only_told() -> None:
    shard, error = tell(NoticeLog(), Refusal("no such symbol", "toy:N/EW", "book"))
    assert error is None
    assert [event for _, event, _ in shard.lines] == ["refused"]


def test_a_resync_is_a_warning() -> None:
    changes = [
        StateChanged("toy:A/B", SyncState.SYNCED, SyncState.RESYNCING, Reason.CHECKSUM_MISMATCH, 2),
        StateChanged("toy:A/B", SyncState.RESYNCING, SyncState.SYNCING, Reason.SNAPSHOT, 2),
    ]
    shard, _ = tell(NoticeLog(), *changes)
    assert [level for level, _, _ in shard.lines] == [30, 20]


def replaced(epoch: int, after: int) -> list[Notice]:
    """A snapshot of a proved book, and its proof."""
    return [
        StateChanged("toy:A/B", SyncState.SYNCED, SyncState.SYNCING, Reason.SNAPSHOT, epoch),
        StateChanged("toy:A/B", SyncState.SYNCING, SyncState.SYNCED, Reason.VERIFIED, after),
    ]


def test_a_proved_book_that_one_record_replaces_by_another_is_no_news() -> None:
    other = StateChanged("toy:A/C", SyncState.SYNCING, SyncState.SYNCED, Reason.VERIFIED, 3)
    begin, end = replaced(1, 1)
    shard, _ = tell(NoticeLog(), begin, other, end)
    assert [facts["instrument"] for _, _, facts in shard.lines] == ["toy:A/C"]


def test_a_book_that_waits_for_its_proof_or_lost_its_epoch_is_told() -> None:
    log = NoticeLog()
    begin, end = replaced(1, 1)
    assert len(tell(log, begin)[0].lines) == 1
    assert len(tell(log, end)[0].lines) == 1
    assert len(tell(log, *replaced(1, 2))[0].lines) == 2


def test_the_venues_own_status_is_kept_that_of_a_market_is_not() -> None:
    log = NoticeLog()
    shard, _ = tell(log, StatusChanged("maintenance", False))
    assert shard.online is False
    shard, _ = tell(log, StatusChanged("halted", False, "toy:A/B"))
    assert shard.online is True


def test_malformed_frames_are_told_up_to_a_number_a_connection() -> None:
    log = NoticeLog()
    shard, _ = tell(
        log, *(Malformed(0, frame, "no JSON") for frame in range(50)), Malformed(1, 50, "no JSON")
    )
    assert len(shard.lines) == MALFORMED_TOLD + 1
