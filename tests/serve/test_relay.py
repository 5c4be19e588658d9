"""The relay over real sockets: books that clients hold, refusals, close codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
import websockets
from serving import BookReader, played, recorded, running

from mm_framework.bundle.run import Run
from mm_framework.serve.messages import DATA

WAIT_S = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return recorded(tmp_path_factory.mktemp("data") / "runs" / "kraken1")


async def heard(url: str, enough: Any, **options: Any) -> list[dict[str, Any]]:
    """Messages until there are enough; waits for an instrument that is not known yet."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                async with websockets.connect(url, compression=None, **options) as socket:
                    messages: list[dict[str, Any]] = []
                    while not enough(messages):
                        messages.append(json.loads(await socket.recv()))
                    return messages
            except websockets.InvalidStatus as error:
                if error.response.status_code != 404:
                    raise
                await asyncio.sleep(0.05)


def test_a_client_holds_the_book_of_the_playback(run: Run, tmp_path: Path) -> None:
    serving = played(run, tmp_path)
    for symbol in ("BTC/EUR", "MINA/GBP"):
        serving.hub.market(f"kraken:{symbol}", symbol)
    (playback,) = serving.sources

    class Patient:
        """The playback, from when there is a client."""

        async def run(self) -> None:
            while not serving.counters.clients:
                await asyncio.sleep(0.01)
            await playback.run()

        def to_json(self) -> dict[str, Any]:
            return playback.to_json()

    with running(attrs.evolve(serving, sources=[Patient()]), ["relay"]) as address:
        url = f"ws://{address}/ws?exchange=kraken&symbol=BTC/EUR&symbol=MINA/GBP"
        last = asyncio.run(heard(url, lambda messages: len(messages) > 40))
    assert {one["symbol"] for one in last} == {"BTC/EUR", "MINA/GBP"}
    assert {one["type"] for one in last} <= set(DATA)
    readers = {"BTC/EUR": BookReader(), "MINA/GBP": BookReader()}
    for message in last:
        readers[message["symbol"]].take(message)
    assert all(reader.seq for reader in readers.values())


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "parameter"),
        ("?exchange=kraken", 400, "parameter"),
        ("?exchange=kraken&symbol=NO/PE", 404, "unknown_instrument"),
        ("?exchange=kraken&symbol=BTC/EUR&types=nope", 400, "types"),
        ("?exchange=kraken&symbol=BTC/EUR&depth=3", 400, "parameter"),
        ("?exchange=kraken" + "&symbol=x" * 65, 400, "symbols"),
    ],
)
def test_a_request_that_cannot_be_had_is_refused_before_it_is_accepted(
    server: str, query: str, status: int, code: str
) -> None:
    async def ask() -> websockets.InvalidStatus:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(f"ws://{server}/ws{query}")
        return caught.value

    response = asyncio.run(ask()).response
    assert response.status_code == status
    body = json.loads(response.body)["error"]
    assert body["code"] == code
    assert body["expected"]


@pytest.fixture(scope="module")
def server(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(played(run, tmp_path_factory.mktemp("data"))) as address:
        yield address
