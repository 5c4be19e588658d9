"""Records in, rows out: configuration, values, scales, damage."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from feed_desk import Desk, checkpoint_record, read
from toy_venue import (
    VENUE,
    ToyAdapter,
    ToyLog,
    ToyMarket,
    ToyNormalizer,
    ack,
    toy_config,
    toy_kits,
    toy_rules,
    toy_session,
)

from mm_framework.contracts.adapter import Channel, Proof
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.errors import CorruptFrame, PluginError, SchemaMismatch
from mm_framework.feed import Feed, FeedConfig, VenueKit
from mm_framework.feed.output import Malformed, Reconnect, Send, StateChanged
from mm_framework.model.events import NULL, Kind, Reason, RowFlag, SyncState
from mm_framework.model.frame import RecordKind, encode_http, encode_json

HUGE = "9" * 30


def changed(frame: bytes, side: str = "bids", level: int = 0, **texts: str) -> bytes:
    """The book frame with other texts in one level."""
    body = json.loads(frame)
    pair = body[side][level]
    body[side][level] = [texts.get("price", pair[0]), texts.get("size", pair[1])]
    return json.dumps(body).encode()


def without_times(checkpoint: bytes) -> dict[str, Any]:
    """The state without the times at which connections were heard."""
    state: dict[str, Any] = json.loads(checkpoint)
    for link in state["links"]:
        link["last_ns"] = 0
    return state


# configuration


def test_a_configuration_reads_back() -> None:
    config = FeedConfig.from_json(toy_config(("A/B", "C/D"), shard=3))
    assert FeedConfig.from_json(json.loads(encode_json(config.to_json()))) == config


def test_a_configuration_of_another_format_is_a_schema_mismatch() -> None:
    log = ToyLog({**toy_config(), "newer": 1})
    with pytest.raises(SchemaMismatch, match="newer mm-framework"):
        Feed(toy_kits()).feed(log.records[0])


def test_a_checkpoint_of_another_format_is_a_schema_mismatch() -> None:
    like = ToyLog(toy_config()).records[0]
    for payload in (b"{}", b"[", b'{"format":99}'):
        with pytest.raises(SchemaMismatch, match="newer mm-framework"):
            Feed(toy_kits()).feed(checkpoint_record(payload, like))


def test_a_venue_without_a_plugin_is_named() -> None:
    with pytest.raises(PluginError, match="install mm-toy"):
        Feed({}).feed(ToyLog(toy_config()).records[0])


def test_the_first_record_must_configure() -> None:
    for record in (ToyLog().frame(b"{}"), ToyLog().open(), ToyLog().tick()):
        with pytest.raises(CorruptFrame, match="the log begins with"):
            Feed(toy_kits()).feed(record)
    feed = Feed(toy_kits())
    assert feed.next_deadline_ns() is None
    assert feed.instruments() == []
    with pytest.raises(RuntimeError, match="configuration"):
        feed.checkpoint()


# a whole session


def test_a_session_ends_with_the_books_of_the_venue() -> None:
    log = toy_session(("A/B", "C/D"), seed=4, steps=300, stop=False)
    feed = Feed(toy_kits())
    read(feed, log.records)
    for view, market in zip(feed.instruments(), log.markets, strict=True):
        assert (view.id, view.state) == (f"{VENUE}:{market.symbol}", SyncState.SYNCED)
        scales = (view.definition.price_scale - 2, view.definition.size_scale - 3)
        for levels, side in ((view.book.bids(), 1), (view.book.asks(), -1)):
            assert levels == [(p * 10 ** scales[0], s * 10 ** scales[1]) for p, s in market.view(side)]
    counts = feed.counts
    assert (counts.gaps, counts.checksums_failed, counts.malformed, counts.epochs) == (0, 0, 0, 2)
    parts = counts.data + counts.control + counts.heartbeats + counts.unknown + counts.malformed
    assert counts.frames == parts
    assert counts.records == len(log.records)
    assert feed.unproved_channels() == []


def test_channels_without_a_proof_are_named() -> None:
    desk = Desk(channels=("book", "ticker"))
    assert desk.feed.unproved_channels() == ["ticker"]


def test_receive_times_run_with_the_monotonic_clock() -> None:
    desk = Desk()
    desk.synced()
    for row in desk.last.events():
        assert row.ts_recv_ns == desk.log.wall0_ns + desk.log.mono_ns - desk.log.mono0_ns
        assert row.frame == len(desk.log.records) - 1
    assert desk.last.mono_ns == [desk.log.mono_ns] * len(desk.last.messages)


def test_numbers_and_definitions_carry_their_shard() -> None:
    log = toy_session(shard=2, steps=1)
    feed = Feed(toy_kits(), 2)
    read(feed, log.records)
    assert feed.definitions[0].number == 2 << 16
    assert [one.index for one in feed.definitions] == [(2 << 16) + n for n in range(len(feed.definitions))]


def test_a_ticker_is_two_rows_and_touches_no_book() -> None:
    desk = Desk(channels=("book", "ticker"))
    desk.synced()
    book = desk.feed.instruments()[0].book
    before = (book.bids(), book.asks())
    body = {"ch": "ticker", "sym": "A/B", "bid": "1.5", "bid_size": None, "ask": None}
    bid, ask = desk.frame(json.dumps(body).encode()).events()
    scale = 10 ** desk.feed.definitions[-1].price_scale
    assert (bid.kind, bid.side, bid.price, bid.size) == (Kind.TOP, 1, 15 * scale // 10, NULL)
    assert (ask.kind, ask.side, ask.price, ask.size) == (Kind.TOP, -1, NULL, NULL)
    assert not bid.flags & RowFlag.LAST
    assert ask.flags & RowFlag.LAST
    assert (book.bids(), book.asks()) == before


def test_frames_of_instruments_that_nobody_follows_are_data_without_rows() -> None:
    desk = Desk()
    desk.synced()
    assert desk.frame(ToyMarket("X/Y").snapshot()).events() == []
    assert desk.feed.counts.unknown == desk.feed.counts.malformed == 0


def test_an_import_follows_what_appears_or_only_what_was_asked_for() -> None:
    for symbols, expected in (
        ((), {"toy:A/B", "toy:C/D"}),
        (("C/D",), {"toy:C/D"}),
        (("toy:A/B",), {"toy:A/B"}),
    ):
        config = FeedConfig(VENUE, discover=True, symbols=symbols, live=False)
        log = ToyLog(config.to_json())
        for symbol in ("A/B", "C/D"):
            log.frame(ToyMarket(symbol).metadata())
            log.frame(ToyMarket(symbol).snapshot())
        feed = Feed(toy_kits())
        read(feed, log.records)
        views = feed.instruments()
        assert {view.id for view in views} == expected
        assert {view.state for view in views} == {SyncState.SYNCED}
        assert {view.definition.precision for view in views} == {"metadata"}


# values

HOSTILE = [
    ("price", ""), ("price", "+1"), ("price", "01"), ("price", "1."), ("price", "1e"), ("price", ".5"),
    ("price", "-1"), ("price", "0"), ("price", "0.00"), ("price", "-0"), ("price", "0e5"), ("price", "NaN"),
    ("price", "1 "), ("price", "9" * 401), ("size", ""), ("size", "+1"), ("size", "01"), ("size", "1."),
    ("size", "1e"), ("size", "-1"), ("size", "-0.001"), ("size", "1e99999"), ("size", "--1"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "text"), HOSTILE)
@pytest.mark.parametrize("place", ["first", "later"])
def test_a_hostile_number_leaves_nothing_of_its_frame(field: str, text: str, place: str) -> None:
    """Not the rows before it, not a definition, not a finer scale that a good number asked for."""
    desk = Desk()
    desk.open()
    desk.frame(ack("A/B"))
    if place == "later":
        desk.frame(desk.market.snapshot())
    before = without_times(desk.feed.checkpoint())
    frame = changed(desk.market.snapshot(), price="99.123456789")
    reading = desk.frame(changed(frame, "asks", -1, **{field: text}))
    (notice,) = reading.of(Malformed)
    assert (notice.connection, notice.frame) == (0, len(desk.log.records) - 1)
    assert reading.notices == [notice]
    assert (reading.events(), reading.commands, desk.feed.counts.malformed) == ([], [], 1)
    assert without_times(desk.feed.checkpoint()) == before
    desk.frame(desk.market.snapshot())
    assert desk.state() == "SYNCED"


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{", b"[]", b"null", b'{"ch":"book"}', b'\xff\xfe', b'{"ch":"book","sym":"A/B","snap":true}',
        b'{"ch":"book","sym":"A/B","snap":true,"bids":[["1","1"]],"asks":[],"x":1}',
        b'{"ch":"book","sym":"A/B","snap":true,"bids":[["1"]],"asks":[],"c":1}',
        b'{"ch":"trade","sym":"A/B","trades":[[1,"buy","1","-1"]]}',
    ],
)  # fmt: skip
def test_a_malformed_frame_leaves_nothing(frame: bytes) -> None:
    desk = Desk(channels=("book", "trade"))
    desk.open()
    before = without_times(desk.feed.checkpoint())
    reading = desk.frame(frame)
    assert len(reading.of(Malformed)) == 1
    assert (reading.events(), reading.commands) == ([], [])
    assert without_times(desk.feed.checkpoint()) == before


def test_a_damaged_http_record_is_a_notice() -> None:
    desk = Desk()
    assert len(desk.do(desk.log.add(RecordKind.HTTP, b"no line")).of(Malformed)) == 1
    assert desk.do(desk.log.add(RecordKind.HTTP, encode_http({"error": "x"}, b""))).notices == []
    assert desk.feed.counts.http == 2


def test_a_value_that_int64_cannot_hold_keeps_the_frame_raw_and_the_book_untrusted() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.frame(changed(desk.market.snapshot(), size=HUGE))
    gap, change = reading.events()
    assert (gap.kind, gap.aux, gap.epoch) == (Kind.GAP, Reason.VALUE_OVERFLOW, 1)
    assert (change.size, change.epoch) == (SyncState.RESYNCING, 2)
    assert len(reading.of(Send)) == 2
    assert (desk.feed.counts.overflows, desk.feed.counts.data) == (1, 2)
    desk.frame(desk.market.snapshot())
    assert desk.state() == "SYNCED"


def test_a_book_whose_snapshots_never_fit_is_asked_for_at_the_pace_of_deadlines() -> None:
    desk = Desk(ack_timeout_s=4.0)
    desk.open()
    desk.frame(ack("A/B"))
    for _ in range(10):
        start = desk.log.mono_ns
        assert desk.frame(changed(desk.market.snapshot(), size=HUGE)).commands == []
        desk.act()
        assert desk.log.mono_ns - start > 3.9e9


def test_an_overflow_of_one_instrument_is_not_a_loss_of_another() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    desk.frame(changed(desk.market.snapshot(), size=HUGE))
    assert (desk.state("A/B"), desk.state("C/D")) == ("RESYNCING", "SYNCED")


# scales


def test_a_finer_value_begins_another_number_of_the_same_instrument() -> None:
    desk = Desk()
    desk.synced()
    desk.market.price_decimals = 8
    for side in (1, -1):
        desk.market.books[side] = {p * 10**6 + 1: s for p, s in desk.market.books[side].items()}
    reading = desk.frame(desk.market.snapshot())
    old, new = desk.feed.definitions[-3], desk.feed.instruments()[0].definition
    assert (old.id, old.price_scale) == (new.id, 6)
    assert (new.price_scale, new.size_scale) == (8, 8)
    assert new.number != old.number
    gap = reading.events()[0]
    assert (gap.kind, gap.aux, gap.instrument, gap.epoch) == (Kind.GAP, Reason.SCALE_CHANGE, old.number, 1)
    levels = [row for row in reading.events() if row.kind in (Kind.LEVEL, Kind.SNAPSHOT_START)]
    assert {(row.instrument, row.epoch) for row in levels} == {(new.number, 2)}
    assert desk.state() == "SYNCED"
    assert reading.commands == []


def test_an_update_that_needs_a_finer_scale_loses_the_book_and_asks_for_it() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.frame(changed(desk.market.set(1, 9999, 5), price="99.12345678"))
    assert [row.kind for row in reading.events()] == [Kind.GAP, Kind.SYNC_CHANGE, Kind.DEFINITION]
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]
    assert desk.feed.counts.orphan_deltas == 1
    again = desk.frame(changed(desk.market.set(1, 9999, 6), price="99.123456789"))
    assert again.commands == []
    desk.frame(desk.market.snapshot())
    assert desk.state() == "SYNCED"
    assert {row.instrument for row in desk.last.events()} == {2}


def test_a_first_snapshot_finer_than_the_default_scale_is_simply_read() -> None:
    desk = Desk()
    desk.market.size_decimals = 9
    desk.synced()
    assert desk.state() == "SYNCED"
    assert desk.feed.instruments()[0].definition.size_scale == 9
    assert desk.feed.counts.gaps == 0
    assert desk.all.sent() == [one for one in desk.all.sent() if one["op"] == "sub"]


def test_no_row_of_one_number_carries_values_of_another_scale() -> None:
    desk = Desk()
    desk.synced()
    desk.market.price_decimals = 7
    for side in (1, -1):
        desk.market.books[side] = {p * 10**5 + 1: s for p, s in desk.market.books[side].items()}
    for _ in range(3):
        desk.frame(desk.market.step())
    desk.frame(desk.market.snapshot())
    scales = {one.number: one.price_scale for one in desk.feed.definitions}
    prices = [row.price / 10 ** scales[row.instrument] for row in desk.all.events() if row.kind == Kind.LEVEL]
    assert len(set(scales.values())) == 2
    assert all(90 < price < 110 for price in prices)


def test_metadata_that_comes_late_changes_the_definition_not_the_scale() -> None:
    desk = Desk()
    desk.synced()
    number = desk.feed.instruments()[0].definition.number
    desk.frame(desk.market.metadata())
    definition = desk.feed.instruments()[0].definition
    assert (definition.number, definition.price_scale, definition.precision) == (number, 6, "metadata")
    assert (definition.price_decimals, definition.size_decimals, definition.lot_size) == (2, 3, "0.001")
    known = len(desk.feed.definitions)
    desk.frame(desk.market.metadata())
    assert len(desk.feed.definitions) == known
    assert desk.state() == "SYNCED"


# trades across connections


def test_trades_missed_while_disconnected_are_declared() -> None:
    desk = Desk(channels=("book", "trade"))
    desk.synced()
    desk.frame(desk.market.trade(count=2))
    desk.market.trade(count=3)
    desk.do(desk.log.lost())
    desk.open(1)
    gap, trade = desk.frame(desk.market.trade(), 1).events()
    assert (gap.kind, gap.price, gap.size, gap.aux) == (Kind.GAP, 3, 6, Reason.TRADE_ID_GAP)
    assert (trade.kind, trade.aux) == (Kind.TRADE, 6)


def test_a_state_change_is_a_row_and_a_notice() -> None:
    desk = Desk()
    desk.synced()
    rows = [(r.price, r.size, r.aux, r.epoch) for r in desk.all.events() if r.kind == Kind.SYNC_CHANGE]
    notices = [(n.old, n.new, n.reason, n.epoch) for n in desk.all.of(StateChanged)]
    assert notices[0] == (SyncState.CONNECTING, SyncState.SNAPSHOT, Reason.CONNECTED, 1)
    assert rows == notices[1:]


def test_settings_in_the_log_are_those_that_count() -> None:
    plain = FeedConfig.from_json(toy_config())
    config = attrs.evolve(plain, settings=attrs.evolve(plain.settings, idle_timeout_s=2.0))
    feed, log = Feed(toy_kits()), ToyLog(config.to_json())
    read(feed, [*log.records, log.open()])
    assert feed.next_deadline_ns() == log.mono_ns + 2_000_000_000
    assert feed.feed(log.tick(2_000_000_000)).commands == [Reconnect(0, Reason.IDLE)]
    assert ToyAdapter.idle_timeout_s == 5.0


def test_two_trade_channels_of_an_instrument_are_numbered_apart() -> None:
    class TwoTapes(ToyAdapter):
        channels = (*ToyAdapter.channels, Channel("prints", "trade", Proof("ids")))

    class Normalizer(ToyNormalizer):
        def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
            if b'"prints"' not in frame:
                return super().decode(frame, connection, out)
            body = json.loads(frame)
            if out.begin("prints", "trade", body["sym"]):
                out.trade(1, "10.5", "1", body["id"])
                out.end()
            return FrameClass.DATA

    kits = {"toy": VenueKit(TwoTapes(), Normalizer(), toy_rules())}
    desk = Desk(channels=("trade", "prints"), kits=kits)
    desk.open()
    for n in range(3):
        body = {"ch": "trade", "sym": "A/B", "trades": [[5_000_000 + n, "buy", "10.5", "1"]]}
        desk.frame(json.dumps(body).encode())
        desk.frame(json.dumps({"ch": "prints", "sym": "A/B", "id": 7 + n}).encode())
    assert (desk.feed.counts.trades, desk.feed.counts.gaps, desk.feed.counts.duplicate_trades) == (6, 0, 0)
    again = Feed(kits)
    read(again, [checkpoint_record(desk.feed.checkpoint(), desk.log.records[-1])])
    assert again.checkpoint() == desk.feed.checkpoint()
