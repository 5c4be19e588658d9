"""The tape of a backtest: whole from its first message on, one scale, losses where rows were left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import numpy as np
import pytest
from l1_store import STEP_NS, T0_NS, l1_store
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.errors import ConfigError, ReplayError
from mm_framework.model.events import NULL, ROW, Kind, Reason, RowFlag, SyncState, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.replay.events import ReplayRequest
from mm_framework.replay.splice import Place, Splicer
from mm_framework.replay.tape import Tape, _choice, load_tape
from mm_framework.store.manifest import StoreManifest, Verdict
from mm_framework.store.reader import Store
from mm_framework.trading.market import Markets

MS = 1_000_000
ANY = ReplayRequest(policy="any")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    run = toy_run(tmp_path / "runs" / "run", steps=300)
    build_toy(tmp_path / "store", run)
    return opened(tmp_path / "store", tmp_path)


def kinds(tape: Tape) -> Counter[str]:
    return Counter(Kind(one.message.kind).name for one in tape)


def states(tape: Tape, at_ns: int) -> dict[str, bool]:
    """Whether each market is trusted at a time of the tape."""
    markets = Markets()
    for one in tape:
        if one.recv_ns > at_ns:
            break
        if one.definition is not None:
            markets.define(one.definition)
        else:
            markets.apply(one.message, iter(one.rows), one.seq)
            markets.changes()
    return {slot.id: slot.trusted for slot in markets.slots}


def test_every_instrument_begins_with_its_definition_numbered_as_its_rows(store: Store) -> None:
    seen = set()
    for one in load_tape(store, ANY):
        if one.definition is not None:
            assert one.definition.number == one.message.instrument
            seen.add(one.message.instrument)
        assert one.message.instrument in seen


def test_messages_are_those_of_the_rows_numbered_from_zero(store: Store) -> None:
    tape = load_tape(store, ANY)
    rows = np.concatenate(list(tape.blocks()))
    messages = list(tape)
    assert [one.seq for one in messages] == list(range(len(messages)))
    assert sum(len(one.rows) for one in messages) == len(rows)
    assert all(len({row.kind for row in one.rows} - {Kind.SNAPSHOT_START}) <= 1 for one in messages)
    assert all(one.rows[-1].flags & RowFlag.LAST for one in messages)
    assert tape.data["rows"] == int(np.count_nonzero(rows["flags"] & RowFlag.SYNTHETIC == 0))


def test_a_tape_that_begins_in_the_middle_knows_definition_and_book(store: Store) -> None:
    tape = load_tape(store, ReplayRequest(from_ns=MIDNIGHT_NS + 50 * MS, policy="any"))
    first = list(tape)[:6]
    assert first[0].definition is not None
    assert all(one.recv_ns >= MIDNIGHT_NS + 50 * MS for one in first)
    assert states(tape, MIDNIGHT_NS + 60 * MS) == {"toy:A/B": True, "toy:C/D": True}


def test_a_book_that_continues_comes_before_the_state_that_vouches_for_it(store: Store) -> None:
    tape = load_tape(store, ANY)
    midnight = [one for one in tape if one.recv_ns == MIDNIGHT_NS and one.message.instrument == 0]
    assert [one.message.kind for one in midnight] == [Kind.SNAPSHOT_START, Kind.SYNC_CHANGE]


def quarantined(store: Store, start_ns: int, end_ns: int) -> Store:
    """The store with an interval of its last day to be left out."""
    verdict = Verdict("QUARANTINE", ("test",), ((start_ns, end_ns, "test"),))
    name = str(store.partitions()[-1].partition)
    manifest: StoreManifest = attrs.evolve(store.manifest, verdicts={name: verdict})
    return Store(store.root, manifest, store.cache)


def test_where_an_interval_is_left_out_the_market_is_lost_until_its_book_is_there(store: Store) -> None:
    start_ns, end_ns = MIDNIGHT_NS + 40 * MS, MIDNIGHT_NS + 90 * MS
    tape = load_tape(quarantined(store, start_ns, end_ns), ReplayRequest(("toy:C/D",)))
    assert tape.data["left_out"] == [["run", "toy:C/D", start_ns, end_ns]]
    inside = [one for one in tape if start_ns <= one.recv_ns <= end_ns]
    assert [(one.recv_ns, one.message.kind) for one in inside] == [
        (start_ns, Kind.SYNC_CHANGE), (end_ns, Kind.SNAPSHOT_START), (end_ns, Kind.SYNC_CHANGE),
    ]  # fmt: skip
    assert inside[0].rows[0].size == SyncState.RESYNCING
    assert inside[2].rows[0].size == SyncState.SYNCED
    assert states(tape, start_ns) == {"toy:C/D": False}
    assert states(tape, end_ns) == {"toy:C/D": True}


def test_best_prices_alone_come_from_the_ticker(tmp_path: Path) -> None:
    l1_store(tmp_path)
    tape = load_tape(opened(tmp_path / "store", tmp_path), ANY)
    assert tape.sources == {"kraken:BTC/EUR": "ticker"}
    assert kinds(tape) == {"DEFINITION": 1, "TOP": 10}
    assert [(clock.source, clock.theta_ns) for clock in tape.clocks] == [("measured", 0)]


def test_a_ticker_is_lost_between_two_recordings_until_its_next_quote(tmp_path: Path) -> None:
    l1_store(tmp_path, gap_after=4)
    tape = load_tape(opened(tmp_path / "store", tmp_path), ANY)
    changes = [one for one in tape if one.message.kind == Kind.SYNC_CHANGE]
    assert [one.rows[0].size for one in changes] == [SyncState.STOPPED, SyncState.SYNCED]
    assert changes[0].recv_ns == T0_NS + 4 * STEP_NS + 1
    assert changes[1].recv_ns == T0_NS + 5 * STEP_NS + 3600 * 10**9
    after = next(one for one in tape if one.seq == changes[1].seq - 1)
    assert after.message.kind == Kind.TOP, "the quote is there when trust returns"
    assert changes[1].message.ts_venue_ns == after.message.ts_venue_ns, "at the venue, too"


def test_the_clock_is_estimated_where_no_run_measured_it(store: Store) -> None:
    tape = load_tape(store, ANY)
    rows = np.concatenate(list(tape.blocks()))
    told = rows[(rows["ts_venue_ns"] != NULL) & (rows["flags"] & RowFlag.SYNTHETIC == 0)]
    ahead = int((told["ts_venue_ns"] - told["ts_recv_ns"]).max())
    assert [(one.source, one.theta_ns) for one in tape.clocks] == [("estimated", ahead + MS // 2)]


def test_a_range_without_data_says_what_there_is(store: Store) -> None:
    with pytest.raises(ConfigError, match="there is nothing in that range"):
        load_tape(store, ReplayRequest(from_ns=MIDNIGHT_NS + 10**15))


def test_blocks_of_any_size_make_the_same_tape(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(load_tape(store, ANY).blocks()))
    tape = load_tape(store, ANY)
    small = list(tape._selection.blocks(7))
    assert len(small) > 10
    splicer = Splicer(tape._places, tape._losses)
    assert (np.concatenate([splicer.feed(block) for block in small]) == whole).all()


def place(price_factor: int) -> Place:
    definition = Definition(0, 0, "toy:A/B", "A/B", 4, 3)
    return Place(definition, {0: 0}, ((0, 0),), price_factor, 1, False)


def level(price: int) -> np.ndarray:
    flags = RowFlag.LAST
    packed = ROW.pack(1000, NULL, 5, price, 7, Reason.NONE, 0, 0, Kind.LEVEL, 1, flags, 1, 0)
    return np.frombuffer(packed, dtype=row_dtype())


def test_prices_are_brought_to_the_finest_scale() -> None:
    rows = Splicer([place(100)], []).feed(level(25))
    assert rows["kind"].tolist() == [Kind.DEFINITION, Kind.LEVEL]
    assert rows["price"].tolist() == [NULL, 2500]
    assert rows["size"][1] == 7


def test_a_price_that_the_finest_scale_does_not_hold_is_refused_by_name() -> None:
    with pytest.raises(ReplayError, match="toy:A/B: a price of the recording does not fit"):
        Splicer([place(100)], []).feed(level(2**60))


def test_what_takes_the_data_is_told() -> None:
    assert _choice(["QUARANTINE", "WARN"]) == "--qa warn, which takes it"
    assert _choice(["REJECT"]) == "--qa any, which takes all, or another range"
    assert _choice([]) == "another range"
