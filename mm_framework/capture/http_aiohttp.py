"""HTTP over the ``aiohttp`` library, for all transports of real networks.

A connection is used once: an idle one that the host has closed would make a request fail. Bodies may
come compressed (gzip). A proxy of the environment is used, but never for this machine itself; no
credentials are looked up anywhere.
"""

from __future__ import annotations

import asyncio
import zlib
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)

from mm_framework import __version__
from mm_framework.capture.transport import HttpAnswer, HttpOptions, connect_loss, is_loopback

__all__ = ["HEADERS", "AiohttpClient", "proxy_of"]

HEADERS = {"Accept-Encoding": "gzip", "User-Agent": f"mm-framework/{__version__}"}


class AiohttpClient:
    """Implements `transport.HttpClient`; to be made and used in one running event loop."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._session = ClientSession(
            connector=TCPConnector(force_close=True, limit=0, ssl=options.tls or True),
            auto_decompress=False,  # it takes data that is cut short for whole
            cookie_jar=DummyCookieJar(),
            headers=HEADERS,
            middlewares=(_once,),
            timeout=ClientTimeout(total=None, connect=options.open_timeout_s),
        )

    async def get(self, url: str) -> HttpAnswer:
        """See `transport.HttpClient`."""
        partly = HttpAnswer()
        try:
            async with (
                asyncio.timeout(self._options.timeout_s),
                self._session.get(url, allow_redirects=False, proxy=proxy_of(url)) as response,
            ):
                headers = {name.lower(): value for name, value in response.headers.items()}
                partly = HttpAnswer(response.status, headers)
                return await self._with_body(partly, response)
        except (ClientError, OSError, ValueError, _Broken) as error:  # ValueError: a name that cannot be
            return attrs.evolve(partly, error=_sentence(error, self._options))

    async def close(self) -> None:
        """See `transport.HttpClient`."""
        await self._session.close()

    async def _with_body(self, answer: HttpAnswer, response: ClientResponse) -> HttpAnswer:
        most, size, parts = self._options.max_body_bytes, 0, []
        too_large = f"the body is larger than {most} bytes"
        async for part in response.content.iter_any():
            size += len(part)
            if size > most:
                return attrs.evolve(answer, error=too_large)
            parts.append(part)
        body = b"".join(parts)
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if encoding == "gzip":
            try:
                body = _gunzip(body, most + 1)
            except zlib.error:
                return attrs.evolve(answer, error="the body cannot be decoded")
        elif encoding != "identity":
            return attrs.evolve(answer, error=f"the body is encoded as {encoding}, which was not asked for")
        return attrs.evolve(answer, error=too_large) if len(body) > most else attrs.evolve(answer, body=body)


def _gunzip(data: bytes, most: int) -> bytes:
    """The first ``most`` bytes. Raises zlib.error for what is no gzip or is cut short."""
    body = b""
    while data and len(body) < most:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        body += member.decompress(data, most - len(body))
        if not member.eof and len(body) < most:
            raise zlib.error("the data is cut short")
        data = member.unused_data
    return body


class _Broken(Exception):
    """The connection broke before the answer; ``__cause__`` is the library's error."""


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """The library makes a GET again when its connection breaks, which the budget would not know of."""
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise _Broken from error


def proxy_of(url: str) -> str | None:
    """The proxy of the environment for a URL, None where none is to be asked."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _sentence(error: BaseException, options: HttpOptions) -> str:
    match error:
        case ConnectionTimeoutError():
            return f"no connection within {options.open_timeout_s:g} s"
        case TimeoutError():
            return f"no answer within {options.timeout_s:g} s"
        case _Broken():
            return "the connection broke before the answer"
        case ClientPayloadError():
            return "the answer broke off"
        case ClientConnectorCertificateError():
            return connect_loss(error.certificate_error, options).detail
        case ClientConnectorError():
            return connect_loss(error.os_error, options).detail
        case _:
            text = " ".join(str(error).split())[:200]
            return f"no HTTP answer: {text or type(error).__name__}"
