"""What a capture subscribes, and on which shard: a pure function of what was asked for.

All channels of an instrument that share an address go to one shard, so that its book and its trades share
one order; instruments of one group (the two tokens of a market) stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import attrs

from mm_framework.capture.endpoints import Endpoints, served_at
from mm_framework.contracts.adapter import Adapter, Channel, HttpRequest, Subscription
from mm_framework.contracts.catalog import ListedInstrument
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id
from mm_framework.settings import nearest

__all__ = [
    "ROOM",
    "Deal",
    "Plan",
    "Seats",
    "ShardPlan",
    "channels_of",
    "least_shards",
    "make_plan",
    "subscriptions_of",
]

DEFAULT_CHANNELS: Final = ("book", "trade")

ROOM: Final = 0.2
"""Share of a connection that a venue whose universe may grow leaves free at the start."""

Deal = Callable[[int, str], int]
"""``deal(position, instrument id)`` is the shard of a venue's instruments, from 0 to the count - 1."""


@attrs.frozen
class ShardPlan:
    """One shard: one venue, one endpoint, what it subscribes there, and definitions known before."""

    shard: int
    venue: str
    url: str
    subscriptions: tuple[Subscription, ...]
    infos: tuple[InstrumentInfo, ...] = ()

    def request(self, request: HttpRequest) -> HttpRequest:
        """A REST request as it is sent: an emulator on loopback serves REST and WebSocket on one port."""
        return served_at(self.url, request)


