"""Who has spoken in the first seconds."""

from __future__ import annotations

from toy_venue import ToyAdapter, toy_kits, toy_session

from mm_framework.capture.confirm import Confirm
from mm_framework.capture.plan import make_plan
from mm_framework.feed import Feed


def confirm(*instruments: str, channels: tuple[str, ...] = ("book", "trade"), min_events: int = 1) -> Confirm:
    adapters = {"toy": ToyAdapter()}
    return Confirm(make_plan(instruments, adapters, channels=channels), adapters, min_events)


def hear(waiting: Confirm, *symbols: str, steps: int = 60) -> Confirm:
    log, feed = toy_session(symbols, steps=steps), Feed(toy_kits(), 0)
    for record in log.records:
        waiting.heard(feed.feed(record))
    return waiting


def test_who_had_messages_is_not_waited_for() -> None:
    waiting = confirm("toy:A/X", "toy:B/X", "toy:C/X")
    assert not waiting.done
    hear(waiting, "A/X", "B/X")
    report = waiting.report()
    assert (report["expected"], report["confirmed"], report["min_events"]) == (3, 2, 1)
    assert report["missing"] == [{"instrument": "toy:C/X", "venue_symbol": "C/X", "shard": 0, "messages": 0}]


def test_more_messages_may_be_asked_for() -> None:
    assert hear(confirm("toy:A/X"), "A/X", steps=0).done
    few = hear(confirm("toy:A/X", min_events=1000), "A/X")
    (missing,) = few.report()["missing"]
    assert 0 < missing["messages"] < 1000


def test_who_leaves_is_not_waited_for() -> None:
    waiting = confirm("toy:A/X", "toy:B/X")
    plan = make_plan(["toy:B/X"], {"toy": ToyAdapter()}, channels=("book",))
    waiting.left(plan.shards[0].subscriptions)
    hear(waiting, "A/X")
    assert waiting.done
    assert waiting.report()["expected"] == 1


def test_trades_alone_may_have_nothing_to_say() -> None:
    assert confirm("toy:A/X", channels=("trade",)).done
