"""What a capture subscribes, and on which shard: a pure function of what was asked for.

All channels of an instrument go to one shard, so that its book and its trades share one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import attrs

from mm_framework.contracts.adapter import Adapter, Channel, HttpRequest, Subscription
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id
from mm_framework.settings import nearest

__all__ = ["Deal", "Plan", "ShardPlan", "check_endpoint", "endpoint_of", "make_plan"]

DEFAULT_CHANNELS: Final = ("book", "trade")

Deal = Callable[[int, str], int]
"""``deal(position, instrument id)`` is the shard of a venue's instruments, from 0 to the count - 1."""


@attrs.frozen
class ShardPlan:
    """One shard: one venue, one endpoint, what it subscribes there."""

    shard: int
    venue: str
    url: str
    subscriptions: tuple[Subscription, ...]

    def request(self, request: HttpRequest) -> HttpRequest:
        """A REST request as it is sent: an emulator on loopback serves REST and WebSocket on one port."""
        here, there = urlsplit(self.url), urlsplit(request.url)
        if not _is_loopback(here.hostname) or _is_loopback(there.hostname):
            return request
        scheme = "https" if here.scheme == "wss" else "http"
        return attrs.evolve(request, url=urlunsplit(there._replace(scheme=scheme, netloc=here.netloc)))


@attrs.frozen
class Plan:
    """All shards of a run, numbered from 0."""

    shards: tuple[ShardPlan, ...]

    @property
    def instruments(self) -> tuple[str, ...]:
        """The ids, sorted."""
        return tuple(sorted({s.instrument for shard in self.shards for s in shard.subscriptions}))


def make_plan(
    instruments: Sequence[str],
    adapters: Mapping[str, Adapter],
    *,
    channels: Sequence[str] = (),
    depth: int | None = None,
    shards: int = 1,
    endpoint: str | None = None,
    deal: Deal | None = None,
) -> Plan:
    """Subscribe each instrument to each channel, over ``shards`` shards a venue.

    ``instruments`` are ids (``kraken:BTC/EUR``), ``channels`` the venue's names or what they carry
    (``book``, ``trade``, ``ticker``; none named: books and trades), ``depth`` is for book channels (None:
    the venue's default), ``endpoint`` replaces every venue's own, ``deal`` the even dealing in order of
    ids.
    Raises ConfigError for what a venue does not have.
    """
    if shards < 1:
        raise ConfigError(f"{shards} shards: at least 1 is needed", key="shards", value=shards)
    wanted: dict[str, set[str]] = {}
    for one in instruments:
        venue, _ = parse_id(one)
        if venue not in adapters:
            raise ConfigError(f"no venue {venue!r}: {nearest(venue, adapters)}", key="venue", value=venue)
        adapter = adapters[venue]
        wanted.setdefault(venue, set()).add(adapter.instrument_id(adapter.venue_symbol(one)))
    if not wanted:
        raise ConfigError("nothing to capture: name at least one instrument, such as kraken:BTC/EUR")
    plans: list[ShardPlan] = []
    for venue in sorted(wanted):
        adapter = adapters[venue]
        chosen = _channels(adapter, channels, depth)
        url = endpoint_of(adapter, endpoint)
        hands = _deal(sorted(wanted[venue]), shards, deal)
        for hand in hands:
            _check_limit(adapter, hand, len(hands))
            plans.append(
                ShardPlan(len(plans), venue, url, tuple(_subscriptions(adapter, hand, chosen, depth)))
            )
    return Plan(tuple(plans))


def endpoint_of(adapter: Adapter, endpoint: str | None) -> str:
    """Where to connect: the venue's own URL, or ``endpoint``, which without a path takes the venue's.

    ``ws://127.0.0.1:8080`` is then an emulator of any venue. Raises ConfigError.
    """
    if endpoint is None:
        return check_endpoint(adapter.url)
    parts = urlsplit(check_endpoint(endpoint))
    if parts.path in ("", "/"):
        parts = parts._replace(path=urlsplit(adapter.url).path)
    return urlunsplit(parts)


def _is_loopback(host: str | None) -> bool:
    if host in (None, "localhost"):
        return host is not None
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


def check_endpoint(url: str) -> str:
    """The URL itself when it is one of a WebSocket. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        valid = (
            parts.scheme in ("ws", "wss") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            f"endpoint {url!r} is not of the form ws://host:port/path or wss://host/path",
            key="endpoint",
            value=url,
        )
    return url


def _channels(adapter: Adapter, names: Sequence[str], depth: int | None) -> list[Channel]:
    """The channels by name, or else the first that carries what the name says."""
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


def _deal(instruments: Sequence[str], shards: int, deal: Deal | None) -> list[list[str]]:
    """The hands of all shards; a shard without an instrument is left out."""
    hands: list[list[str]] = [[] for _ in range(shards)]
    for position, one in enumerate(instruments):
        hands[position % shards if deal is None else deal(position, one)].append(one)
    return [hand for hand in hands if hand]


def _check_limit(adapter: Adapter, hand: Sequence[str], shards: int) -> None:
    limit = adapter.limits.subscriptions
    if len(hand) > limit:
        raise ConfigError(
            f"{len(hand)} instruments of {adapter.venue} on one connection, which carries {limit}:"
            f" use more than {shards} shards",
            key="shards",
            value=shards,
        )


def _subscriptions(
    adapter: Adapter, instruments: Iterable[str], channels: Sequence[Channel], depth: int | None
) -> Iterable[Subscription]:
    for channel in channels:
        for one in instruments:
            levels = None
            if channel.carries == "book":
                levels = depth if depth is not None else adapter.default_depth(channel.name, None)
            yield Subscription(one, adapter.venue_symbol(one), channel.name, levels)