@attrs.frozen
class Plan:
    """All shards of a run, numbered from 0."""

    shards: tuple[ShardPlan, ...]

    @property
    def instruments(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(sorted({s.instrument for shard in self.shards for s in shard.subscriptions}))


class Seats:
    """Which shard carries what, of the shards of one venue at one address.

    A unit (an instrument, or a group that stays together) gets the shard with the fewest instruments, of
    equal ones the first; there it stays until it leaves, whoever comes or goes. ``limit``: instruments a
    shard.
    """

    def __init__(self, shards: Iterable[int], limit: int) -> None:
        self.limit = limit
        self.loads = dict.fromkeys(shards, 0)
        self._places: dict[str, tuple[int, int]] = {}

    def take(self, unit: str, size: int, shard: int | None = None) -> int | None:
        """Give a unit of ``size`` instruments a place (``shard``, if known); None: there is no room."""
        chosen = min(self.loads, key=lambda one: (self.loads[one], one)) if shard is None else shard
        if self.loads[chosen] + size > self.limit:
            return None
        self.loads[chosen] += size
        self._places[unit] = (chosen, size)
        return chosen

    def place(self, unit: str) -> int:
        """The shard of a unit that has a place."""
        return self._places[unit][0]

    def leave(self, unit: str) -> int:
        """The unit goes; returns the shard that it was on."""
        shard, size = self._places.pop(unit)
        self.loads[shard] -= size
        return shard


def make_plan(
    instruments: Sequence[str],
    adapters: Mapping[str, Adapter],
    *,
    channels: Sequence[str] = (),
    depth: int | None = None,
    levels: int = 0,
    shards: int | None = 1,
    least: int = 1,
    endpoints: Endpoints | None = None,
    deal: Deal | None = None,
    listed: Mapping[str, ListedInstrument] | None = None,
    growing: Collection[str] = (),
) -> Plan:
    """Subscribe each instrument to each channel, over ``shards`` shards a venue.

    ``instruments`` are ids (``kraken:BTC/EUR``), ``channels`` the venue's names or what they carry
    (``book``, ``trade``, ``ticker``; none named: books and trades), ``depth`` is for book channels (None:
    the venue's default, or the least of its depths that holds ``levels``), ``shards`` None: as many as its
    limits ask for, and ``least`` if there are instruments enough; ``deal`` replaces the even dealing in
    order of ids. ``listed``: what venues' catalogues say, by id; ``growing``: venues whose instruments may
    become more, for whom ``shards`` None leaves room.
    Raises ConfigError for what a venue does not have.
    """
    if shards is not None and shards < 1:
        raise ConfigError(f"{shards} shards: at least 1 is needed", key="shards", value=shards)
    wanted = _by_venue(instruments, adapters, listed or {})
    if not wanted:
        raise ConfigError("nothing to capture: name at least one instrument, such as kraken:BTC/EUR")
    endpoints = endpoints or Endpoints()
    plans: list[ShardPlan] = []
    for venue, found in sorted(wanted.items()):
        adapter = adapters[venue]
        chosen = channels_of(adapter, channels, depth)
        limit = adapter.limits.subscriptions
        share = max(1, int(limit * (1 - ROOM))) if venue in growing else limit
        for url, names in endpoints.by_url(adapter, [channel.name for channel in chosen]).items():
            here = [channel for channel in chosen if channel.name in names]
            for hand in _deal(adapter, found, shards, least, share, deal):
                plans.append(
                    ShardPlan(
                        len(plans),
                        venue,
                        url,
                        subscriptions_of(adapter, hand, here, depth, levels),
                        tuple(one.info for one in hand if listed and one.instrument in listed),
                    )
                )
    return Plan(tuple(plans))


def _by_venue(
    instruments: Sequence[str], adapters: Mapping[str, Adapter], listed: Mapping[str, ListedInstrument]
) -> dict[str, list[ListedInstrument]]:
    """What is wanted of each venue, in order of units and ids, each once."""
    wanted: dict[str, dict[str, ListedInstrument]] = {}
    for one in instruments:
        venue, _ = parse_id(one)
        if venue not in adapters:
            raise ConfigError(f"no venue {venue!r}: {nearest(venue, adapters)}", key="venue", value=venue)
        found = listed.get(one) or _unlisted(adapters[venue], one)
        found = listed.get(found.instrument, found)
        wanted.setdefault(venue, {})[found.instrument] = found
    return {
        venue: sorted(some.values(), key=lambda one: (one.unit, one.instrument))
        for venue, some in wanted.items()
    }


def _unlisted(adapter: Adapter, instrument: str) -> ListedInstrument:
    """An instrument as its name alone tells."""
    name = adapter.instrument_id(adapter.venue_symbol(instrument))
    return ListedInstrument(name, InstrumentInfo(adapter.venue_symbol(name)))


def channels_of(adapter: Adapter, names: Sequence[str], depth: int | None) -> list[Channel]:
    """The channels by name, or else the first that carries what the name says. Raises ConfigError."""
    known = {channel.name: channel for channel in adapter.channels}
    for channel in adapter.channels:
        known.setdefault(channel.carries, channel)
    chosen: list[Channel] = []
    for name in names or [name for name in DEFAULT_CHANNELS if name in known]:
        if name not in known:
            raise ConfigError(
                f"{adapter.venue} has no channel {name!r}: {nearest(name, known)}", key="channel", value=name
            )
        if known[name] not in chosen:
            chosen.append(known[name])
    for channel in chosen:
        if channel.carries == "book" and depth is not None and channel.depths and depth not in channel.depths:
            allowed = ", ".join(map(str, channel.depths))
            raise ConfigError(
                f"{adapter.venue} has no {channel.name} of depth {depth}: choose one of {allowed}",
                key="depth",
                value=depth,
            )
    return chosen


def _deal(
    adapter: Adapter,
    wanted: Sequence[ListedInstrument],
    shards: int | None,
    least: int,
    share: int,
    deal: Deal | None,
) -> list[list[ListedInstrument]]:
    """The hands of all shards, of at most ``share`` instruments where ``shards`` is None; a shard without an
    instrument is left out. Raises ConfigError.
    """
    units: dict[str, list[ListedInstrument]] = {}
    for one in wanted:
        units.setdefault(one.unit, []).append(one)
    limit = adapter.limits.subscriptions
    sizes = [len(unit) for unit in units.values()]
    count = shards or max(least, least_shards(sizes, max(share, *sizes)))
    hands: list[list[ListedInstrument]] = [[] for _ in range(count)]
    seats = Seats(range(count), limit)
    for position, (name, unit) in enumerate(units.items()):
        place = seats.take(name, len(unit), None if deal is None else deal(position, name))
        if place is None:
            raise ConfigError(
                f"{len(wanted)} instruments of {adapter.venue} do not fit on {count}"
                f" {'connection' if count == 1 else 'connections'} of at most {limit}:"
                f" --shards {least_shards(sizes, limit)} carries them",
                key="shards",
                value=shards,
            )
        hands[place] += unit
    return [hand for hand in hands if hand]


def least_shards(sizes: Sequence[int], limit: int) -> int:
    """How many shards carry units of these sizes. Raises ConfigError when a unit alone is too large."""
    if max(sizes, default=0) > limit:
        raise ConfigError(
            f"a group of {max(sizes)} instruments does not fit on a connection of {limit}", key="shards"
        )
    count = max(1, -(-sum(sizes) // limit))
    while not _fits(sizes, count, limit):
        count += 1
    return count


def _fits(sizes: Sequence[int], count: int, limit: int) -> bool:
    seats = Seats(range(count), limit)
    return all(seats.take(str(number), size) is not None for number, size in enumerate(sizes))


def subscriptions_of(
    adapter: Adapter,
    instruments: Sequence[ListedInstrument],
    channels: Sequence[Channel],
    depth: int | None,
    levels: int = 0,
) -> tuple[Subscription, ...]:
    """Each channel of each instrument, channel by channel; ``depth``, ``levels`` as in `make_plan`."""
    found = []
    for channel in channels:
        chosen = None
        if channel.carries == "book":
            chosen = depth if depth is not None else _usual_depth(adapter, channel, levels)
        found += [
            Subscription(one.instrument, one.info.venue_symbol, channel.name, chosen) for one in instruments
        ]
    return tuple(found)


def _usual_depth(adapter: Adapter, channel: Channel, levels: int) -> int | None:
    if not levels or not channel.depths:
        return adapter.default_depth(channel.name, None)
    return next((depth for depth in channel.depths if depth >= levels), channel.depths[-1])
