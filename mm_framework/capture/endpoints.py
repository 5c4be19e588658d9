"""Where a run connects: the venue's own addresses, or those of ``--endpoint``, over WebSocket and REST.

    URL                       of the run's only venue
    kraken=URL                of one venue
    binance-usdm/aggTrade=URL of one channel of a venue

A URL without a path takes that of the venue, so ``ws://127.0.0.1:8080`` is an emulator of any venue. An
emulator on loopback serves REST on the same port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import attrs

from mm_framework.contracts.adapter import Adapter, HttpRequest
from mm_framework.errors import ConfigError
from mm_framework.settings import nearest

__all__ = ["Endpoints", "check_endpoint", "served_at"]

_GIVEN: Final = re.compile(r"(?:([a-z][a-z0-9-]*)(?:/([A-Za-z0-9_.-]+))?=)?(.*)", re.DOTALL)


@attrs.frozen
class Endpoints:
    """``given`` maps (venue, channel) to URLs; an empty venue stands for all, an empty channel too."""

    given: Mapping[tuple[str, str], str] = attrs.field(factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Endpoints:
        """Read the values of ``--endpoint``. Raises ConfigError."""
        given: dict[tuple[str, str], str] = {}
        for text in texts:
            match = _GIVEN.fullmatch(text)
            assert match is not None
            venue, channel, url = (part or "" for part in match.groups())
            if given.setdefault((venue, channel), check_endpoint(url)) != url:
                what = f"{venue}/{channel}".strip("/") or "all venues"
                raise ConfigError(f"two endpoints for {what}: keep one", key="endpoint", value=text)
        return cls(given)

    def check(self, adapters: Mapping[str, Adapter]) -> None:
        """Raises ConfigError when a URL is for none of these venues, or for several at once."""
        for (venue, channel), url in self.given.items():
            if not venue and len(adapters) > 1:
                names = ", ".join(sorted(adapters))
                raise ConfigError(
                    f"endpoint {url!r} is for one venue, this run has {names}: write {min(adapters)}={url}",
                    key="endpoint",
                    value=url,
                )
            if venue and venue not in adapters:
                raise ConfigError(
                    f"endpoint {venue}={url} is for a venue that this run has not:"
                    f" {nearest(venue, adapters)}",
                    key="endpoint",
                    value=url,
                )
            names_of = [one.name for one in adapters[venue].channels] if venue else []
            if channel and channel not in names_of:
                raise ConfigError(
                    f"{venue} has no channel {channel!r}: {nearest(channel, names_of)}",
                    key="endpoint",
                    value=url,
                )

    def url(self, adapter: Adapter, channel: str = "") -> str:
        """Where to connect for a channel of a venue (for its first one when not said). Raises ConfigError."""
        own = channel_urls(adapter).get(channel, adapter.url)
        keys = ((adapter.venue, channel), (adapter.venue, ""), ("", ""))
        given = next((self.given[key] for key in keys if key in self.given), None)
        if given is None:
            return check_endpoint(own)
        parts = urlsplit(given)
        if parts.path in ("", "/"):
            parts = parts._replace(path=urlsplit(own).path)
        return urlunsplit(parts)

    def by_url(self, adapter: Adapter, channels: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The channels that share a connection, by its URL, in the order in which they are named."""
        found: dict[str, tuple[str, ...]] = {}
        for channel in channels:
            url = self.url(adapter, channel)
            found[url] = (*found.get(url, ()), channel)
        return found


def channel_urls(adapter: Adapter) -> Mapping[str, str]:
    """The channels that the venue serves at addresses of their own: the adapter's ``urls``, if it has any."""
    urls: Mapping[str, str] = getattr(adapter, "urls", {})
    return urls


def served_at(url: str, request: HttpRequest) -> HttpRequest:
    """A REST request as it is sent by a run that connects to ``url``: to the emulator where that is one."""
    here, there = urlsplit(url), urlsplit(request.url)
    if not _is_loopback(here.hostname) or _is_loopback(there.hostname):
        return request
    scheme = "https" if here.scheme == "wss" else "http"
    path = f"/{request.mount}{there.path}" if request.mount else there.path
    return attrs.evolve(request, url=urlunsplit(there._replace(scheme=scheme, netloc=here.netloc, path=path)))


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


def _is_loopback(host: str | None) -> bool:
    if host in (None, "localhost"):
        return host is not None
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False
