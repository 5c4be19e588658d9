"""What a sink sees: the venue's words matched with what `Feed` accepted."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from sink_runs import SinkTape, sink_run

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sink import Seen, SinkRun
from mm_framework.feed import Feed
from mm_framework.feed.output import Malformed
from mm_framework.model.events import Kind, iter_messages, iter_rows
from mm_framework.model.fixed import parse
from mm_framework.model.frame import RecordKind, encode_json, encode_record, iter_records
from mm_framework.sinks.driver import SinkSet

pytest.importorskip("mm_kraken")

VENUES = ("binance", "bitfinex", "kraken", "polymarket")


class Keeping:
    """Keeps all that it sees."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def open(self, run: SinkRun) -> None:
        pass

    def write(self, seen: Seen) -> None:
        self.seen.append(seen)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Seen]]:
    made = {}
    for name in VENUES:
        sink = Keeping()
        faults = "repeat:0.05,disconnect@8" + (",drop:0.02" if name != "polymarket" else "")
        SinkTape.run(
            name, sink, tmp_path_factory.mktemp(name), seconds=20, rate=10.0, faults=faults,
            channels=("book", "trade", "ticker"),
        )  # fmt: skip
        made[name] = sink.seen
    return made


@pytest.mark.parametrize("name", VENUES)
def test_the_words_of_a_message_are_the_rows_that_feed_made_of_it(
    seen: dict[str, list[Seen]], name: str
) -> None:
    compared = dict.fromkeys(("book", "trade", "ticker"), 0)
    for one in seen[name]:
        for told in one.told:
            for message in told.messages:
                definition = one.definitions[message.instrument]
                assert definition.id == told.instrument
                scales = definition.price_scale, definition.size_scale
                first = message.first_row * 64
                rows = list(iter_rows(one.output.rows[first : first + 64 * message.n_rows]))
                if told.carries == "book":
                    levels = [(row.side, row.price, row.size) for row in rows if row.kind == Kind.LEVEL]
                    assert levels == [
                        (side, parse(price, scales[0]), parse(size, scales[1]))
                        for side, price, size in told.levels
                    ]
                compared[told.carries] += 1
            if told.carries == "trade":
                n = sum(message.n_rows for message in told.messages)
                assert n == len(told.trades)
            if told.carries == "ticker" and told.messages:
                assert len(told.messages) == len(told.tops)
                assert told.time_text is None or told.time_text.encode() in bytes(one.record.payload)
    assert min(compared.values()) > 5, compared


@pytest.mark.parametrize("name", VENUES)
def test_every_message_of_a_frame_has_its_words(seen: dict[str, list[Seen]], name: str) -> None:
    data = (Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE, Kind.TOP)
    for one in seen[name]:
        if one.record.kind == RecordKind.FRAME:
            made = [message for message in iter_messages(one.output.messages) if message.kind in data]
            matched = [message for told in one.told for message in told.messages]
            assert sorted(matched) == sorted(made)


@pytest.mark.parametrize("name", VENUES)
def test_a_log_that_begins_with_a_checkpoint_goes_on_with_the_same_words(tmp_path: Path, name: str) -> None:
    """Tables of channels and followed instruments come from the checkpoint."""
    whole = Keeping()
    tape = SinkTape.run(name, whole, tmp_path, seconds=10, rate=10.0, channels=("book", "trade", "ticker"))
    records = tape.simulation.tape.records
    kits = tape.simulation.venue.kits
    feed, cut = Feed(kits), len(records) // 2
    for record in records[:cut]:
        feed.feed(record)
    (at,) = iter_records(records[cut - 1])
    checkpoint = encode_record(
        RecordKind.CHECKPOINT, feed.checkpoint(), index=at.index, mono_ns=at.mono_ns, wall_ns=at.wall_ns
    )
    again, part = Feed(kits), Keeping()
    sinks = SinkSet([part], kits)
    sinks.open([sink_run(kits, tmp_path)])
    for record in [checkpoint, *records[cut:]]:
        sinks.take(0, record, again.feed(record).kept())
    assert part.seen[0].restored is not None
    assert {one.subscription for one in part.seen[0].followed} == {
        one.subscription for one in whole.seen[0].followed
    }
    for one, other in zip(part.seen[1:], whole.seen[cut:], strict=True):
        assert [told.levels for told in one.told] == [told.levels for told in other.told]
        assert [told.trades for told in one.told] == [told.trades for told in other.told]
        assert [bool(told.messages) for told in one.told] == [bool(told.messages) for told in other.told]
    assert any(one.told for one in part.seen)


def test_subscriptions_that_begin_and_end_are_told(tmp_path: Path) -> None:
    sink = Keeping()
    tape = SinkTape.run("kraken", sink, tmp_path, seconds=3)
    (first,) = iter_records(tape.simulation.tape.records[0])
    kits = tape.simulation.venue.kits
    feed, part = Feed(kits), Keeping()
    sinks = SinkSet([part], kits)
    sinks.open([sink_run(kits, tmp_path)])
    followed = [one.subscription for one in sink.seen[0].followed]
    assert len(followed) == 4
    gone = {"op": "unfollow", "subscriptions": [_json(followed[0])]}
    back = {"op": "follow", "subscriptions": [_json(followed[0])], "infos": []}
    records = [tape.simulation.tape.records[0]]
    for n, body in enumerate((gone, back), start=1):
        records.append(
            encode_record(
                RecordKind.CONTROL, encode_json(body), index=n, mono_ns=first.mono_ns + n, wall_ns=0
            )
        )
    for record in records:
        sinks.take(0, record, feed.feed(record).kept())
    assert [len(one.followed) for one in part.seen] == [4, 0, 1]
    assert [one.subscription for one in part.seen[1].unfollowed] == [followed[0]]
    assert part.seen[2].followed[0].carries == "book"


def test_a_malformed_frame_says_nothing(tmp_path: Path) -> None:
    sink = Keeping()
    SinkTape.run("kraken", sink, tmp_path, seconds=20, rate=20.0, faults="corrupt:0.1")
    broken = [one for one in sink.seen if any(isinstance(notice, Malformed) for notice in one.output.notices)]
    assert broken
    assert all(one.told == () == one.controls for one in broken)


def _json(subscription: Subscription) -> dict[str, object]:
    return attrs.asdict(subscription)
