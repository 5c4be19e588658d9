"""The orchestrator: numbers, filters, ends, timers for the runner, checkpoints, points of the clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.events import SyncState
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Recorder, Step, Tape, feed, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline

FEE = FlatFee(FlatFeeSettings())
QUIET = Strategy(lambda state, wake, market, out: None, wakes=0, python_only=True)


def taker(state: Any, wake: Any, market: Any, out: Any) -> None:
    out.place(wake.instrument, Side.BUY, market[wake.instrument].ask, 1, TimeInForce.IOC, Urgency.TAKER)


def market() -> Tape:
    return tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")])


def test_messages_are_numbered_over_all_shards_also_those_that_nobody_follows() -> None:
    other = tape("test:X/Y").book(bids=[("1.00", "1")])
    mine = market()
    steps = [(0, step) for step in mine.steps] + [(1, step) for step in other.steps]
    recorder = Recorder()
    pipeline = Pipeline({}, FEE, observer=recorder)
    for shard, step in sorted(steps, key=lambda entry: (entry[1].mono_ns, entry[0])):
        renumbered = renumber(step, shard)
        pipeline.on_output(shard, renumbered.record, renumbered.mono_ns, renumbered.output)
    # Two definitions, then 3 messages of each book; each event is at the last message of its record.
    assert [(top.market_id, top.seq) for top in recorder.tops] == [("test:A/B", 4), ("test:X/Y", 7)]

    only = Recorder()
    filtered = Pipeline({}, FEE, only=["test:X/Y"], observer=only)
    for shard, step in sorted(steps, key=lambda entry: (entry[1].mono_ns, entry[0])):
        renumbered = renumber(step, shard)
        filtered.on_output(shard, renumbered.record, renumbered.mono_ns, renumbered.output)
    assert only.tops == recorder.tops[1:]
    assert [slot.id for slot in filtered.markets.slots] == ["test:X/Y"]


def renumber(step: Step, shard: int) -> Step:
    """The step as another shard has it: instrument numbers carry the shard, stamps are its own."""
    if not shard:
        return step
    from mm_framework.model.events import MESSAGE, ROW

    mono_ns = step.mono_ns + 1
    rows = b"".join(
        ROW.pack(*row[:5], shard << 16 if row[8] == 8 else row[5], shard << 16, *row[7:])
        for row in ROW.iter_unpack(step.output.rows)
    )
    messages = b"".join(
        MESSAGE.pack(*message[:6], shard << 16, *message[7:])
        for message in MESSAGE.iter_unpack(step.output.messages)
    )
    notices = [
        attrs.evolve(
            notice,
            definition=attrs.evolve(notice.definition, index=shard << 16, number=shard << 16),
        )
        for notice in step.output.notices
    ]
    output = attrs.evolve(
        step.output,
        rows=memoryview(rows),
        messages=memoryview(messages),
        mono_ns=[mono_ns] * len(step.output.mono_ns),
        notices=notices,
    )
    return Step(step.record, mono_ns, output)


def test_max_events_counts_deliveries_and_the_end_still_wakes() -> None:
    reasons = []
    strategy = Strategy(
        lambda s, wake, m, o: reasons.append(wake.reasons), wakes=On.MARKET | On.END, python_only=True
    )
    busy = market().trade("buy", "100.10", "1").update(bids=[("99.95", "1")])
    result = run(strategy, busy, max_events=2)
    assert (result.pipeline.deliveries, result.pipeline.canonical_events) == (2, 1)
    assert reasons == [On.MARKET, On.END]
    assert run(strategy, busy, max_events=0).pipeline.deliveries == 0


def test_own_events_carry_the_number_of_the_last_message_before_them() -> None:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.reasons & (On.MARKET | On.TIMER):
            out.place(0, Side.BUY, market[0].ask, 1, TimeInForce.IOC, Urgency.TAKER, 0)
            if wake.reasons & On.MARKET:
                out.timer(wake.now_ns + 1)
        elif wake.reasons & On.OWN_FILL:
            out.place(0, Side.SELL, 10**6, 1, tag=1)

    strategy = Strategy(
        decide, wakes=On.MARKET | On.TIMER | On.OWN_FILL, tags=("take", "quote"), python_only=True
    )
    busy = market().trade("buy", "100.10", "1").wait()
    assert [(i.seq, i.tag) for i in run(strategy, busy).intents] == [
        (3, "take"),  # the book's last message
        (3, "quote"),  # its fill
        (3, "take"),  # the timer, before the print's message
        (3, "quote"),
    ]


def test_a_run_that_is_done_ends_at_the_time_of_its_last_event() -> None:
    ends = []

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.reasons & On.END:
            ends.append(wake.now_ns)

    strategy = Strategy(decide, wakes=On.MARKET | On.END, python_only=True)
    run(strategy, market().wait(50), max_events=1)
    run(strategy, market().wait(50))
    assert ends == [2_000_000, 52_000_000]


def test_what_comes_after_the_end_is_ignored() -> None:
    pipeline = Pipeline({"taker": Strategy(taker, python_only=True)}, FEE, max_events=1)
    steps = market().update(bids=[("99.95", "1")]).steps
    feed(pipeline, steps)
    assert (pipeline.done, pipeline.intents.count) == (True, 1)
    pipeline.on_end(steps[-1].mono_ns)
    assert pipeline.intents.count == 1


def test_the_runner_learns_when_the_next_timer_is_due() -> None:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.reasons & On.MARKET:
            out.timer(9_000_000)
            out.timer(7_000_000)

    pipeline = Pipeline({"timed": Strategy(decide, wakes=On.MARKET | On.TIMER, python_only=True)}, FEE)
    assert pipeline.next_timer_ns() is None
    feed(pipeline, market().steps)
    assert pipeline.next_timer_ns() == 7_000_000
    feed(pipeline, market().at(8).wait().steps[-1:])
    assert pipeline.next_timer_ns() == 9_000_000
    pipeline.on_end(10_000_000)
    assert pipeline.next_timer_ns() is None


def test_timers_that_are_due_at_the_end_fire_and_later_ones_do_not() -> None:
    fired = []

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.reasons & On.TIMER:
            fired.append(wake.now_ns)
        else:
            for due_ns in (5_000_000, 6_000_000, 6_000_001):
                out.timer(due_ns)

    pipeline = Pipeline({"timed": Strategy(decide, wakes=On.MARKET | On.TIMER, python_only=True)}, FEE)
    feed(pipeline, market().steps)
    pipeline.on_end(6_000_000)
    assert (fired, pipeline.done) == ([5_000_000, 6_000_000], True)


def test_timers_of_several_strategies_at_one_moment_go_by_name() -> None:
    order = []

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.reasons & On.MARKET:
            out.timer(5_000_000)
        else:
            order.append(state.me)

    def named(me: int) -> Strategy:
        return Strategy(
            decide,
            wakes=On.MARKET | On.TIMER,
            state={"me": "i8"},
            start=lambda state: setattr(state, "me", me),
            python_only=True,
        )

    run({"b": named(2), "a": named(1)}, market().wait(10))
    assert order == [1, 2]


def test_the_clock_is_shown_each_point_in_order() -> None:
    points: list[str] = []
    pipeline = Pipeline({"taker": Strategy(taker, python_only=True)}, FEE, probe=points.append)
    feed(pipeline, market().steps)
    assert points == ["done", "state", "strategy", "allocator", "execution", "emitted", "done"]


def test_a_checkpoint_brings_definitions_and_books_and_deltas_go_on_from_there() -> None:
    whole = market().update(bids=[("99.95", "1")])
    before = Pipeline({}, FEE)
    feed(before, whole.steps[:2])
    slot = before.markets.by_id["test:A/B"]
    checkpoint = SimpleNamespace(
        definitions=[slot.definition],
        instruments=lambda: [
            SimpleNamespace(
                definition=slot.definition, book=slot.book, state=SyncState.SYNCED, epoch=slot.epoch
            )
        ],
    )
    recorder = Recorder()
    sliced = Pipeline({}, FEE, observer=recorder)
    sliced.restore(checkpoint, 2_500_000)
    feed(sliced, whole.steps[2:])
    assert [(top.bid_px_e6, top.ask_px_e6, top.ts_recv) for top in recorder.tops] == [
        (99_900_000, 100_100_000, 2_500_000),
        (99_950_000, 100_100_000, 3_000_000),
    ]


def test_nothing_happens_without_strategies() -> None:
    result = run({"quiet": QUIET}, market())
    assert (result.pipeline.canonical_events, result.intents) == (1, [])
