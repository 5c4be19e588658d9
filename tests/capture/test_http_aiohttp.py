"""The HTTP client on real sockets: every outcome is an answer, and a request is made once."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trustme
from rest_host import RestHost, answer, serve_rest
from toy_dialect import ToyDialect

from mm_framework.capture.transport import (
    MAX_BODY_BYTES,
    HttpAnswer,
    HttpClient,
    HttpOptions,
    make_transport,
)
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.model.frame import MAX_FRAME_BYTES, RecordKind
from mm_framework.testing.emulated import EmulatedVenue

KIND = RecordKind


def on_socket(
    host: RestHost,
    scenario: Callable[[HttpClient], Awaitable[None]],
    *,
    options: HttpOptions | None = None,
    tls: ssl.SSLContext | None = None,
    transport: str = "websockets",
) -> None:
    async def main() -> None:
        async with serve_rest(host, tls):
            client = make_transport(transport).http(options or HttpOptions())
            try:
                await scenario(client)
            finally:
                await client.close()

    asyncio.run(main())


def got(host: RestHost, path: str = "/", **kwargs: Any) -> HttpAnswer:
    """The answer to one GET."""
    answers: list[HttpAnswer] = []

    async def scenario(client: HttpClient) -> None:
        answers.append(await client.get(host.url + path))

    on_socket(host, scenario, **kwargs)
    return answers[0]


@pytest.mark.parametrize("transport", ["websockets", "picows"])
def test_an_answer_has_status_headers_in_lower_case_and_the_body(transport: str) -> None:
    if transport == "picows":
        pytest.importorskip("picows")
    host = RestHost(lambda path: answer(b'{"a":1}', X_MBX_USED_WEIGHT_1M="12"))
    found = got(host, "/api/v3/depth?symbol=BTCUSDT&limit=5000", transport=transport)
    assert (found.status, found.body, found.error) == (200, b'{"a":1}', None)
    assert found.headers["x-mbx-used-weight-1m"] == "12"


def test_a_request_is_a_plain_get_of_the_url_that_closes_its_connection() -> None:
    host = RestHost(lambda path: answer(Set_Cookie="a=b"))

    async def scenario(client: HttpClient) -> None:
        for _ in range(2):
            await client.get(host.url + "/api/v3/depth?symbol=BTCUSDT&limit=5000")

    on_socket(host, scenario)
    assert len(host.heads) == 2
    for line, *headers in host.heads:
        assert line == "GET /api/v3/depth?symbol=BTCUSDT&limit=5000 HTTP/1.1"
        names = {header.split(": ")[0].lower(): header.split(": ")[1] for header in headers}
        assert names["accept-encoding"] == "gzip"
        assert names["connection"] == "close"
        assert names["user-agent"].startswith("mm-framework/")
        assert not {"cookie", "authorization"} & names.keys()


def test_a_compressed_body_is_decoded_and_one_in_chunks_joined() -> None:
    body = b"[" + b"1," * 100_000 + b"1]"
    assert got(RestHost(lambda path: answer(gzip.compress(body), Content_Encoding="gzip"))).body == body
    parts = gzip.compress(body[:999]) + gzip.compress(body[999:])
    assert got(RestHost(lambda path: answer(parts, Content_Encoding="gzip"))).body == body
    assert got(RestHost(lambda path: answer(Content_Encoding="gzip", status="200 OK", body=b""))).body == b""
    chunks = b"3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    assert got(RestHost(lambda path: answer(chunks, Transfer_Encoding="chunked"))).body == b"[1,2]"


@pytest.mark.parametrize("status", [204, 301, 400, 403, 418, 429, 451, 500, 502, 503])
def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    host = RestHost(lambda path: answer(b"", f"{status} Some", Location="/elsewhere", Retry_After="7"))
    found = got(host)
    assert (found.status, found.headers["retry-after"], found.error) == (status, "7", None)
    assert len(host.heads) == 1


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (b"", None, "the connection broke before the answer"),
        (b"HTTP/1.1 200", None, "the connection broke before the answer"),
        (answer(b"123", Content_Length="10"), 200, "the answer broke off"),
        (answer(b"a\r\n12", Transfer_Encoding="chunked"), 200, "the answer broke off"),
        (answer(b"no gzip", Content_Encoding="gzip"), 200, "the body cannot be decoded"),
        (
            answer(gzip.compress(b"x" * 999, mtime=0)[:-9], Content_Encoding="gzip"),
            200,
            "the body cannot be decoded",
        ),
        (
            answer(gzip.compress(b"x" * 999, mtime=0) + b"x", Content_Encoding="gzip"),
            200,
            "the body cannot be decoded",
        ),
        (answer(b"12", Content_Encoding="br"), 200, "the body is encoded as br, which was not asked for"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", None, "no HTTP answer: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None, "no HTTP answer: "),
        (answer(X="y" * 70_000), None, "no HTTP answer: "),
    ],
)
def test_an_answer_that_is_none_is_told_and_the_request_is_made_once(
    reply: bytes, status: int | None, error: str
) -> None:
    host = RestHost(lambda path: reply)
    found = got(host)
    assert (found.status, found.body) == (status, b"")
    assert found.error is not None
    assert found.error.startswith(error)
    assert len(host.heads) == 1


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"x" * 1001),
        answer(gzip.compress(b"x" * 10_000_000, mtime=0), Content_Encoding="gzip"),
        answer(b"", Content_Length="1001") + b"x" * 1001,
    ],
    ids=["plain", "bomb", "announced"],
)
def test_a_body_that_is_too_large_is_not_kept(reply: bytes) -> None:
    found = got(RestHost(lambda path: reply), options=HttpOptions(max_body_bytes=1000))
    assert found == HttpAnswer(200, found.headers, b"", "the body is larger than 1000 bytes")
    assert got(RestHost(lambda path: answer(b"x" * 1000)), options=HttpOptions(max_body_bytes=1000)).body


def test_the_largest_body_fits_a_record() -> None:
    assert MAX_BODY_BYTES + 60_000 < MAX_FRAME_BYTES


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12"])
def test_a_host_that_takes_too_long_is_given_up(reply: bytes) -> None:
    host = RestHost(lambda path: reply)
    host.lingers = True
    found = got(host, options=HttpOptions(timeout_s=0.3))
    assert (found.status, found.body) == (200 if reply else None, b"")
    assert found.error == "no answer within 0.3 s"


def test_a_connection_that_does_not_open_is_given_up_before() -> None:
    """The host speaks no TLS and waits for a request, the client for its hello."""
    host = RestHost()

    async def scenario(client: HttpClient) -> None:
        found = await client.get(host.url.replace("http:", "https:"))
        assert found.error == "no connection within 0.3 s"

    on_socket(host, scenario, options=HttpOptions(open_timeout_s=0.3))


def test_nobody_there_is_told_as_the_system_tells_it() -> None:
    host = RestHost()

    async def main() -> None:
        async with serve_rest(host):
            pass
        client = make_transport("websockets").http(HttpOptions())
        assert (await client.get(host.url)).error == "Connection refused"
        name = await client.get("http://no-such-host.invalid/")
        assert name.error is not None
        assert name.status is None
        for url in ("http://a..b/", "http://" + "a" * 300, "http://[::1/", "http://x:99999/"):
            assert str((await client.get(url)).error).startswith("no HTTP answer: ")
        await client.close()

    asyncio.run(main())


def test_a_certificate_is_checked(subtests: pytest.Subtests) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("example.com").configure_cert(other)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with subtests.test("trusted"):
        assert got(RestHost(), options=HttpOptions(tls=trusting), tls=server).status == 200
    with subtests.test("unknown authority"):
        host = RestHost()
        found = got(host, tls=server)
        assert found.status is None
        assert str(found.error).startswith("the certificate is not trusted: ")
        assert host.heads == []
    with subtests.test("another name"):
        found = got(RestHost(), options=HttpOptions(tls=trusting), tls=other)
        assert "IP address mismatch" in str(found.error)


def test_a_client_that_closes_leaves_nothing_open() -> None:
    """Warnings are errors: an open socket would be one."""
    host = RestHost()
    host.delay_s = 0.2

    async def scenario(client: HttpClient) -> None:
        task = asyncio.create_task(client.get(host.url))
        while not host.heads:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    on_socket(host, scenario)


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    host = RestHost()

    async def scenario(client: HttpClient) -> None:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, host.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        await client.get("http://venue.invalid/time")
        await client.get(host.url + "/time")

    on_socket(host, scenario)
    assert [head[0].split(" ")[1] for head in host.heads] == ["http://venue.invalid/time", "/time"]


def emulator() -> VenueEmulator:
    dialect = ToyDialect()
    return VenueEmulator(dialect, [dialect.listing("A/B")], start_ns=time.monotonic_ns())


def test_the_emulators_server_answers() -> None:
    async def main() -> None:
        async with EmulatorServer(emulator()) as server:
            client = make_transport("websockets").http(HttpOptions())
            base = f"http://127.0.0.1:{server.port}"
            good = await client.get(f"{base}/time?a=1")
            assert (good.status, json.loads(good.body)["a"], good.error) == (200, "1", None)
            assert (await client.get(f"{base}/no")).status == 404
            await client.close()

    asyncio.run(main())


def test_the_emulator_in_memory_answers() -> None:
    reply = EmulatedVenue(emulator()).http("GET", "/time", {"a": "1"}, time.monotonic_ns())
    assert (reply.status, json.loads(reply.body)["a"]) == (200, "1")
