"""One connection: what it leaves behind when it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mm_framework.capture.link import Link
from mm_framework.capture.transport import Loss
from mm_framework.model.events import Reason


class Wire:
    """A connection that takes everything."""

    waiting = 0

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.pings = 0

    async def ping(self) -> None:
        self.pings += 1
        self.waiting = max(0, 3 - self.pings)
        await asyncio.get_running_loop().create_future()

    async def send(self, message: bytes) -> None:
        self.sent.append(message)

    async def close(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Desk:
    """A shard that ends the connection when a message goes out."""

    paused, max_session_s = False, 0.0

    def __init__(self, *, ends: bool) -> None:
        self.ends = ends

    def opened(self, link: Link) -> None:
        link.send(b"one")
        link.send(b"two")

    def sending(self, link: Link, message: bytes) -> None:
        if self.ends:
            link.lose(Loss(Reason.ACK_TIMEOUT))

    def ended(self, link: Link, loss: Loss) -> None: ...

    def closing(self, work: Any) -> None:
        work.close()


@pytest.mark.parametrize("ends", [True, False])
def test_a_connection_that_ends_while_it_sends_leaves_no_task(ends: bool) -> None:
    async def main() -> tuple[list[str], list[bytes]]:
        clock = SimpleNamespace(mono_ns=lambda: 0)
        rate = SimpleNamespace(delay_ns=lambda now_ns: 0, take=lambda now_ns: None)
        wire, shard = Wire(), Desk(ends=ends)
        link = Link(0, shard, clock, SimpleNamespace(ping_interval_s=0.0), rate)  # type: ignore[arg-type]
        link.on_open(wire)  # type: ignore[arg-type]
        for _ in range(5):
            await asyncio.sleep(0)
        link.lose(Loss(Reason.SHUTDOWN))
        for _ in range(5):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return [task.get_name() for task in left], wire.sent

    left, sent = asyncio.run(main())
    assert left == []
    assert sent == ([b"one"] if ends else [b"one", b"two"])


def test_a_pong_is_not_missed_while_messages_wait() -> None:
    async def main() -> tuple[int, Loss | None]:
        clock = SimpleNamespace(mono_ns=lambda: 0)
        rate = SimpleNamespace(delay_ns=lambda now_ns: 0, take=lambda now_ns: None)
        settings = SimpleNamespace(ping_interval_s=0.001, ping_timeout_s=0.001)
        wire = Wire()
        link = Link(0, Desk(ends=False), clock, settings, rate)  # type: ignore[arg-type]
        link.on_open(wire)  # type: ignore[arg-type]
        await link.gone.wait()
        return wire.pings, link.loss

    pings, loss = asyncio.run(main())
    assert loss is not None
    assert loss.reason is Reason.PING_TIMEOUT
    assert pings == 3
