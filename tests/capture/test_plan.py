"""What is subscribed where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_venue import ToyAdapter

from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.plan import Plan, Seats, least_shards, make_plan
from mm_framework.contracts.adapter import Channel, Proof, Subscription, VenueLimits
from mm_framework.contracts.catalog import ListedInstrument
from mm_framework.contracts.normalizer import InstrumentInfo
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


@pytest.mark.parametrize(
    ("instruments", "arguments", "message"),
    [
        ((), {}, "nothing to capture: name at least one instrument"),
        (("A/B",), {}, "not of the form venue:SYMBOL"),
        (("toys:A/B",), {}, "no venue 'toys': did you mean 'toy'"),
        (("toy:A/B",), {"channels": ("books",)}, "no channel 'books': did you mean 'book'"),
        (("toy:A/B",), {"depth": 7}, "no book of depth 7: choose one of 5, 10"),
        (("toy:A/B",), {"shards": 0}, "0 shards: at least 1"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(
    instruments: tuple[str, ...], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(*instruments, **arguments)


def test_more_instruments_than_a_connection_carries_need_more_shards() -> None:
    with pytest.raises(ConfigError, match="3 instruments of toy do not fit on 1 connection of at most 2"):
        plan("toy:A/X", "toy:B/X", "toy:C/X", adapter=SmallAdapter())
    assert len(plan("toy:A/X", "toy:B/X", "toy:C/X", adapter=SmallAdapter(), shards=2).shards) == 2


def test_without_a_number_there_are_as_many_shards_as_the_limits_ask_for() -> None:
    five = [f"toy:{letter}/X" for letter in "ABCDE"]
    assert [len(hand) for hand in hands(plan(*five, adapter=SmallAdapter(), shards=None))] == [2, 2, 1]
    assert len(plan(*five, shards=None).shards) == 1


def test_what_the_catalogue_says_of_an_instrument_goes_with_it() -> None:
    info = InstrumentInfo("A/X", tick_size="0.01", price_decimals=2, size_decimals=3)
    (shard,) = plan("toy:A/X", "toy:B/X", listed={"toy:A/X": ListedInstrument("toy:A/X", info)}).shards
    assert shard.infos == (info,)
    assert [one.instrument for one in shard.subscriptions] == ["toy:A/X", "toy:B/X"]


def test_a_group_stays_together_under_the_names_of_the_catalogue() -> None:
    pairs = [
        ListedInstrument(f"toy:{name}-{side}", InstrumentInfo(f"{name}{side}"), group=name)
        for name in ("M1", "M2", "M3")
        for side in ("YES", "NO")
    ]
    made = plan(*(one.instrument for one in pairs), listed={one.instrument: one for one in pairs}, shards=2)
    assert hands(made) == [
        ["toy:M1-NO", "toy:M1-YES", "toy:M3-NO", "toy:M3-YES"],
        ["toy:M2-NO", "toy:M2-YES"],
    ]
    assert made.shards[1].subscriptions[0].venue_symbol == "M2NO"


class TwoAddresses(ToyAdapter):
    urls = {"trade": "wss://toy.invalid/market"}  # noqa: RUF012 - as plugins write it


def test_channels_at_another_address_have_a_shard_of_their_own() -> None:
    made = plan("toy:A/X", "toy:B/X", adapter=TwoAddresses(), channels=("book", "trade"))
    assert [(shard.url, [one.channel for one in shard.subscriptions]) for shard in made.shards] == [
        (ToyAdapter.url, ["book", "book"]),
        ("wss://toy.invalid/market", ["trade", "trade"]),
    ]


def test_several_venues_have_shards_each() -> None:
    class Other(ToyAdapter):
        venue = "other"

        def instrument_id(self, venue_symbol: str) -> str:
            return f"other:{venue_symbol.upper()}"

        def venue_symbol(self, instrument_id: str) -> str:
            return instrument_id.removeprefix("other:")

    endpoints = Endpoints.parse(["toy=ws://127.0.0.1:1/t", "other=ws://127.0.0.1:2/o"])
    made = make_plan(
        ["toy:A/X", "other:B/X"], {"toy": ToyAdapter(), "other": Other()}, endpoints=endpoints, shards=None
    )
    assert [(one.shard, one.venue, one.url) for one in made.shards] == [
        (0, "other", "ws://127.0.0.1:2/o"), (1, "toy", "ws://127.0.0.1:1/t"),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 2), st.booleans())))
def test_seats_never_exceed_a_limit_and_nobody_is_moved(steps: list[tuple[str, int, bool]]) -> None:
    seats, places, sizes = Seats(range(3), 4), dict[str, int](), dict[str, int]()
    for unit, size, comes in steps:
        if unit not in places and comes:
            place = seats.take(unit, size)
            if place is None:
                assert min(seats.loads.values()) + size > 4
            else:
                places[unit], sizes[unit] = place, size
        elif unit in places and not comes:
            assert seats.leave(unit) == places.pop(unit)
            del sizes[unit]
        for shard, load in seats.loads.items():
            assert load == sum(sizes[one] for one, place in places.items() if place == shard) <= 4


@given(st.lists(st.integers(1, 3), max_size=30), st.integers(3, 7))
def test_the_least_number_of_shards_carries_all(sizes: list[int], limit: int) -> None:
    count = least_shards(sizes, limit)
    seats = Seats(range(count), limit)
    assert all(seats.take(str(number), size) is not None for number, size in enumerate(sizes))
    assert count == 1 or sum(sizes) > (count - 1) * (limit - 2)


def test_a_venue_that_may_grow_leaves_room() -> None:
    class Ten(ToyAdapter):
        limits = VenueLimits(subscriptions=10)

    names = [f"toy:{number:02d}/X" for number in range(16)]
    assert [len(hand) for hand in hands(plan(*names, adapter=Ten(), shards=None, growing=["toy"]))] == [8, 8]
    assert [len(hand) for hand in hands(plan(*names[:9], adapter=Ten(), shards=None))] == [9]
    assert len(plan(*names[:9], adapter=Ten(), shards=None, growing=["toy"]).shards) == 2
    assert len(plan(*names[:9], adapter=Ten(), shards=1, growing=["toy"]).shards) == 1


def test_a_group_larger_than_a_connection_cannot_be_carried() -> None:
    with pytest.raises(ConfigError, match="a group of 5 instruments does not fit on a connection of 4"):
        least_shards([1, 5], 4)
