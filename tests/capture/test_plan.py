"""What is subscribed where."""

from __future__ import annotations

from typing import Any

import pytest
from toy_venue import ToyAdapter

from mm_framework.capture.plan import Plan, ShardPlan, endpoint_of, make_plan
from mm_framework.contracts.adapter import Channel, HttpRequest, Proof, Subscription, VenueLimits
from mm_framework.errors import ConfigError


class SmallAdapter(ToyAdapter):
    limits = VenueLimits(subscriptions=2)


def plan(*instruments: str, adapter: ToyAdapter | None = None, **arguments: Any) -> Plan:
    arguments.setdefault("channels", ("book",))
    return make_plan(instruments, {"toy": adapter or ToyAdapter()}, **arguments)


def hands(made: Plan) -> list[list[str]]:
    return [[s.instrument for s in shard.subscriptions] for shard in made.shards]


def test_each_instrument_is_subscribed_to_each_channel_on_one_shard() -> None:
    (shard,) = plan("toy:B/C", "toy:a/b", channels=("book", "trade"), depth=10).shards
    assert (shard.shard, shard.venue, shard.url) == (0, "toy", ToyAdapter.url)
    assert shard.subscriptions == (
        Subscription("toy:A/B", "A/B", "book", 10),
        Subscription("toy:B/C", "B/C", "book", 10),
        Subscription("toy:A/B", "A/B", "trade", None),
        Subscription("toy:B/C", "B/C", "trade", None),
    )


def test_without_a_depth_a_book_has_the_venues_default() -> None:
    (shard,) = plan("toy:A/B").shards
    assert shard.subscriptions[0].depth == 5


def test_instruments_are_dealt_evenly_in_order_of_their_ids() -> None:
    assert hands(plan("toy:D/X", "toy:A/X", "toy:C/X", "toy:B/X", shards=2)) == [
        ["toy:A/X", "toy:C/X"],
        ["toy:B/X", "toy:D/X"],
    ]


def test_the_order_and_repetition_of_the_request_do_not_matter() -> None:
    assert plan("toy:A/X", "toy:B/X", shards=2) == plan("toy:B/X", "toy:a/x", "toy:A/X", shards=2)


def test_another_dealer_may_deal() -> None:
    dealt = plan("toy:A/X", "toy:B/X", "toy:C/X", shards=2, deal=lambda position, _: int(position > 1))
    assert hands(dealt) == [["toy:A/X", "toy:B/X"], ["toy:C/X"]]


def test_a_shard_without_instruments_is_left_out() -> None:
    made = plan("toy:A/X", shards=4)
    assert [shard.shard for shard in made.shards] == [0]
    assert made.instruments == ("toy:A/X",)


def test_without_channels_books_and_trades_are_subscribed() -> None:
    (shard,) = plan("toy:A/X", channels=()).shards
    assert [s.channel for s in shard.subscriptions] == ["book", "trade"]


def test_a_channel_may_be_named_by_what_it_carries() -> None:
    class Odd(ToyAdapter):
        channels = (Channel("book", "book", Proof("none")), Channel("prints", "trade", Proof("ids")))

    (shard,) = plan("toy:A/X", adapter=Odd(), channels=("trade", "prints")).shards
    assert [s.channel for s in shard.subscriptions] == ["prints"]


class PathAdapter(ToyAdapter):
    url = "wss://toy.invalid/v2"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (None, "wss://toy.invalid/v2"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/v2"),
        ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080/v2"),
        ("ws://127.0.0.1:8080/other?a=1", "ws://127.0.0.1:8080/other?a=1"),
    ],
)
def test_an_endpoint_without_a_path_takes_the_venues(endpoint: str | None, url: str) -> None:
    assert endpoint_of(PathAdapter(), endpoint) == url


def test_an_endpoint_replaces_the_venues_own() -> None:
    (shard,) = plan("toy:A/X", endpoint="ws://127.0.0.1:8080/v2").shards
    assert shard.url == "ws://127.0.0.1:8080/v2"


@pytest.mark.parametrize(
    ("instruments", "arguments", "message"),
    [
        ((), {}, "nothing to capture: name at least one instrument"),
        (("A/B",), {}, "not of the form venue:SYMBOL"),
        (("toys:A/B",), {}, "no venue 'toys': did you mean 'toy'"),
        (("toy:A/B",), {"channels": ("books",)}, "no channel 'books': did you mean 'book'"),
        (("toy:A/B",), {"depth": 7}, "no book of depth 7: choose one of 5, 10"),
        (("toy:A/B",), {"shards": 0}, "0 shards: at least 1"),
        (("toy:A/B",), {"endpoint": "http://127.0.0.1"}, "not of the form ws://"),
        (("toy:A/B",), {"endpoint": "ws://127.0.0.1:99999"}, "not of the form ws://"),
        (("toy:A/B",), {"endpoint": "ws:///v2"}, "not of the form ws://"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(
    instruments: tuple[str, ...], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(*instruments, **arguments)


def test_more_instruments_than_a_connection_carries_need_more_shards() -> None:
    with pytest.raises(ConfigError, match="3 instruments of toy on one connection, which carries 2"):
        plan("toy:A/X", "toy:B/X", "toy:C/X", adapter=SmallAdapter())
    assert len(plan("toy:A/X", "toy:B/X", "toy:C/X", adapter=SmallAdapter(), shards=2).shards) == 2


@pytest.mark.parametrize(
    ("endpoint", "asked", "sent"),
    [
        ("ws://127.0.0.1:9000/x", "https://api.toy.invalid/depth?s=A", "http://127.0.0.1:9000/depth?s=A"),
        ("wss://localhost:9000/x", "https://api.toy.invalid/depth", "https://localhost:9000/depth"),
        ("ws://127.0.0.1:9000/x", "http://127.0.0.1:9100/depth", "http://127.0.0.1:9100/depth"),
        ("wss://other.toy.invalid/x", "https://api.toy.invalid/depth", "https://api.toy.invalid/depth"),
    ],
)
def test_an_emulator_on_loopback_is_asked_over_rest_too(endpoint: str, asked: str, sent: str) -> None:
    shard = ShardPlan(0, "toy", endpoint, ())
    assert shard.request(HttpRequest(asked, "snapshot", 5)) == HttpRequest(sent, "snapshot", 5)
