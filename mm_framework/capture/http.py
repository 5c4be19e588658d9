"""The REST side of a run: `Feed` asks for something, its host's budget allows it, the answer is a record.

    fetch -> queue of its host -> (budget) -> client.get -> HTTP record

All shards and venues share one `Fetcher`, so a host has one queue, in the order of asking, and one
`Budget`. What goes wrong is a record, too. Nothing is asked again unless `Feed` asks again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import attrs

from mm_framework.capture.budget import REFUSALS, Budget, Ticket, refusal_pause_ns, used_weight
from mm_framework.capture.clock import Clock
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.transport import HttpAnswer, HttpClient
from mm_framework.contracts.adapter import HttpRequest, VenueLimits
from mm_framework.model.frame import encode_http

__all__ = ["Asker", "Fetcher"]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

logger = logging.getLogger("mm_framework.capture")

_WEIGHT: Final = re.compile(r"[a-z0-9-]{0,40}weight[a-z0-9-]{0,10}")
"""Headers that tell of a budget."""


class Run(Protocol):
    """What a `Fetcher` needs of the run."""

    @property
    def paused(self) -> bool:
        """Whether the disk is slow, so that nothing more is to come."""
        ...

    def answered(self, shard: int, payload: bytes) -> None:
        """Make the HTTP record."""
        ...

    def work(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run something in the background; the end of the run cancels it."""
        ...

    def log(self, level: int, event: str, **facts: Any) -> None:
        """A line in the run log."""
        ...


@attrs.frozen
class _Wanted:
    """A request of a shard, whose answer becomes a record, or one whose answer goes to ``reply``."""

    shard: int
    request: HttpRequest
    reply: asyncio.Future[HttpAnswer] | None = None


@attrs.frozen
class _Sent:
    """A request that has left, the ``number``-th of the run."""

    number: int
    wanted: _Wanted
    ticket: Ticket


@attrs.define(eq=False)
class _Host:
    """A host: its budget and who waits for it."""

    name: str
    budget: Budget
    queue: deque[_Wanted] = attrs.field(factory=deque)
    timer: asyncio.TimerHandle | None = None


