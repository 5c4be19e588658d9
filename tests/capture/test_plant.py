"""What a run follows as lists change: units, caps, limits, pins, patience."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_venue import ToyAdapter

from mm_framework.capture.plan import Plan, ShardPlan, make_plan
from mm_framework.capture.plant import Follow, Plant, Refreshed, Unfollow, Wanted, meant
from mm_framework.contracts.adapter import Subscription, VenueLimits
from mm_framework.contracts.catalog import ListedInstrument
from mm_framework.contracts.normalizer import InstrumentInfo


class Small(ToyAdapter):
    limits = VenueLimits(subscriptions=4)


class TwoAddresses(Small):
    urls = {"trade": "wss://toy.invalid/market"}  # noqa: RUF012 - as plugins write it


def market(number: int, **changes: object) -> list[ListedInstrument]:
    """Both tokens of a market."""
    group = f"g{number:02d}"
    pair = [
        ListedInstrument(f"toy:M{number:02d}-{side}", InstrumentInfo(f"{number}{side}"), group=group)
        for side in ("NO", "YES")
    ]
    return [attrs.evolve(one, **changes) for one in pair]


def markets(numbers: Iterable[int]) -> list[ListedInstrument]:
    return [one for number in numbers for one in market(number)]


class World:
    """A plant and a runner that obeys it: checks that nothing is lost, double or over a limit."""

    def __init__(
        self,
        first: list[ListedInstrument],
        *,
        adapter: ToyAdapter | None = None,
        shards: int | None = None,
        least: int = 2,
        cap: int = 100,
        pinned: Iterable[str] = (),
    ) -> None:
        self.adapter, self.cap = adapter or Small(), cap
        units, _ = meant(first, ["toy:*"], cap)
        listed = {one.instrument: one for one in first}
        names = [one.instrument for unit in units.values() for one in unit] + list(pinned)
        self.plan: Plan = make_plan(
            names,
            {"toy": self.adapter},
            channels=("book", "trade"),
            shards=shards,
            least=least,
            listed=listed,
        )
        self.pinned = frozenset(pinned)
        wanted = {"toy": Wanted(("toy:*",), self.pinned)}
        self.plant = Plant(self.plan, {"toy": self.adapter}, wanted, listed=listed, cap=cap)
        self.shards: dict[int, set[Subscription]] = {
            one.shard: set(one.subscriptions) for one in self.plan.shards
        }
        self.check()

    def list(self, found: Iterable[ListedInstrument]) -> Refreshed:
        before = self.where()
        refreshed = self.plant.listed("toy", found)
        ends = [isinstance(one, Unfollow) for one in refreshed.actions]
        assert ends == sorted(ends, reverse=True), "what ends comes first"
        for action in refreshed.actions:
            there, these = self.shards[action.shard], set(action.subscriptions)
            assert len(these) == len(action.subscriptions)
            if isinstance(action, Follow):
                assert not these & there, "subscribed twice"
                there |= these
            else:
                assert these <= there, "ended without having been there"
                there -= these
            self.check_limits()
        self.check()
        stayed = before.keys() & self.where().keys()
        moved = {unit for unit in stayed if before[unit] != self.where()[unit]}
        assert moved <= set(refreshed.removed), "a unit that stayed was moved"
        return refreshed

    def where(self) -> dict[str, frozenset[int]]:
        """The shards of each instrument."""
        found: dict[str, set[int]] = {}
        for shard, subscriptions in self.shards.items():
            for one in subscriptions:
                found.setdefault(one.instrument, set()).add(shard)
        return {name: frozenset(shards) for name, shards in found.items()}

    def check_limits(self) -> None:
        for subscriptions in self.shards.values():
            assert len({one.instrument for one in subscriptions}) <= self.adapter.limits.subscriptions

    def check(self) -> None:
        """Each instrument on each channel once; the two tokens of a market together."""
        self.check_limits()
        counts = Counter((one.instrument, one.channel) for some in self.shards.values() for one in some)
        assert set(counts.values()) <= {1}
        assert {name for name, _ in counts} == {name for name, channel in counts if channel == "book"}
        where = self.where()
        for name, shards in where.items():
            if name not in self.pinned:
                other = name.replace("-NO", "-YES") if name.endswith("-NO") else name.replace("-YES", "-NO")
                assert where[other] == shards
        assert len(self.plant.followed("toy")) - len(self.pinned) <= self.cap

    @property
    def followed(self) -> set[str]:
        return set(self.plant.followed("toy"))


def test_newcomers_are_followed_and_the_others_left_alone() -> None:
    world = World(markets([1, 2]))
    refreshed = world.list(markets([1, 2, 3]))
    assert refreshed.added == ("g03",)
    (action,) = refreshed.actions
    assert isinstance(action, Follow)
    assert action.shard == 0
    assert [(one.instrument, one.channel) for one in action.subscriptions] == [
        ("toy:M03-NO", "book"), ("toy:M03-YES", "book"), ("toy:M03-NO", "trade"), ("toy:M03-YES", "trade"),
    ]  # fmt: skip
    assert [info.venue_symbol for info in action.infos] == ["3NO", "3YES"]
    assert world.list(markets([3, 2, 1])).actions == ()


def test_what_one_list_misses_is_kept_and_what_two_miss_is_let_go() -> None:
    world = World(markets([1, 2]))
    assert world.list(markets([1])).actions == ()
    assert world.list(markets([1, 2])).actions == ()
    assert world.list(markets([1])).actions == ()
    refreshed = world.list(markets([1]))
    assert refreshed.removed == ("g02",)
    assert world.followed == {"g01"}


def test_what_a_list_says_is_closed_is_let_go_at_once() -> None:
    world = World(markets([1, 2]))
    assert world.list([*market(1), *market(2, active=False)]).removed == ("g02",)


def test_pinned_instruments_stay_whatever_lists_say() -> None:
    world = World(markets([1]), pinned=["toy:X/Y"])
    for _ in range(3):
        world.list([])
    assert world.followed == {"toy:X/Y"}


def test_other_names_at_the_venue_are_another_subscription() -> None:
    world = World(markets([1, 2]))
    renamed = [attrs.evolve(one, info=InstrumentInfo("new" + one.info.venue_symbol)) for one in market(2)]
    refreshed = world.list([*market(1), *renamed])
    assert (refreshed.added, refreshed.removed) == (("g02",), ("g02",))
    names = {one.venue_symbol for some in world.shards.values() for one in some}
    assert names == {"1NO", "1YES", "new2NO", "new2YES"}


def test_other_definitions_are_told_without_another_subscription() -> None:
    world = World(markets([1, 2]))
    finer = [
        attrs.evolve(one, info=attrs.evolve(one.info, tick_size="0.001"), ends="2027") for one in market(2)
    ]
    refreshed = world.list([*market(1), *finer])
    assert refreshed.changed == ("g02",)
    (action,) = refreshed.actions
    assert action == Follow(1, (), tuple(one.info for one in finer))
    assert world.list([*market(1), *finer]).actions == ()
    later = [attrs.evolve(one, ends="2028") for one in finer]
    assert world.list([*market(1), *later]).actions == ()


def test_above_the_cap_the_first_by_id_stay_and_the_rest_is_counted() -> None:
    world = World(markets([2, 3]), cap=2)
    refreshed = world.list(markets([1, 2, 3]))
    assert (refreshed.added, refreshed.removed, refreshed.cut) == (("g01",), ("g03",), 1)
    assert world.followed == {"g01", "g02"}


def test_without_room_units_stay_outside_and_come_when_others_leave() -> None:
    world = World(markets([1, 2, 3, 4]), shards=2)
    refreshed = world.list(markets([1, 2, 3, 4, 5]))
    assert refreshed.no_room == ("g05",)
    assert refreshed.actions == ()
    for _ in range(2):
        refreshed = world.list(markets([1, 2, 3, 5]))
    assert (refreshed.added, refreshed.removed) == (("g05",), ("g04",))


def test_channels_at_two_addresses_come_and_go_together() -> None:
    world = World(markets([1, 2]), adapter=TwoAddresses(), least=1)
    assert len(world.shards) == 2
    world.list([*market(1), *market(2, active=False), *market(3)])
    assert world.followed == {"g01", "g03"}
    assert {name: len(shards) for name, shards in world.where().items()} == dict.fromkeys(
        ("toy:M01-NO", "toy:M01-YES", "toy:M03-NO", "toy:M03-YES"), 2
    )
    assert world.list(markets([1, 3, 4])).no_room == ("g04",)
    assert world.followed == {"g01", "g03"}


def test_a_venue_without_patterns_needs_no_list() -> None:
    plan = make_plan(["toy:A/X"], {"toy": ToyAdapter()})
    plant = Plant(plan, {"toy": ToyAdapter()}, {"toy": Wanted((), frozenset({"toy:A/X"}))}, listed={}, cap=5)
    assert plant.venues == ()
    assert plant.followed("toy") == ("toy:A/X",)


def test_units_are_cut_in_order_of_their_ids() -> None:
    units, cut = meant(markets([3, 1, 2]), ["toy:*"], 2)
    assert (list(units), cut) == (["g01", "g02"], 1)


LISTS = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["active", "closed"])), max_size=12), max_size=8
)


def found(entries: list[tuple[int, str]]) -> list[ListedInstrument]:
    return [
        one for number, state in dict(entries).items() for one in market(number, active=state == "active")
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS, st.integers(1, 8), st.sampled_from([Small, TwoAddresses]), st.integers(1, 3))
def test_whatever_lists_say_nothing_is_lost_double_moved_or_over_a_limit(
    lists: list[list[tuple[int, str]]], cap: int, adapter: type[ToyAdapter], least: int
) -> None:
    world = World(markets([1, 2]), adapter=adapter(), least=least, cap=max(2, cap))
    for entries in lists:
        world.list(found(entries))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS, st.integers(2, 8), st.randoms(use_true_random=False))
def test_the_order_of_a_list_does_not_matter(
    lists: list[list[tuple[int, str]]], cap: int, draw: object
) -> None:
    one, other = World(markets([1, 2]), cap=cap), World(markets([1, 2]), cap=cap)
    for entries in lists:
        shuffled = found(entries)
        draw.shuffle(shuffled)  # type: ignore[attr-defined]
        assert one.list(found(entries)) == other.list(shuffled)
    assert one.shards == other.shards


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS, st.sets(st.integers(0, 12)), st.integers(2, 8))
def test_two_equal_lists_say_what_is_followed_whatever_was_before(
    lists: list[list[tuple[int, str]]], last: set[int], cap: int
) -> None:
    world = World(markets([1, 2]), cap=cap, least=8)
    for entries in lists:
        world.list(found(entries))
    for _ in range(3):
        refreshed = world.list(markets(last))
    room = sum(world.adapter.limits.subscriptions for _ in world.shards) // 2
    wanted = [f"g{number:02d}" for number in sorted(last)][:cap]
    assert world.followed == set(wanted) or len(wanted) > room
    assert refreshed.cut == max(0, len(last) - cap)
    assert len(world.followed) + len(refreshed.no_room) == len(wanted)


def test_a_shard_of_another_venue_is_left_alone() -> None:
    plan = make_plan(["toy:A/X"], {"toy": ToyAdapter()})
    foreign = ShardPlan(7, "other", "wss://other.invalid", (Subscription("other:A", "A", "book"),))
    plant = Plant(
        Plan((*plan.shards, foreign)), {"toy": ToyAdapter()}, {"toy": Wanted(("toy:*",))}, listed={}, cap=9
    )
    assert plant.followed("toy") == ("toy:A/X",)
