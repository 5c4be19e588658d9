"""A snapshot that is asked for because the best price has left what is known: when, how often, what then."""

from __future__ import annotations

import random
from typing import Any

import pytest
from feed_desk import Reading, checkpoint_record, read
from numbered_venue import FUTURES, SPOT, encode, kits, outcome

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sync_engine import SequenceSpec
from mm_framework.feed import Feed, FeedConfig, FeedSettings
from mm_framework.feed.output import DepthRefresh, Fetch
from mm_framework.kernels.loader import active
from mm_framework.model.events import Kind, Reason, RowFlag, SyncState
from mm_framework.model.frame import RecordKind, encode_http, encode_json, encode_record

S = 1_000_000_000
DEPTH = 3


class Log:
    """Records by hand, of books whose snapshots have three levels a side. A second passes with each."""

    def __init__(self, symbols: tuple[str, ...] = ("A/B",), *, live: bool = True, **settings: Any) -> None:
        self.records: list[bytes] = []
        self.at_ns = 0
        self.books: dict[str, tuple[dict[int, str], dict[int, str]]] = {}
        self.numbers: dict[str, int] = {}
        subscriptions = tuple(Subscription(f"toy:{one}", one, "book", DEPTH) for one in symbols)
        usual = {"idle_timeout_s": 1e6, "stream_idle_s": 1e6, "refresh_min_interval_s": 10.0}
        config = FeedConfig(
            "toy", subscriptions=subscriptions, settings=FeedSettings(**{**usual, **settings}), live=live
        )
        self.add(RecordKind.CONTROL, encode_json({"op": "start", "config": config.to_json()}))
        self.add(RecordKind.OPEN, encode_json({"url": "ws://toy.invalid"}))
        self.add(RecordKind.FRAME, b'{"ack":1}')
        for one in symbols:
            self.books[one] = {n: "5" for n in range(90, 101)}, {n: "5" for n in range(101, 112)}
            self.numbers[one] = 0

    def add(self, kind: RecordKind, payload: bytes, wait_s: float = 1.0) -> bytes:
        self.at_ns += round(wait_s * S)
        record = encode_record(kind, payload, index=len(self.records), mono_ns=self.at_ns, wall_ns=self.at_ns)
        self.records.append(record)
        return record

    def update(self, *levels: tuple[str, int, str], symbol: str = "A/B") -> bytes:
        """The venue changes these levels (b or a, price, size)."""
        number = self.numbers[symbol] = self.numbers[symbol] + 1
        bids, asks = self.books[symbol]
        for side, price, size in levels:
            (bids if side == "b" else asks)[price] = size
        told = {key: [[str(p), size] for side, p, size in levels if side == key] for key in ("b", "a")}
        body = {"ch": "book", "s": symbol, "U": number, "u": number, "pu": number - 1}
        return self.add(RecordKind.FRAME, encode({**body, "seq": number, **told}))

    def copy(self, symbol: str = "A/B", **other: str) -> bytes:
        """A snapshot as of now; ``other``: sizes of prices that it has wrong."""
        sides = []
        for side, levels in zip("ba", self.books[symbol], strict=True):
            prices = sorted((p for p, size in levels.items() if size != "0"), reverse=side == "b")[:DEPTH]
            sides.append([[str(p), other.get(f"p{p}", levels[p])] for p in prices])
        body = {"s": symbol, "u": self.numbers[symbol], "b": sides[0], "a": sides[1]}
        told = {"what": "snapshot", "instrument": f"toy:{symbol}", "status": 200, "error": None}
        return encode_http(told, encode(body))

    def answer(self, payload: bytes | None = None, symbol: str = "A/B", wait_s: float = 1.0) -> bytes:
        return self.add(RecordKind.HTTP, payload or self.copy(symbol), wait_s)

    def refuse(self, symbol: str = "A/B", **meta: Any) -> bytes:
        told = {"what": "snapshot", "instrument": f"toy:{symbol}", "status": 503, "error": None, **meta}
        return self.add(RecordKind.HTTP, encode_http(told, b"{}"))

    def tick(self, wait_s: float) -> bytes:
        return self.add(RecordKind.TICK, b"", wait_s)

    def begin(self, symbol: str = "A/B") -> list[bytes]:
        """The book is there: 100, 99, 98 and 101, 102, 103 are known."""
        return [self.update(symbol=symbol), self.answer(symbol=symbol), self.update(symbol=symbol)]

    def fall(self, symbol: str = "A/B") -> bytes:
        """All known bids go."""
        return self.update(*(("b", price, "0") for price in (100, 99, 98)), symbol=symbol)


