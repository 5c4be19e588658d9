"""The plant: what a run follows, as its venues' lists change. Pure: lists and times in, actions out.

    list of a venue -> units that patterns mean, sorted, cut at the cap -> against what is followed
                    -> Unfollow ..., Follow ... for each shard

A unit is an instrument, or a group that is followed whole or not at all. What was named one by one is
pinned: no list ends it. A list is read while it changes, so a unit that is missing from one list may be
there all the same: it is let go when two lists in a row miss it, or at once when a list says that it is
closed. The runner and the simulation drive the same `Plant`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from mm_framework.capture.catalog import select
from mm_framework.capture.plan import ROOM, Plan, Seats, least_shards, subscriptions_of
from mm_framework.contracts.adapter import Adapter, Channel, Subscription
from mm_framework.contracts.catalog import ListedInstrument
from mm_framework.contracts.normalizer import InstrumentInfo

__all__ = ["Action", "Follow", "Plant", "Refreshed", "Unfollow", "Wanted", "meant"]

PATIENCE = 2
"""Lists in a row that miss a unit before it is let go."""

Unit = tuple[ListedInstrument, ...]


@attrs.frozen
class Follow:
    """Subscribe these on a shard; ``infos`` are definitions, of these or of what it follows already."""

    shard: int
    subscriptions: tuple[Subscription, ...]
    infos: tuple[InstrumentInfo, ...] = ()


@attrs.frozen
class Unfollow:
    """End these on a shard."""

    shard: int
    subscriptions: tuple[Subscription, ...]


Action = Follow | Unfollow


@attrs.frozen
class Wanted:
    """What a run wants of a venue: all that fits a pattern, and what is named one by one."""

    patterns: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()


@attrs.frozen
class Refreshed:
    """What a list brought: actions, those that end something first, and the units concerned.

    ``changed``: the same units under other definitions; ``cut``: how many are above the cap; ``no_room``:
    units that no shard could take, and ``shards_needed`` how many would carry all with room to grow, else 0.
    """

    venue: str
    actions: tuple[Action, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    cut: int = 0
    no_room: tuple[str, ...] = ()
    shards_needed: int = 0


def meant(
    listed: Iterable[ListedInstrument], patterns: Sequence[str], cap: int
) -> tuple[dict[str, Unit], int]:
    """The units that patterns mean, in order of their ids, at most ``cap``; how many are above it."""
    found = units_of(select(listed, patterns))
    names = sorted(found)
    return {name: found[name] for name in names[:cap]}, max(0, len(names) - cap)


def units_of(listed: Iterable[ListedInstrument]) -> dict[str, Unit]:
    """Instruments by unit, those of a unit in order of their ids."""
    found: dict[str, list[ListedInstrument]] = {}
    for one in sorted(listed, key=lambda one: one.instrument):
        found.setdefault(one.unit, []).append(one)
    return {name: tuple(members) for name, members in found.items()}


class Plant:
    """What each venue of a run follows. ``wanted`` is by venue; venues that it has not are left alone.

    ``depth``, ``levels``: as `make_plan` takes them; ``cap``: units of a venue.
    """

    def __init__(
        self,
        plan: Plan,
        adapters: Mapping[str, Adapter],
        wanted: Mapping[str, Wanted],
        *,
        listed: Mapping[str, ListedInstrument],
        depth: int | None = None,
        levels: int = 0,
        cap: int,
    ) -> None:
        self._rosters = {
            venue: Roster(plan, adapters[venue], one, listed, (depth, levels), cap)
            for venue, one in wanted.items()
        }

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues whose lists matter: a pattern means something there."""
        return tuple(sorted(venue for venue, roster in self._rosters.items() if roster.wanted.patterns))

    def listed(self, venue: str, found: Iterable[ListedInstrument]) -> Refreshed:
        """A whole list of a venue came."""
        return self._rosters[venue].listed(found)

    def followed(self, venue: str) -> tuple[str, ...]:
        """The units that are followed now, sorted."""
        return tuple(sorted(self._rosters[venue].followed))


@attrs.define
class _Address:
    """The shards of a venue at one address, and the channels there."""

    channels: tuple[Channel, ...]
    seats: Seats


