"""What tests of the server share: a recorded run, a server in a thread, and readers of the relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kraken_virtual import VirtualKraken, kraken_kits

from mm_framework.bundle.run import Run, open_run
from mm_framework.serve.app import PARTS
from mm_framework.serve.hub import Batch, Hub
from mm_framework.serve.playback import Playback
from mm_framework.serve.server import listen, run_server
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings

__all__ = ["BookReader", "Collected", "played", "recorded", "running"]


def recorded(path: Path, *, seconds: float = 20.0, seed: int = 1, faults: str = "", **options: Any) -> Run:
    """An emulated Kraken on virtual time in a bundle; `Playback` gives it again."""
    VirtualKraken(seed, seconds, faults, record=path, **options).run()
    return open_run(path)


def played(run: Run, data_dir: Path, settings: ServeSettings | None = None, speed: float = 0) -> Serving:
    """What serves a recorded run."""
    hub = Hub(settings)
    return Serving(hub, data_dir, str(data_dir / "store"), [Playback(run, kraken_kits(), hub, speed)])


@contextlib.contextmanager
def running(
    serving: Serving, parts: Iterable[str] = tuple(PARTS), tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A server in a thread with a loop of its own; gives ``host:port``; raises what it raised."""
    listener = listen(serving.settings, 0)
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            loop.run_until_complete(
                run_server(serving, listener, parts=parts, tls=tls, stop=stop, ready=ready.set)
            )
        except BaseException as error:
            raised.append(error)
        finally:
            ready.set()
            loop.run_until_complete(loop.shutdown_asyncgens())

    thread = threading.Thread(target=work, name="server")
    thread.start()
    assert ready.wait(60)
    try:
        yield "{}:{}".format(*listener.getsockname()[:2]) if not raised else ""
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)
        assert not thread.is_alive()
        loop.close()
        if raised:
            raise raised[0]


class Collected:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.waiting = 0
        self.messages: list[dict[str, Any]] = []

    def write(self, batch: Batch) -> None:
        self.messages += map(json.loads, batch.messages)


class BookReader:
    """A client's book of one instrument, from messages alone; a hole in their numbers is an error."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
        self.seq: int | None = None
        self.epoch = 0
        self.epochs: list[int] = []
        self.traded: int | None = None

    def take(self, message: dict[str, Any]) -> None:
        """The next message."""
        kind, data = message["type"], message["data"]
        if kind in ("snapshot", "diff"):
            assert self.seq is None or data["seq"] == self.seq + 1, (self.seq, message)
            assert data["epoch"] >= self.epoch
            if data["epoch"] > self.epoch:
                assert kind == "snapshot", "a new epoch begins with the whole book"
                self.epochs.append(data["epoch"])
            self.seq, self.epoch = data["seq"], data["epoch"]
            for side, levels in self.sides.items():
                if kind == "snapshot":
                    levels.clear()
                for price, size in data[side]:
                    levels.pop(price, None) if size == "0" else levels.update({price: size})
        elif kind == "trade":
            assert self.traded is None or data["seq"] == self.traded + 1
            self.traded = data["seq"]

    def book(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Levels, best first."""
        bids, asks = (
            sorted(levels.items(), key=lambda level: float(level[0])) for levels in self.sides.values()
        )
        return bids[::-1], asks