def told(said: Reading) -> list[str]:
    return [one.outcome for one in said.of(DepthRefresh)]


def asks_after(feed: Feed, log: Log, seconds: float) -> bool:
    """Whether it asks when so many seconds have passed, and not before."""
    early = told(read(feed, [log.tick(seconds - 0.001)]))
    return early == [] and told(read(feed, [log.tick(0.001)])) == ["asked"]


def at_the_edge(*, spec: SequenceSpec = SPOT, **settings: Any) -> tuple[Feed, Log, Reading]:
    """A book whose best bid has just left what is known."""
    feed, log = Feed(kits(spec)), Log(**settings)
    log.begin()
    read(feed, log.records)
    return feed, log, read(feed, [log.fall()])


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
def test_the_first_message_beyond_what_is_known_asks_and_the_answer_makes_it_known(
    spec: SequenceSpec,
) -> None:
    feed, log, said = at_the_edge(spec=spec)
    (fetch,) = said.of(Fetch)
    assert (fetch.request.what, fetch.request.instrument) == ("snapshot", "toy:A/B")
    assert told(said) == ["asked"]
    beside = read(feed, [log.update(("b", 96, "7"))])
    assert not beside.commands
    said = read(feed, [log.answer()])
    assert told(said) == ["joined"]
    rows = said.events()
    assert [(row.kind, row.price // 10**6) for row in rows[:-1]] == [(Kind.LEVEL, 97), (Kind.LEVEL, 95)]
    assert all(row.flags & RowFlag.SNAPSHOT for row in rows[:-1])
    assert (rows[-1].kind, rows[-1].aux) == (Kind.KNOWN_DEPTH, Reason.REFRESHED)
    (view,) = feed.instruments()
    assert (view.state, view.epoch) == (SyncState.SYNCED, 1)
    assert [price // 10**6 for price, _ in view.book.bids()] == [97, 96, 95]
    assert not view.bound.unproved(view.book)
    said = read(feed, [log.update(("b", 97, "3"))])
    assert not said.events()[0].flags & RowFlag.DEPTH_UNPROVED
    assert (feed.counts.refreshes, feed.counts.refreshes_joined) == (1, 1)


def test_an_answer_that_is_ahead_waits_for_the_updates_up_to_its_number() -> None:
    feed, log, _ = at_the_edge()
    behind = log.update(("b", 96, "0")), log.update(("b", 97, "2"))
    ahead = read(feed, [log.answer()])
    assert not ahead.events()
    assert told(read(feed, behind[:1])) == []
    said = read(feed, behind[1:])
    assert told(said) == ["joined"]
    assert [row.price // 10**6 for row in said.events() if row.flags & RowFlag.SNAPSHOT] == [95, 94]
    assert feed.instruments()[0].state is SyncState.SYNCED


def test_a_level_that_differs_loses_the_book_which_is_fetched_anew() -> None:
    feed, log, _ = at_the_edge()
    said = read(feed, [log.answer(log.copy(p102="9"))])
    assert told(said) == ["differs"]
    (gap,) = [row for row in said.events() if row.kind == Kind.GAP]
    assert (gap.aux, gap.price, gap.size) == (Reason.SNAPSHOT_DIFFERS, 9 * 10**8, 5 * 10**8)
    assert len(said.of(Fetch)) == 1
    read(feed, [log.update(), log.answer(), log.update()])
    (view,) = feed.instruments()
    assert (view.state, view.epoch) == (SyncState.SYNCED, 2)


def test_a_copy_from_before_the_request_is_asked_for_again_after_pauses_that_grow() -> None:
    feed, log, _ = at_the_edge(resync_attempts=2)
    old = encode_http(
        {"what": "snapshot", "instrument": "toy:A/B", "status": 200}, b'{"s":"A/B","u":1,"b":[],"a":[]}'
    )
    assert told(read(feed, [log.answer(old)])) == ["too_old"]
    assert asks_after(feed, log, 1.0)
    assert told(read(feed, [log.answer(old)])) == ["too_old"]
    assert asks_after(feed, log, 2.0)
    assert told(read(feed, [log.answer(old)])) == ["failed"]
    assert feed.counts.stale_snapshots == 3
    assert feed.counts.refreshes_failed == 1


def test_one_that_fails_is_given_up_and_asked_for_after_a_pause_that_doubles() -> None:
    feed, log, _ = at_the_edge()
    assert told(read(feed, [log.refuse()])) == ["failed"]
    read(feed, [log.update(("b", 96, "2"))])
    assert asks_after(feed, log, 19.0)
    assert told(read(feed, [log.refuse(status=None, error="timed out")])) == ["failed"]
    assert asks_after(feed, log, 40.0)
    assert told(read(feed, [log.answer()])) == ["joined"]
    assert feed.counts.refreshes_failed == 2
    assert feed.instruments()[0].epoch == 1


def test_no_answer_is_a_failure_and_a_late_one_is_left_out() -> None:
    feed, log, _ = at_the_edge(snapshot_timeout_s=5.0)
    late = log.copy()
    assert told(read(feed, [log.tick(5.0)])) == ["failed"]
    said = read(feed, [log.answer(late)])
    assert not said.events()
    assert feed.counts.refreshes_joined == 0


def test_a_book_asks_at_most_so_often() -> None:
    feed, log, _ = at_the_edge(refresh_min_interval_s=60.0)
    assert told(read(feed, [log.answer()])) == ["joined"]
    fallen = log.update(*(("b", price, "0") for price in (97, 96, 95)))
    assert told(read(feed, [fallen])) == []
    assert told(read(feed, [log.tick(57.9)])) == []
    assert told(read(feed, [log.tick(0.1)])) == ["asked"]


def test_a_price_that_came_back_needs_nothing() -> None:
    feed, log, _ = at_the_edge(refresh_min_interval_s=60.0)
    read(feed, [log.answer(), log.update(*(("b", price, "0") for price in (97, 96, 95)))])
    read(feed, [log.update(("b", 98, "1"))])
    assert told(read(feed, [log.tick(70.0)])) == []
    assert feed.counts.refreshes == 1
    assert told(read(feed, [log.update(("b", 98, "0"))])) == ["asked"]


@pytest.mark.parametrize("settings", [{"refresh_min_interval_s": 0.0}, {"live": False}])
def test_switched_off_or_of_another_recorder_nothing_is_asked_for(settings: dict[str, Any]) -> None:
    feed, log, said = at_the_edge(**settings)
    assert not said.of(Fetch)
    assert said.events()[-1].flags & RowFlag.DEPTH_UNPROVED
    assert not read(feed, [log.tick(1000.0)]).of(Fetch)
    assert not read(feed, [log.answer()]).events()


def test_one_at_a_time_and_none_while_a_book_waits_for_its_first_snapshot() -> None:
    symbols = ("A/B", "C/D", "E/F")
    feed, log = Feed(kits(SPOT)), Log(symbols)
    log.begin("A/B")
    log.begin("C/D")
    read(feed, log.records)
    assert told(read(feed, [log.fall("A/B"), log.fall("C/D")])) == [], "E/F has no book yet"
    said = read(feed, log.begin("E/F"))
    assert [one.instrument for one in said.of(DepthRefresh)] == ["toy:A/B"]
    assert told(read(feed, [log.tick(5.0)])) == []
    said = read(feed, [log.answer()])
    outcomes = [(one.instrument, one.outcome) for one in said.of(DepthRefresh)]
    assert outcomes == [("toy:A/B", "joined"), ("toy:C/D", "asked")]


@pytest.mark.parametrize(("told_s", "pause_s"), [("45", 45), (None, 30), ("Sat, 21 Nov 2026", 30)])
def test_while_rest_refuses_us_nothing_is_asked_for(told_s: str | None, pause_s: int) -> None:
    feed, log = Feed(kits(SPOT)), Log()
    log.begin()
    read(feed, log.records)
    read(feed, [log.refuse(status=418, retry_after=told_s)])
    assert told(read(feed, [log.fall()])) == []
    assert asks_after(feed, log, pause_s - 1.0)


def test_a_connection_that_is_lost_ends_it() -> None:
    feed, log, _ = at_the_edge()
    lost = {"reason": "RESET", "code": None, "detail": "", "planned": False}
    read(feed, [log.add(RecordKind.LOST, encode_json(lost))])
    assert not read(feed, [log.answer()]).events()
    read(feed, [log.add(RecordKind.OPEN, encode_json({"url": "x"})), log.add(RecordKind.FRAME, b'{"ack":2}')])
    read(feed, [log.update(), log.answer(), log.update()])
    (view,) = feed.instruments()
    assert (view.state, view.epoch) == (SyncState.SYNCED, 2)
    assert feed.counts.refreshes_joined == 0


def storm(seed: int, spec: SequenceSpec) -> list[bytes]:
    """A market that walks, a venue that answers late, too old, wrongly or not; the records of it."""
    draw = random.Random(seed)
    log = Log(("A/B", "C/D"), refresh_min_interval_s=3.0, snapshot_timeout_s=8.0, resync_backoff_s=0.5)
    feed, n = Feed(kits(spec), reference=True), 0
    waiting: list[tuple[int, str]] = []
    kept: list[bytes] = []
    mid = dict.fromkeys(log.books, 100)
    while len(log.records) < 260:
        symbol = draw.choice(list(log.books))
        mid[symbol] += draw.choice((-1, 0, 1))
        at = mid[symbol]
        gone = [("b", p, "0") for p in range(at + 1, at + 4)] + [("a", p, "0") for p in range(at - 2, at + 1)]
        log.update(*gone, (draw.choice("ba") == "b" and ("b", at, "4")) or ("a", at + 1, "4"), symbol=symbol)
        if draw.random() < 0.02:
            log.records.pop()  # lost on the way
        for left, asked in list(waiting):
            waiting.remove((left, asked))
            if left:
                waiting.append((left - 1, asked))
                continue
            match draw.randrange(8):
                case 0:
                    log.refuse(asked, status=draw.choice((429, 418, 503)), retry_after="3")
                case 1 if kept:
                    log.answer(draw.choice(kept), asked)
                case 2:
                    log.answer(log.copy(asked, **{f"p{mid[asked] + 2}": "9"}), asked)
                case 3:
                    pass
                case _:
                    kept.append(log.copy(asked))
                    log.answer(kept[-1], asked)
        said = read(feed, log.records[n:])
        n = len(log.records)
        due = feed.next_deadline_ns()
        if due is not None and due <= log.at_ns + S:
            log.tick(1.0)
            more = read(feed, log.records[n:])
            n, said.commands = len(log.records), [*said.commands, *more.commands]
        for fetch in said.of(Fetch):
            waiting.append((draw.randrange(4), fetch.request.instrument.removeprefix("toy:")))
    return log.records


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
@pytest.mark.parametrize("seed", range(4))
def test_both_paths_agree_in_any_blocks_and_from_any_checkpoint(spec: SequenceSpec, seed: int) -> None:
    records = storm(seed, spec)
    reference = Feed(kits(spec), reference=True)
    expected = outcome(reference, read(reference, records))
    draw = random.Random(seed)
    for cuts in ([], sorted(draw.sample(range(1, len(records)), 20)), range(1, len(records))):
        feed = Feed(kits(spec))
        assert outcome(feed, read(feed, records, list(cuts))) == expected
    for place in draw.sample(range(10, len(records)), 8):
        first = Feed(kits(spec))
        before = read(first, records[:place])
        second = Feed(kits(spec))
        read(second, [checkpoint_record(first.checkpoint(), records[place - 1])])
        assert second.checkpoint() == first.checkpoint()
        after = read(second, records[place:])
        assert bytes(before.rows) + bytes(after.rows) == expected[0]
        assert second.checkpoint() == expected[3]


def test_the_storms_hold_what_they_promise() -> None:
    held = pending = 0
    counts: dict[str, int] = {}
    for seed in range(8):
        feed = Feed(kits(SPOT), reference=True)
        for record in storm(seed, SPOT):
            feed.feed(record)
            state = feed.checkpoint() if active() and seed < 2 else b""
            pending += b'"refresh":{' in state
            held += b'"levels":[[' in state
        for name in ("refreshes", "refreshes_joined", "refreshes_differing", "refreshes_failed", "gaps"):
            counts[name] = counts.get(name, 0) + getattr(feed.counts, name)
    assert min(counts.values()) > 0, counts
    assert counts["refreshes_joined"] > 8
    assert not active() or pending > 5


@pytest.mark.skipif(not active(), reason="this run has no kernels")
def test_the_kernels_stop_only_where_something_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(refresh_min_interval_s=1000.0)
    log.begin()
    log.fall()
    log.answer()
    for _ in range(30):
        log.update(("b", 97, "3"))
    log.update(*(("b", price, "0") for price in (97, 96, 95)))
    for n in range(30):
        log.update(("b", 94, str(n + 1)))
    taken: list[int] = []
    by_reference = Feed._take
    monkeypatch.setattr(
        Feed, "_take", lambda feed, record: (taken.append(record.index), by_reference(feed, record))[1]
    )
    feed = Feed(kits(SPOT))
    read(feed, log.records)
    assert feed.counts.depth_unproved_messages == 1 + 31
    assert feed.counts.refreshes_joined == 1
    assert len(taken) <= 12
