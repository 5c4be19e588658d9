"""The replay source: a bundle through `Feed` to a listener, as live, up to a time or a count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logs import write_run
from toy_venue import ToyLog, ToyMarket, toy_config, toy_kits, toy_session

from mm_framework.bundle.run import Run, open_run
from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ConfigError, CorruptFrame
from mm_framework.feed import Feed, Output
from mm_framework.model.frame import Block, RecordKind, iter_records
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.replay.source import Replayed, replay
from mm_framework.testing.strategies import Recorder
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.done = False
        self.stop_after = stop_after
        self.rows = b""
        self.records: list[tuple[int, int, int]] = []
        self.restored: list[int] = []
        self.ended: list[int] = []

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        self.rows += bytes(output.rows)
        self.records += [(one.mono_ns, shard, one.index) for one in iter_records(record)]
        assert self.records[-1][0] == mono_ns
        self.done = self.stop_after is not None and len(self.records) >= self.stop_after

    def restore(self, feed: Feed, mono_ns: int) -> None:
        self.restored.append(len(feed.instruments()))

    def on_end(self, mono_ns: int) -> None:
        self.ended.append(mono_ns)


def bundle(tmp_path: Path, *logs: ToyLog, name: str = "run", **fields: Any) -> Run:
    return open_run(write_run(tmp_path / name, {n: log.records for n, log in enumerate(logs)}, **fields))


def taker(state: Any, wake: Any, market: Any, out: Any) -> None:
    view = market[wake.instrument]
    if view.has_ask and view.position <= 0:
        out.place(wake.instrument, Side.BUY, view.ask, 10**6, TimeInForce.IOC, Urgency.TAKER)
    elif view.has_bid:
        out.place(wake.instrument, Side.SELL, view.bid, view.position, TimeInForce.IOC, Urgency.TAKER)


def trade(run: Run, **options: Any) -> tuple[Pipeline, Recorder, Replayed]:
    """Replay a strategy that trades at every change."""
    recorder = Recorder()
    limit = {key: options.pop(key) for key in ("max_seconds",) if key in options}
    strategies = {"taker": Strategy(taker, wakes=On.MARKET, python_only=True)}
    pipeline = Pipeline(strategies, FlatFee(FlatFeeSettings()), observer=recorder, **options)
    replayed = replay(run, toy_kits(), pipeline, **limit)
    assert not pipeline.errors
    return pipeline, recorder, replayed


def test_a_listener_hears_every_record_in_order_and_what_feed_makes_of_it(tmp_path: Path) -> None:
    logs = [toy_session(("A/B",), seed=1), toy_session(("C/D", "E/F"), seed=2, shard=1)]
    heard = Heard()
    replayed = replay(bundle(tmp_path, *logs), toy_kits(), heard)
    assert heard.records == sorted(heard.records)
    assert len(heard.records) == sum(len(log.records) for log in logs)
    assert heard.ended == [heard.records[-1][0]] == [replayed.mono_ns]
    assert sorted(one.id for feed in replayed.feeds.values() for one in feed.instruments()) == [
        "toy:A/B",
        "toy:C/D",
        "toy:E/F",
    ]
    feed = Feed(toy_kits())
    assert heard.rows != b""
    alone = Heard()
    replay(bundle(tmp_path, logs[0], name="alone"), toy_kits(), alone)
    assert alone.rows == b"".join(bytes(feed.feed(record).rows) for record in logs[0].records)


def test_a_replay_twice_is_the_same_run(tmp_path: Path) -> None:
    run = bundle(tmp_path, toy_session(("A/B", "C/D"), seed=3, disconnect_at=90))
    (one, first, _), (two, second, _) = trade(run), trade(run)
    assert one.intents.count > 20
    assert one.intents.hexdigest() == two.intents.hexdigest()
    assert (first.tops, first.fills) == (second.tops, second.fills)
    assert one.ledger.results() == two.ledger.results()


def test_recorded_time_is_limited_from_the_first_frame(tmp_path: Path) -> None:
    log = ToyLog(toy_config())
    log.open()
    market = ToyMarket()
    log.frame(market.snapshot(), after_ns=10**9)
    for _ in range(10):
        log.frame(market.step(), after_ns=100_000_000)
    run = bundle(tmp_path, log)

    def frames(seconds: float) -> int:
        heard = Heard()
        replay(run, toy_kits(), heard, max_seconds=seconds)
        return len(heard.records) - 2

    assert [frames(seconds) for seconds in (0, 0.0999, 0.1, 0.55, 1, 9)] == [1, 1, 2, 6, 11, 11]


def test_time_means_nothing_in_a_run_without_receive_times(tmp_path: Path) -> None:
    run = bundle(tmp_path, toy_session(steps=5), flags=("untimed",))
    with pytest.raises(ConfigError, match="has no receive times") as raised:
        replay(run, toy_kits(), Heard(), max_seconds=1)
    assert raised.value.exit_code == 2
    heard = Heard()
    replay(run, toy_kits(), heard)
    assert heard.ended


def test_a_run_ends_when_its_listener_is_done(tmp_path: Path) -> None:
    run = bundle(tmp_path, toy_session(seed=4))
    pipeline, recorder, _ = trade(run, max_events=10)
    whole, everything, _ = trade(run)
    assert pipeline.deliveries == 10 < whole.deliveries
    assert recorder.intents == everything.intents[: len(recorder.intents)]


def test_damage_in_the_log_is_an_error(tmp_path: Path) -> None:
    run = bundle(tmp_path, toy_session(seed=4))
    (segment,) = run.shards[0].segments
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)
    with pytest.raises(CorruptFrame):
        replay(open_run(run.path), toy_kits(), Heard())


def test_a_log_that_begins_with_a_checkpoint_gives_its_books_first(tmp_path: Path) -> None:
    """The tail of a recording, from a checkpoint on, tells the same tops as the whole does there."""
    log = toy_session(("A/B", "C/D"), seed=6, steps=120)
    cut = len(log.records) // 2
    feed = Feed(toy_kits())
    for record in log.records[:cut]:
        feed.feed(record)
    tail = ToyLog()
    tail.mono_ns = next(iter_records(log.records[cut])).mono_ns - 2 * tail.step_ns
    tail.add(RecordKind.CHECKPOINT, feed.checkpoint())
    last_ns = tail.mono_ns
    for record in log.records[cut:]:
        (one,) = iter_records(record)
        tail.add(one.kind, bytes(one.payload), one.connection, after_ns=one.mono_ns - tail.mono_ns)
    whole, part = Recorder(), Recorder()
    for recorder, records in ((whole, log), (part, tail)):
        run = bundle(tmp_path, records, name=f"run{len(records.records)}")
        replay(run, toy_kits(), Pipeline({}, FlatFee(FlatFeeSettings()), observer=recorder))
    expected = [top[:6] for top in whole.tops if top.ts_recv > last_ns]
    restored = [top for top in part.tops if top.ts_recv == last_ns]
    assert {top.market_id for top in restored} == {"toy:A/B", "toy:C/D"}
    assert [top[:6] for top in part.tops if top.ts_recv > last_ns] == expected
    assert len(expected) > 10
