"""Where a run connects."""

from __future__ import annotations

import pytest
from toy_venue import ToyAdapter

from mm_framework.capture.endpoints import Endpoints, served_at
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.errors import ConfigError


class PathAdapter(ToyAdapter):
    url = "wss://toy.invalid/v2"
    urls = {"trade": "wss://toy.invalid/market"}  # noqa: RUF012 - as plugins write it


@pytest.mark.parametrize(
    ("given", "channel", "url"),
    [
        ([], "", "wss://toy.invalid/v2"),
        ([], "book", "wss://toy.invalid/v2"),
        ([], "trade", "wss://toy.invalid/market"),
        (["ws://127.0.0.1:8080"], "book", "ws://127.0.0.1:8080/v2"),
        (["ws://127.0.0.1:8080/"], "trade", "ws://127.0.0.1:8080/market"),
        (["ws://127.0.0.1:8080/other?a=1"], "trade", "ws://127.0.0.1:8080/other?a=1"),
        (["toy=ws://127.0.0.1:8080"], "book", "ws://127.0.0.1:8080/v2"),
        (["toy=ws://a:1/x", "toy/trade=ws://b:2/y"], "book", "ws://a:1/x"),
        (["toy=ws://a:1/x", "toy/trade=ws://b:2/y"], "trade", "ws://b:2/y"),
        (["ws://a:1/x?b=c"], "book", "ws://a:1/x?b=c"),
    ],
)
def test_the_most_precise_endpoint_holds(given: list[str], channel: str, url: str) -> None:
    assert Endpoints.parse(given).url(PathAdapter(), channel) == url


def test_channels_that_share_an_address_share_a_connection() -> None:
    assert Endpoints().by_url(PathAdapter(), ["trade", "book", "ticker"]) == {
        "wss://toy.invalid/market": ("trade",),
        "wss://toy.invalid/v2": ("book", "ticker"),
    }
    whole = Endpoints.parse(["ws://127.0.0.1:1/all"])
    assert whole.by_url(PathAdapter(), ["book", "trade"]) == {"ws://127.0.0.1:1/all": ("book", "trade")}


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1", "ws://127.0.0.1:99999", "ws:///v2", "toy=", "toy=http://a", "", "nonsense"]
)
def test_what_is_no_endpoint_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="not of the form ws://"):
        Endpoints.parse([text])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["ws://a"], "is for one venue, this run has more, toy: write more=ws://a"),
        (["tony=ws://a"], "for a venue that this run has not: did you mean 'toy'"),
        (["toy/boook=ws://a"], "toy has no channel 'boook': did you mean 'book'"),
    ],
)
def test_an_endpoint_that_fits_nothing_is_refused(given: list[str], message: str) -> None:
    endpoints = Endpoints.parse(given)
    with pytest.raises(ConfigError, match=message):
        endpoints.check({"toy": ToyAdapter(), "more": ToyAdapter()})


def test_two_endpoints_for_one_thing_are_refused() -> None:
    assert Endpoints.parse(["ws://a", "ws://a"]).given == {("", ""): "ws://a"}
    with pytest.raises(ConfigError, match="two endpoints for toy/book"):
        Endpoints.parse(["toy/book=ws://a", "toy/book=ws://b"])


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
    assert served_at(endpoint, HttpRequest(asked, "snapshot", 5)) == HttpRequest(sent, "snapshot", 5)


def test_an_emulator_serves_further_hosts_in_folders() -> None:
    request = HttpRequest("https://lists.toy.invalid/markets?a=b", "metadata", mount="lists")
    assert served_at("ws://127.0.0.1:1/x", request).url == "http://127.0.0.1:1/lists/markets?a=b"
    assert served_at("wss://toy.invalid/x", request) == request