class Fetcher:
    """Makes requests. ``connect()`` gives the client, when it is first needed."""

    def __init__(
        self, run: Run, connect: Callable[[], HttpClient], clock: Clock, settings: CaptureSettings
    ) -> None:
        self._run, self._connect, self._clock, self._settings = run, connect, clock, settings
        self._client: HttpClient | None = None
        self._hosts: dict[str, _Host] = {}
        self._held: deque[tuple[int, bytes]] = deque()
        self._requests = 0
        self._over = False

    def prepare(self) -> None:
        """Make the client now, before there is anything that waits."""
        self._client = self._client or self._connect()

    def fetch(self, shard: int, request: HttpRequest, limits: VenueLimits) -> None:
        """Make a request in its turn. One that waits already, for the same shard, is not made twice."""
        if not self._over:
            self._enqueue(_Wanted(shard, request), limits)

    async def ask(self, request: HttpRequest, limits: VenueLimits) -> HttpAnswer:
        """Make a request in its turn, within the same budget, and return its answer: no record is made."""
        reply: asyncio.Future[HttpAnswer] = asyncio.get_running_loop().create_future()
        if self._over:
            return HttpAnswer(error="the run is over")
        self._enqueue(_Wanted(-1, request, reply), limits)
        return await reply

    def _enqueue(self, wanted: _Wanted, limits: VenueLimits) -> None:
        request = wanted.request
        name = _host_of(request.url)
        if name is None:
            self._refuse(wanted, f"{request.url!r} is no http or https URL")
            return
        host = self._host(name, limits)
        if wanted not in host.queue:
            host.queue.append(wanted)
            self._pump(host)

    def resume(self) -> None:
        """The run is no longer paused: hand over what came meanwhile, then go on asking."""
        while self._held and not self._run.paused:
            self._run.answered(*self._held.popleft())
        for host in self._hosts.values():
            self._pump(host)

    def leave(self) -> None:
        """The run is over: nothing more is asked, and no answer is heard."""
        self._over = True
        for host in self._hosts.values():
            if host.timer is not None:
                host.timer.cancel()

    async def close(self) -> None:
        """Close the client, after `leave`."""
        if self._client is not None:
            await self._client.close()

    def _host(self, name: str, limits: VenueLimits) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            settings = self._settings
            budget = Budget(
                limits.rest_weight,
                limits.rest_window_s,
                concurrent=settings.rest_concurrent,
                backoff_s=settings.rest_backoff_s,
                backoff_max_s=settings.rest_backoff_max_s,
            )
            host = self._hosts[name] = _Host(name, budget)
        else:
            host.budget.tighten(limits.rest_weight, limits.rest_window_s)
        return host

    def _pump(self, host: _Host) -> None:
        """Send what may leave now; come back when the next one may."""
        if host.timer is not None:
            host.timer.cancel()
            host.timer = None
        while host.queue and not self._run.paused and not self._over:
            wanted, now_ns = host.queue[0], self._clock.mono_ns()
            weight = wanted.request.weight
            if not host.budget.fits(weight):
                host.queue.popleft()
                self._refuse(wanted, f"its weight {weight} is more than the whole budget of {host.name}")
                continue
            delay_ns = host.budget.delay_ns(now_ns, weight)
            if delay_ns is None:
                return  # an answer comes first
            if delay_ns > 0:
                loop = asyncio.get_running_loop()
                host.timer = loop.call_later(delay_ns / 1e9, self._pump, host)
                return
            host.queue.popleft()
            sent = _Sent(self._next_number(), wanted, host.budget.take(now_ns, weight))
            self._run.work(self._get(host, sent), f"GET {wanted.request.what} of {host.name}")

    def _next_number(self) -> int:
        self._requests += 1
        return self._requests

    async def _get(self, host: _Host, sent: _Sent) -> None:
        self.prepare()
        assert self._client is not None
        answer = await self._client.get(sent.wanted.request.url)
        if self._over:
            return
        self._learn(host, sent.ticket, answer)
        elapsed_ns = self._clock.mono_ns() - sent.ticket.sent_ns
        self._answer(sent.number, sent.wanted, answer, elapsed_ns)
        self._pump(host)

    def _learn(self, host: _Host, ticket: Ticket, answer: HttpAnswer) -> None:
        """What an answer says about the budget."""
        now_ns, status = self._clock.mono_ns(), answer.status
        used = used_weight(answer.headers, host.budget.window_s)
        if status in REFUSALS:
            pause_ns = refusal_pause_ns(answer.headers, answer.body, self._clock.wall_ns())
            until_ns = host.budget.refused(ticket, now_ns, pause_ns, used=used)
            pause_s = round((until_ns - now_ns) / 1e9, 3)
            self._run.log(logging.WARNING, "rest_refused", host=host.name, status=status, pause_s=pause_s)
        else:
            host.budget.done(ticket, now_ns, used=used, good=status is not None and status < 400)

    def _refuse(self, wanted: _Wanted, error: str) -> None:
        """A request that cannot be made fails, but not before `Feed` has finished the present record."""

        def fail() -> None:
            if not self._over:
                self._answer(self._next_number(), wanted, HttpAnswer(error=error), None)

        asyncio.get_running_loop().call_soon(fail)

    def _answer(self, number: int, wanted: _Wanted, answer: HttpAnswer, elapsed_ns: int | None) -> None:
        """The record of an answer, or of what came instead; while the run is paused it waits."""
        request, headers = wanted.request, answer.headers
        meta = {
            "id": number,
            "method": "GET",
            "url": request.url,
            "what": request.what,
            "instrument": request.instrument,
            "weight": request.weight,
            "status": answer.status,
            "date": _told(headers, "date"),
            "retry_after": _told(headers, "retry-after"),
            "used": {name: _told(headers, name) for name in sorted(headers) if _WEIGHT.fullmatch(name)},
            "elapsed_ns": elapsed_ns,
            "error": answer.error,
        }
        if answer.error is not None or answer.status is None or answer.status >= 400:
            facts = {name: meta[name] for name in ("what", "instrument", "url", "status", "error")}
            self._run.log(logging.WARNING, "rest_failed", **facts)
        if wanted.reply is not None:
            if not wanted.reply.done():
                wanted.reply.set_result(answer)
            return
        payload = encode_http(meta, answer.body)
        if self._run.paused:
            self._held.append((wanted.shard, payload))
        else:
            self._run.answered(wanted.shard, payload)


class Asker:
    """Requests without a run: ``async with Asker(...) as ask: answer = await ask(request, limits)``."""

    paused = False

    def __init__(self, connect: Callable[[], HttpClient], clock: Clock, settings: CaptureSettings) -> None:
        self._fetcher = Fetcher(self, connect, clock, settings)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Callable[[HttpRequest, VenueLimits], Awaitable[HttpAnswer]]:
        return self._fetcher.ask

    async def __aexit__(self, *exc: object) -> None:
        self._fetcher.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self._fetcher.close(), return_exceptions=True)

    def answered(self, shard: int, payload: bytes) -> None:
        """See `Run`; no shard asks here."""
        raise RuntimeError("an Asker has no shards")

    def work(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """See `Run`."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def log(self, level: int, event: str, **facts: Any) -> None:
        """See `Run`."""
        told = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        logger.log(level, f"{event.replace('_', ' ')} {told}", extra={"event": event, **facts})


def _told(headers: Mapping[str, str], name: str) -> str | None:
    """A header for the record, which it must not fill."""
    value = headers.get(name)
    return None if value is None else value[:100]


def _host_of(url: str) -> str | None:
    """``api.example.com`` or ``127.0.0.1:8080``, None where HTTP does not lead."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return None
        port = parts.port
    except ValueError:
        return None
    return parts.hostname if port in (None, *DEFAULT_PORTS.values()) else f"{parts.hostname}:{port}"
