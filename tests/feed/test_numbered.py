"""Venues with numbers: losses found at the next message, snapshots over REST, both paths the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from feed_desk import read
from numbered_venue import CONNECTION, FUTURES, SPOT, encode, kits, outcome

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sync_engine import SequenceSpec
from mm_framework.feed import Feed, FeedConfig, FeedSettings
from mm_framework.feed.output import Fetch
from mm_framework.kernels.loader import active
from mm_framework.model.events import Kind, SyncState
from mm_framework.model.frame import RecordKind, encode_http, encode_json, encode_record


class Log:
    """Records by hand; update n sets the bid at price n."""

    def __init__(self, symbols: Sequence[str] = ("A/B",), step_ns: int = 1_000_000) -> None:
        self.records: list[bytes] = []
        self.step_ns = step_ns
        subscriptions = tuple(Subscription(f"toy:{symbol}", symbol, "book") for symbol in symbols)
        settings = FeedSettings(idle_timeout_s=1e6, stream_idle_s=1e6)
        config = FeedConfig("toy", subscriptions=subscriptions, settings=settings)
        self.add(RecordKind.CONTROL, encode_json({"op": "start", "config": config.to_json()}))
        self.add(RecordKind.OPEN, encode_json({"url": "ws://toy.invalid"}))
        self.add(RecordKind.FRAME, b'{"ack":1}')

    def add(self, kind: RecordKind, payload: bytes) -> bytes:
        n = len(self.records)
        self.records.append(encode_record(kind, payload, index=n, mono_ns=(n + 1) * self.step_ns, wall_ns=n))
        return self.records[-1]

    def update(self, n: int, symbol: str = "A/B", seq: int | None = None) -> bytes:
        body = {"ch": "book", "s": symbol, "U": n, "u": n, "pu": n - 1, "seq": n if seq is None else seq}
        return self.add(RecordKind.FRAME, encode({**body, "b": [[str(n), "1.5"]], "a": []}))

    def snapshot(self, number: int, symbol: str = "A/B", **meta: Any) -> bytes:
        body = {"s": symbol, "u": number, "b": [[str(n), "1.5"] for n in range(1, number + 1)], "a": []}
        told = {"what": "snapshot", "instrument": f"toy:{symbol}", "status": 200, "error": None, **meta}
        return self.add(RecordKind.HTTP, encode_http(told, encode(body)))

    def on_channel(self, number: int, symbol: str = "A/B") -> bytes:
        body = {"ch": "book", "s": symbol, "u": number, "seq": number, "snap": True, "a": []}
        bids = [[str(n), "1.5"] for n in range(1, number + 1)]
        return self.add(RecordKind.FRAME, encode({**body, "b": bids}))


def test_the_snapshot_is_fetched_when_the_subscription_works_and_joined_to_what_waited() -> None:
    feed, log = Feed(kits(SPOT)), Log()
    (fetch,) = read(feed, log.records).of(Fetch)
    assert fetch.request.instrument == "toy:A/B"
    read(feed, [log.update(n) for n in (4, 5, 6)])
    assert feed.instruments()[0].state is SyncState.SNAPSHOT
    said = read(feed, [log.snapshot(4)])
    assert [row.kind for row in said.events()].count(Kind.LEVEL) == 6
    (view,) = feed.instruments()
    assert view.state is SyncState.SYNCED
    assert (view.proofs.sequence_applied, view.proofs.sequence_dropped) == (2, 1)
    assert not read(feed, [log.update(7)]).of(Fetch)


@pytest.mark.parametrize(
    ("number", "meta"), [(1, {}), (9, {"status": 429}), (9, {"error": "timed out", "status": None})]
)
def test_a_snapshot_that_is_too_old_or_failed_is_fetched_again_after_a_pause(
    number: int, meta: dict[str, Any]
) -> None:
    feed, log = Feed(kits(SPOT)), Log()
    read(feed, [*log.records, log.update(4)])
    assert not read(feed, [log.snapshot(number, **meta)]).of(Fetch)
    due = feed.next_deadline_ns()
    assert due is not None
    tick = encode_record(RecordKind.TICK, b"", index=len(log.records), mono_ns=due, wall_ns=0)
    assert len(read(feed, [tick]).of(Fetch)) == 1


def test_an_answer_that_comes_after_its_connection_was_lost_is_of_no_use() -> None:
    feed, log = Feed(kits(SPOT)), Log()
    assert read(feed, log.records).of(Fetch)
    lost = {"reason": "RESET", "code": None, "detail": "", "planned": False}
    read(feed, [log.add(RecordKind.LOST, encode_json(lost)), log.snapshot(4)])
    assert [view.state for view in feed.instruments()] in ([], [SyncState.CONNECTING])
    said = read(feed, [log.add(RecordKind.OPEN, encode_json({"url": "ws://toy.invalid"}))])
    assert said.sent(), "the book is subscribed again"
    read(feed, [log.add(RecordKind.FRAME, b'{"ack":2}'), log.update(5), log.snapshot(4), log.update(6)])
    assert feed.instruments()[0].state is SyncState.SYNCED


def test_an_answer_that_fails_when_the_book_is_there_already_changes_nothing() -> None:
    feed, log = Feed(kits(SPOT)), Log()
    read(feed, [*log.records, log.update(4), log.snapshot(4)])
    for late in (log.snapshot(9, status=429), log.snapshot(9, status=None, error="timed out")):
        assert not read(feed, [late]).commands
    for n in range(3):
        due = feed.next_deadline_ns()
        assert due is not None
        tick = encode_record(RecordKind.TICK, b"", index=len(log.records) + n, mono_ns=due, wall_ns=0)
        said = read(feed, [tick])
        if due < 10**12:  # before the silence of the connection
            assert not said.commands


def test_a_hole_is_declared_at_the_next_update_and_the_book_is_fetched_anew() -> None:
    feed, log = Feed(kits(SPOT)), Log()
    read(feed, [*log.records, log.update(4), log.snapshot(4), log.update(5)])
    said = read(feed, [log.update(7)])
    (gap,) = [row for row in said.events() if row.kind == Kind.GAP]
    assert (gap.price, gap.size) == (6, 7)
    assert len(said.of(Fetch)) == 1
    read(feed, [log.snapshot(6)])
    assert feed.instruments()[0].state is SyncState.SYNCED


def test_a_hole_in_a_connection_loses_all_its_books() -> None:
    feed, log = Feed(kits(CONNECTION)), Log(["A/B", "C/D"])
    read(feed, [*log.records, log.on_channel(1), log.on_channel(2, "C/D"), log.update(3)])
    assert [view.state for view in feed.instruments()] == [SyncState.SYNCED] * 2
    said = read(feed, [log.update(5, "C/D")])
    assert [(row.price, row.size) for row in said.events() if row.kind == Kind.GAP] == [(4, 5)] * 2
    assert feed.counts.sequence_breaks == 1
    read(feed, [log.update(5, "C/D")])
    assert feed.counts.sequence_dropped == 1


@pytest.mark.parametrize("link", ["first", "prev"])
def test_a_number_that_came_too_high_does_not_leave_the_book_standing_still(link: Any) -> None:
    feed = Feed(kits(SequenceSpec(link=link, bridge="rest")))
    log = Log(step_ns=500_000_000)
    read(feed, [*log.records, log.update(4), log.snapshot(4), log.update(5)])
    wrong = {"ch": "book", "s": "A/B", "U": 6, "u": 600, "pu": 5, "b": [["6", "1.5"]], "a": []}
    read(feed, [log.add(RecordKind.FRAME, encode(wrong))])
    said = [read(feed, [log.update(n)]) for n in range(7, 12)]
    gaps = [[(row.price, row.size) for row in one.events() if row.kind == Kind.GAP] for one in said]
    assert gaps == [[], [], [], [], [(601, 11) if link == "first" else (600, 10)]]
    assert feed.counts.sequence_breaks == 1
    assert len(said[-1].of(Fetch)) == 1
    read(feed, [log.snapshot(11), log.update(12)])
    assert feed.instruments()[0].state is SyncState.SYNCED


def test_repetitions_between_updates_are_no_row() -> None:
    feed, log = Feed(kits(SPOT)), Log(step_ns=2_000_000_000)
    read(feed, [*log.records, log.update(4), log.snapshot(4)])
    for n in range(5, 15):
        read(feed, [log.update(n), log.update(n - 1), log.update(n)])
    assert feed.instruments()[0].state is SyncState.SYNCED
    assert feed.counts.sequence_breaks == 0


def test_a_connection_whose_number_came_too_high_is_read_again_after_a_while() -> None:
    feed, log = Feed(kits(CONNECTION)), Log(step_ns=500_000_000)
    read(feed, [*log.records, log.on_channel(1), log.update(2), log.update(3, seq=900)])
    assert feed.counts.sequence_breaks == 1
    said = [read(feed, [log.update(n)]) for n in range(4, 9)]
    assert [len([row for row in one.events() if row.kind == Kind.GAP]) for one in said] == [0, 0, 0, 0, 1]
    read(feed, [log.on_channel(9), log.update(10)])
    assert feed.instruments()[0].state is SyncState.SYNCED


@pytest.mark.parametrize("spec", [SPOT, FUTURES, CONNECTION])
@pytest.mark.parametrize("seed", range(12))
def test_both_paths_agree_on_damaged_sequences_in_any_blocks(spec: SequenceSpec, seed: int) -> None:
    source = random.Random(seed)
    log = Log(step_ns=source.choice((1_000_000, 300_000_000)))
    numbers = list(range(2, 60))
    for _ in range(source.randrange(4)):
        place = source.randrange(len(numbers) - 1)
        match source.randrange(4):
            case 3:
                numbers[place] += source.choice((5, 50))  # it came wrong
            case 0:
                del numbers[place]
            case 1:
                numbers.insert(place, numbers[place])
            case _:
                numbers[place : place + 2] = reversed(numbers[place : place + 2])
    begin = log.snapshot if spec.bridge == "rest" else log.on_channel
    begin(1)
    for n in numbers:
        log.update(n)
        if source.random() < 0.05 and spec.bridge == "rest":
            log.snapshot(n)
    reference = Feed(kits(spec), reference=True)
    expected = outcome(reference, read(reference, log.records))
    for cuts in ([], sorted(source.sample(range(1, len(log.records)), 20)), range(1, len(log.records))):
        feed = Feed(kits(spec))
        assert outcome(feed, read(feed, log.records, list(cuts))) == expected


@pytest.mark.skipif(not active(), reason="this run has no kernels")
@pytest.mark.parametrize("spec", [SPOT, FUTURES, CONNECTION])
def test_updates_that_follow_are_read_by_the_kernels(
    spec: SequenceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    (log.snapshot if spec.bridge == "rest" else log.on_channel)(1)
    for n in range(2, 60):
        log.update(n)
    taken: list[int] = []
    by_reference = Feed._take
    monkeypatch.setattr(
        Feed, "_take", lambda feed, record: (taken.append(record.index), by_reference(feed, record))[1]
    )
    feed = Feed(kits(spec))
    read(feed, log.records)
    assert feed.counts.sequence_applied >= 58
    assert len(taken) <= 6
