"""Who may ask: token, Host, Origin, sizes and numbers, checked before anything else looks at a request.

A page that a stranger's site shows in a browser may neither read nor listen: its Origin is not ours.
A name that a stranger points at this machine (DNS rebinding) is refused as a Host. Pages, scripts and
health checks hold no data and need no token; everything else does where one is set.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.settings import ServeSettings

__all__ = ["Access", "Guard", "Refusal", "is_loopback", "read_token", "refuse"]

LEAST_TOKEN: Final = 16
OPEN_PATHS: Final = frozenset({"/", "/healthz", "/readyz"})
OPEN_FOLDER: Final = "/static/"
TOKEN_WORD: Final = "bearer."
"""Browsers can send no headers with a WebSocket, but a subprotocol."""
_SENDABLE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The characters of a subprotocol (RFC 9110, section 5.6.2)."""


@attrs.frozen
class Refusal:
    """Why a request is refused, and what would not be."""

    status: int
    code: str
    message: str
    expected: str

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "expected": self.expected}}


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with a refusal, also one for a WebSocket that was not accepted."""
    headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else None
    await JSONResponse(refusal.to_json(), refusal.status, headers)(scope, receive, send)


@attrs.frozen
class Access:
    """What is checked of every request. ``token`` None: none is asked for."""

    settings: ServeSettings
    token: str | None = None

    def check(self, scope: Scope) -> Refusal | None:
        """None for a request that may go on."""
        headers = _headers(scope)
        return (
            self._host(headers)
            or self._origin(headers, scope)
            or self._token(headers, scope["path"])
            or self._body(headers)
        )

    def _host(self, headers: dict[str, str]) -> Refusal | None:
        name = _host_name(headers.get("host", ""))
        if name is not None and (_is_address(name) or name in {"localhost", *self.settings.hosts}):
            return None
        return Refusal(
            403,
            "host",
            f"this server is not called {headers.get('host', '')[:80]!r}",
            "localhost, an address, or a name of --serve-hosts",
        )

    def _origin(self, headers: dict[str, str], scope: Scope) -> Refusal | None:
        origin = headers.get("origin")
        own = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        if origin is None or origin in (f"{own}://{headers.get('host', '')}", *self.settings.origins):
            return None
        return Refusal(
            403,
            "origin",
            f"pages of {origin[:80]!r} may not use this server",
            "a page of this server, or an origin of --serve-origins",
        )

    def _token(self, headers: dict[str, str], path: str) -> Refusal | None:
        if self.token is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return None
        if any([_same(given, self.token) for given in _given(headers)]):
            return None
        return Refusal(
            401,
            "token",
            "no valid token came with the request",
            "Authorization: Bearer TOKEN, or the WebSocket subprotocol bearer.TOKEN",
        )

    def _body(self, headers: dict[str, str]) -> Refusal | None:
        length, most = headers.get("content-length", "0"), self.settings.max_message_kib * 1024
        if (
            "transfer-encoding" not in headers
            and length.isdecimal()
            and len(length) < 12
            and int(length) <= most
        ):
            return None
        return Refusal(
            413, "body", "the body is too large, or its length is not told", f"at most {most} bytes"
        )


class Guard:
    """ASGI middleware. ``addresses`` counts WebSocket clients by address while they are here."""

    def __init__(self, app: ASGIApp, access: Access, counters: ServeCounters) -> None:
        self._app, self._access, self._counters = app, access, counters
        self.addresses: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        self._counters.requests += 1
        refusal = self._access.check(scope)
        if scope["type"] == "http":
            await self._answer(refusal, scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        refusal = refusal or self._crowd(address)
        if refusal is not None:
            await self._answer(refusal, scope, receive, send)
            return
        self.addresses[address] += 1
        self._counters.clients += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._counters.clients -= 1
            self.addresses[address] -= 1
            self.addresses += Counter()  # drops those that are 0

    async def _answer(self, refusal: Refusal | None, scope: Scope, receive: Receive, send: Send) -> None:
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            self._counters.refused[refusal.code] += 1
            await refuse(refusal, scope, receive, send)

    def _crowd(self, address: str) -> Refusal | None:
        settings = self._access.settings
        if self._counters.clients >= settings.max_clients:
            return Refusal(
                503, "clients", "too many clients are connected", f"at most {settings.max_clients}"
            )
        if self.addresses[address] >= settings.max_per_address:
            most = settings.max_per_address
            return Refusal(
                429, "address", "too many clients of this address are connected", f"at most {most}"
            )
        return None


def read_token(settings: ServeSettings) -> str | None:
    """The token of ``token_file``, None without one.

    Raises EnvironmentFailed for a file that cannot be read; ConfigError for a token that is too short or
    that a browser cannot send, and for an address that others can reach without one.
    """
    if not settings.token_file:
        if is_loopback(settings.host) or settings.open_to_all:
            return None
        raise ConfigError(
            f"others can reach {settings.host}: give clients a token (--serve-token-file), or say"
            " --serve-open-to-all where the network is closed itself",
            key="serve.host",
            value=settings.host,
        )
    try:
        token = Path(settings.token_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFailed(f"cannot read the token of {settings.token_file}: {error}") from error
    if len(token) < LEAST_TOKEN or not _SENDABLE.fullmatch(token):
        raise ConfigError(
            f"the token of {settings.token_file} is not usable: expected {LEAST_TOKEN} or more ASCII letters,"
            " digits and !#$%&'*+-.^_`|~, as a browser sends no others with a WebSocket; such as"
            " `openssl rand -hex 32` makes",
            key="serve.token_file",
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _headers(scope: Scope) -> dict[str, str]:
    """By lower-case name; of one that comes twice, all values."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _host_name(host: str) -> str | None:
    """The name without its port, None for what is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _given(headers: dict[str, str]) -> Iterable[str]:
    """The tokens that came with a request."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip()
    for word in headers.get("sec-websocket-protocol", "").split(","):
        if word.strip().startswith(TOKEN_WORD):
            yield word.strip().removeprefix(TOKEN_WORD)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
