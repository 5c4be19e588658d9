"""The emulated venue of the demonstration, served from a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from mm_framework.contracts.emulator import Dialect
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.truth import TruthLog, TruthWriter
from mm_framework.emulator.venue import VenueEmulator

__all__ = ["serving"]


@contextlib.contextmanager
def serving(dialect: Dialect, symbol: str, *, seed: int, faults: str, truth: Path) -> Iterator[str]:
    """Serve one instrument on a free loopback port within the block; gives the endpoint.

    ``faults`` count from the first connection. ``truth``: a new file that is whole when the block is left.
    Raises EnvironmentFailed when there is no port, OSError when there is no file.
    """
    listing = dialect.listing(symbol)
    with truth.open("xb") as file:
        emulator = VenueEmulator(
            dialect,
            [listing],
            seed=seed,
            faults=parse_faults(faults),
            start_ns=time.monotonic_ns(),
            wall_ns=time.time_ns(),
            truth=TruthLog(),
            faults_wait=True,
        )
        writer = TruthWriter(file, {symbol: (listing.price_scale, listing.size_scale)})
        stopped = asyncio.Event()
        ready: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()

        async def serve() -> None:
            try:
                async with EmulatorServer(emulator, truth=writer) as server:
                    ready.set_result((server.url, asyncio.get_running_loop()))
                    await stopped.wait()
            except Exception as error:
                if ready.done():
                    raise
                ready.set_exception(error)

        thread = threading.Thread(target=lambda: asyncio.run(serve()), name="demo venue", daemon=True)
        thread.start()
        url, loop = ready.result()
        try:
            yield url
        finally:
            loop.call_soon_threadsafe(stopped.set)
            thread.join()