class Roster:
    """The units that one venue follows, and where."""

    def __init__(
        self,
        plan: Plan,
        adapter: Adapter,
        wanted: Wanted,
        listed: Mapping[str, ListedInstrument],
        depths: tuple[int | None, int],
        cap: int,
    ) -> None:
        self.wanted, self.followed = wanted, dict[str, Unit]()
        self._adapter, self._depths, self._cap = adapter, depths, cap
        self._missed: dict[str, int] = {}
        self._addresses = [
            _Address(channels, Seats(shards, adapter.limits.subscriptions))
            for channels, shards in _addresses(plan, adapter).items()
        ]
        self._sit(plan, listed)

    def _sit(self, plan: Plan, listed: Mapping[str, ListedInstrument]) -> None:
        """Everything that the plan subscribes has its place already."""
        for shard in plan.shards:
            address = self._at(shard.shard)
            if shard.venue != self._adapter.venue or address is None:
                continue
            names = dict.fromkeys((s.instrument, s.venue_symbol) for s in shard.subscriptions)
            members = [
                listed.get(name) or ListedInstrument(name, InstrumentInfo(symbol)) for name, symbol in names
            ]
            for unit, some in units_of(members).items():
                address.seats.take(unit, len(some), shard.shard)
                self.followed[unit] = some

    def _at(self, shard: int) -> _Address | None:
        return next((one for one in self._addresses if shard in one.seats.loads), None)

    def listed(self, found: Iterable[ListedInstrument]) -> Refreshed:
        """See `Plant.listed`."""
        known = units_of(found)
        candidates = units_of(select((one for unit in known.values() for one in unit), self.wanted.patterns))
        candidates |= {unit: self.followed[unit] for unit in self._patient(known, candidates)}
        pinned = {unit for unit, some in self.followed.items() if self._is_pinned(some)}
        names = sorted(candidates.keys() - pinned)
        desired = set(names[: max(0, self._cap - len(pinned))])
        moved = {unit for unit in desired & self.followed.keys() if self._renamed(unit, candidates[unit])}
        removed = sorted((self.followed.keys() - desired - pinned) | moved)
        changed = self._describe(known)
        ends = self._end(removed)
        coming = {unit: candidates[unit] for unit in sorted(desired - self.followed.keys())}
        begins, no_room = self._begin(coming)
        return Refreshed(
            self._adapter.venue,
            (*ends, *self._follows(begins, changed)),
            tuple(begins),
            tuple(removed),
            tuple(unit for unit in changed if unit not in removed),
            len(names) - len(desired),
            tuple(no_room),
            self._shards_needed([candidates[unit] for unit in no_room]),
        )

    def _shards_needed(self, outside: Sequence[Unit]) -> int:
        """How many connections have room for these, too; 0 where nobody is outside."""
        if not outside:
            return 0
        sizes = [len(some) for some in (*self.followed.values(), *outside)]
        share = max(1, int(self._adapter.limits.subscriptions * (1 - ROOM)))
        return least_shards(sizes, max(share, *sizes))

    def _describe(self, known: Mapping[str, Unit]) -> list[str]:
        """Take in the definitions of what is followed; the units whose have changed."""
        changed = []
        for unit, before in self.followed.items():
            now = known.get(unit, before)
            if _names(now) == _names(before) and now != before:
                self.followed[unit] = now
                if [one.info for one in now] != [one.info for one in before]:
                    changed.append(unit)
        return changed

    def _patient(self, known: Mapping[str, Unit], candidates: Mapping[str, Unit]) -> list[str]:
        """Followed units that the list misses, but not for so long that they are let go."""
        kept = []
        for unit in self.followed:
            if unit in candidates or unit in known:
                self._missed.pop(unit, None)
                continue
            self._missed[unit] = self._missed.get(unit, 0) + 1
            if self._missed[unit] < PATIENCE:
                kept.append(unit)
        return kept

    def _is_pinned(self, unit: Unit) -> bool:
        return any(one.instrument in self.wanted.pinned for one in unit)

    def _renamed(self, unit: str, now: Unit) -> bool:
        """Whether a unit's instruments have other names at the venue now."""
        return _names(self.followed[unit]) != _names(now)

    def _end(self, units: Sequence[str]) -> list[Action]:
        """The units leave."""
        gone: dict[int, list[ListedInstrument]] = {}
        for unit in units:
            some = self.followed.pop(unit)
            self._missed.pop(unit, None)
            for address in self._addresses:
                gone.setdefault(address.seats.leave(unit), []).extend(some)
        return [Unfollow(shard, self._subscriptions(shard, some)) for shard, some in sorted(gone.items())]

    def _begin(self, units: Mapping[str, Unit]) -> tuple[dict[str, dict[int, Unit]], list[str]]:
        """Units come: the shards that take each; those that find no room at some address come nowhere."""
        begins: dict[str, dict[int, Unit]] = {}
        no_room = []
        for unit, some in units.items():
            places: dict[int, Unit] = {}
            for address in self._addresses:
                shard = address.seats.take(unit, len(some))
                if shard is not None:
                    places[shard] = some
            if len(places) == len(self._addresses):
                begins[unit], self.followed[unit] = places, some
                continue
            for address in self._addresses:
                if any(shard in address.seats.loads for shard in places):
                    address.seats.leave(unit)
            no_room.append(unit)
        return begins, no_room

    def _follows(self, begins: Mapping[str, Mapping[int, Unit]], changed: Sequence[str]) -> list[Action]:
        come: dict[int, list[ListedInstrument]] = {}
        infos: dict[int, list[InstrumentInfo]] = {}
        for places in begins.values():
            for shard, some in places.items():
                come.setdefault(shard, []).extend(some)
        for unit in changed:
            for address in self._addresses if unit in self.followed else ():
                infos.setdefault(address.seats.place(unit), []).extend(
                    one.info for one in self.followed[unit]
                )
        return [
            Follow(
                shard,
                self._subscriptions(shard, come.get(shard, [])),
                (*(one.info for one in come.get(shard, [])), *infos.get(shard, [])),
            )
            for shard in sorted(come.keys() | infos.keys())
        ]

    def _subscriptions(self, shard: int, some: Sequence[ListedInstrument]) -> tuple[Subscription, ...]:
        address = self._at(shard)
        assert address is not None
        return subscriptions_of(self._adapter, some, address.channels, *self._depths)


def _names(unit: Unit) -> list[tuple[str, str]]:
    return [(one.instrument, one.info.venue_symbol) for one in unit]


def _addresses(plan: Plan, adapter: Adapter) -> dict[tuple[Channel, ...], list[int]]:
    """The shards of a venue by the channels that they carry."""
    known = {channel.name: channel for channel in adapter.channels}
    found: dict[tuple[Channel, ...], list[int]] = {}
    for shard in plan.shards:
        if shard.venue == adapter.venue:
            names = dict.fromkeys(one.channel for one in shard.subscriptions)
            found.setdefault(tuple(known[name] for name in names), []).append(shard.shard)
    return found
