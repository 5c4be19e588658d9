"""The toy venue on a real socket, in a thread: each book subscription gives a snapshot and some updates."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator

from scripted_venue import Script, Step, Text, serve_script
from toy_venue import STATUS_ONLINE, ToyMarket, ack

__all__ = ["toy_socket"]


@contextlib.contextmanager
def toy_socket(steps: int = 40) -> Iterator[str]:
    """Its URL; ``steps``: updates of a book."""
    markets = {symbol: ToyMarket(symbol, seed=n) for n, symbol in enumerate(("A/EUR", "B/EUR"), 3)}

    def answer(message: bytes) -> list[Step]:
        body, frames = json.loads(message), []
        for symbol in body["syms"] if body["op"] == "sub" else ():
            frames.append(ack(symbol, body["ch"], body["depth"], body["id"]))
            if body["ch"] == "book":
                market = markets[symbol]
                frames += [market.snapshot(), *(market.step() for _ in range(steps)), b"no frame"]
        return [Text(frame) for frame in frames]

    ready, stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serve_script(Script([Text(STATUS_ONLINE)], answer)) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(60)
        yield urls[0]
    finally:
        stop.set()
        thread.join(240)
