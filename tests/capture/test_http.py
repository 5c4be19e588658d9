"""HTTP of a live run: one queue and one budget a host, whatever happens; each outcome is a record."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from rest_host import RestHost, RestToy, answer, serve_rest
from scripted_venue import Script, serve_script
from toy_server import MS, MemoryLog, S, World
from toy_venue import VENUE, ToyAdapter, ToyNormalizer, toy_rules

from mm_framework.capture.clock import RealClock, Stamp, VirtualClock
from mm_framework.capture.endpoints import Endpoints
from mm_framework.capture.http import Asker, Fetcher
from mm_framework.capture.plan import make_plan
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.transport import HttpAnswer, HttpClient, HttpOptions, make_transport
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.adapter import HttpRequest, VenueLimits
from mm_framework.contracts.emulator import HttpReply
from mm_framework.feed import Feed, VenueKit
from mm_framework.feed.output import Fetch
from mm_framework.model.frame import RecordKind, split_http

KIND = RecordKind


def request(path: str = "/depth", weight: int = 1, **changes: Any) -> HttpRequest:
    return HttpRequest("http://toy.invalid" + path, "snapshot", weight, **changes)


def numbered(count: int, weight: int = 1, first: int = 0) -> list[HttpRequest]:
    return [request(f"/{number}", weight) for number in range(first, first + count)]


def asks(world: World, *requests: HttpRequest, shard: int = 0) -> Callable[[int], None]:
    """For `World.at`: the shard's `Feed` asks for these."""
    return lambda now_ns: world.run._shards[shard].obey([Fetch(one) for one in requests])


def rest_world(
    rest_weight: int = 60, rest_window_s: float = 60.0, *, shards: int = 1, **kwargs: Any
) -> tuple[World, RestToy]:
    class Limited(ToyAdapter):
        limits = VenueLimits(rest_weight=rest_weight, rest_window_s=rest_window_s)

    server = RestToy(["A/X", "B/X"], rate=5)
    settings = CaptureSettings(jitter_seed=1, **kwargs.pop("settings", {}))
    return World(server, adapter=Limited(), shards=shards, settings=settings, **kwargs), server


def metas(world: World) -> list[dict[str, Any]]:
    return [split_http(record.payload)[0] for record in world.log.of(KIND.HTTP)]


def told(world: World, name: str) -> list[Any]:
    return [meta[name] for meta in metas(world)]


def asked_s(world: World, server: RestToy) -> list[float]:
    """When the host heard each request, in seconds since the start."""
    return [round(world.after(at_ns), 6) for at_ns, *_ in server.asked]


def asked_paths(server: RestToy) -> list[str]:
    """What the host heard, in order; what it heard at the same instant, by name."""
    return [path for _, path, _ in sorted(server.asked, key=lambda one: one[:2])]


def most_in(window_s: float, times_s: list[float]) -> int:
    return max(sum(begin <= at < begin + window_s for at in times_s) for begin in times_s)


# records


def test_an_answer_is_a_record_of_its_shard_stamped_when_it_comes() -> None:
    world, server = rest_world(shards=2)
    headers = {
        "Date": "Fri, 21 Nov 2025 08:00:00 GMT",
        "X-MBX-USED-WEIGHT-1M": "25",
        "X-MBX-USED-WEIGHT": "25",
        "Server": "toy",
    }
    server.reply = lambda path: HttpReply(200, b'{"lastUpdateId":7}', tuple(headers.items()))
    world.at(2, asks(world, request("/depth?limit=500", 25, instrument="toy:B/X"), shard=1))
    world.capture(5)
    assert world.log.of(KIND.HTTP, shard=0) == []
    (record,) = world.log.of(KIND.HTTP, shard=1)
    assert split_http(record.payload)[1] == b'{"lastUpdateId":7}'
    assert metas(world) == [
        {
            "date": "Fri, 21 Nov 2025 08:00:00 GMT",
            "elapsed_ns": 10 * MS,
            "error": None,
            "id": 1,
            "instrument": "toy:B/X",
            "method": "GET",
            "retry_after": None,
            "status": 200,
            "url": "http://toy.invalid/depth?limit=500",
            "used": {"x-mbx-used-weight": "25", "x-mbx-used-weight-1m": "25"},
            "weight": 25,
            "what": "snapshot",
        }
    ]
    assert world.after(record.mono_ns) == pytest.approx(2.01)
    assert [(path, query) for _, path, query in server.asked] == [("/depth", {"limit": "500"})]
    assert world.log.events("rest_failed") == []


def test_records_stand_in_the_order_of_the_stamps_and_a_replay_reads_them() -> None:
    world, _ = rest_world(shards=2)
    for tenth in range(20, 40):
        world.at(tenth / 10, asks(world, request(f"/{tenth}"), shard=tenth % 2))
    world.capture(6)
    assert all(a.mono_ns < b.mono_ns for a, b in pairwise(world.log.of()))
    assert told(world, "id") == list(range(1, 21))
    for shard in (0, 1):
        records = world.log.of(shard=shard)
        assert [record.index for record in records] == list(range(len(records)))
        feed = Feed(world.kits, shard)
        for number, data in world.log.records:
            if number == shard:
                feed.feed(data)
        assert feed.counts.http == 10
        assert feed.counts == world.run._recorder.feeds[shard].counts


def test_what_goes_wrong_is_a_record_and_the_next_request_is_made() -> None:
    world, server = rest_world()
    replies = {
        "/0": HttpReply(503, b"later"),
        "/1": ConnectionResetError("the connection broke before the answer"),
        "/2": HttpReply(404, b"no"),
        "/3": HttpReply(200, b"[]"),
    }
    server.reply = replies.__getitem__
    world.at(2, asks(world, *numbered(4)))
    world.capture(5)
    assert sorted(zip(told(world, "id"), told(world, "status"), told(world, "error"), strict=True)) == [
        (1, 503, None),
        (2, None, "the connection broke before the answer"),
        (3, 404, None),
        (4, 200, None),
    ]
    bodies = {split_http(record.payload)[1] for record in world.log.of(KIND.HTTP)}
    assert bodies == {b"later", b"", b"no", b"[]"}
    failed = world.log.events("rest_failed")
    assert {line["url"].rpartition("/")[2]: line["status"] for line in failed} == {
        "0": 503,
        "1": None,
        "2": 404,
    }


def test_an_answer_that_takes_too_long_is_given_up_and_holds_its_weight_until_then() -> None:
    world, server = rest_world(1, 10, latency=lambda: 3 * S, settings={"rest_timeout_s": 5})
    world.at(10, asks(world, *numbered(2)))
    world.capture(45)
    assert told(world, "error") == ["no answer within 5 s"] * 2
    assert told(world, "elapsed_ns") == [5 * S, 5 * S]
    assert asked_s(world, server) == pytest.approx([13, 28])


def test_a_request_that_cannot_be_made_fails_after_the_present_record() -> None:
    world, server = rest_world(60)
    world.at(2, asks(world, request(weight=61), HttpRequest("ftp://toy.invalid/", "x"), request(weight=60)))
    world.capture(5)
    assert told(world, "error") == [
        "its weight 61 is more than the whole budget of toy.invalid",
        "'ftp://toy.invalid/' is no http or https URL",
        None,
    ]
    assert told(world, "elapsed_ns")[:2] == [None, None]
    assert len(server.asked) == 1


def test_the_same_request_of_a_shard_that_waits_is_made_once() -> None:
    world, server = rest_world(1, 5, shards=2)
    world.at(2, asks(world, request("/0"), request("/0"), request("/1"), request("/0"), request("/1")))
    world.at(3, asks(world, request("/0"), shard=1))
    world.capture(30)
    # The first one left at once.
    assert asked_paths(server) == ["/0", "/0", "/1", "/0"]


# the budget


def test_the_budget_holds_over_shards_symbols_and_reconnects_and_the_queue_keeps_its_order() -> None:
    world, server = rest_world(10, 30, shards=2)
    for number, one in enumerate(numbered(40)):
        world.at(5 + number / 10, asks(world, one, shard=number % 2))
    for second in (6, 20, 40, 70):
        world.at(second, server.reset)
    world.capture(150)
    times_s = asked_s(world, server)
    assert asked_paths(server) == [f"/{number}" for number in range(40)]
    assert len(world.log.of(KIND.LOST)) > 5
    assert most_in(30, times_s) == 10
    assert times_s[10] - times_s[0] == pytest.approx(30, abs=0.1)
    assert times_s[-1] < 110


def test_weights_count_and_a_heavy_request_is_not_overtaken() -> None:
    world, server = rest_world(100, 60)
    world.at(2, asks(world, *numbered(1, 80), *numbered(1, 30, first=1), *numbered(1, 5, first=2)))
    world.capture(90)
    assert asked_paths(server) == ["/0", "/1", "/2"]
    assert asked_s(world, server) == pytest.approx([2.005, 62.015, 62.015], abs=0.001)


def test_no_more_requests_than_allowed_are_under_way() -> None:
    world, server = rest_world(latency=lambda: 500 * MS, settings={"rest_concurrent": 3})
    world.at(5, asks(world, *numbered(7)))
    world.capture(15)
    assert asked_s(world, server) == pytest.approx([5.5, 5.5, 5.5, 6.5, 6.5, 6.5, 7.5])


def test_a_host_that_has_counted_more_than_we_have_is_believed() -> None:
    world, server = rest_world(60, 60)
    server.reply = lambda path: HttpReply(
        200, b"[]", (("X-MBX-USED-WEIGHT-1M", str(57 + len(server.asked))),)
    )
    world.at(5, asks(world, request("/0")))
    world.at(10, asks(world, *numbered(3, first=1)))
    world.capture(80)
    assert asked_s(world, server) == pytest.approx([5.005, 10.005, 10.005, 70.015], abs=0.001)


def test_hosts_have_budgets_of_their_own() -> None:
    world, _ = rest_world(1, 60)
    urls = ("http://a.invalid/", "https://a.invalid/", "http://a.invalid:8080/", "http://B.invalid/")
    world.at(5, asks(world, *(HttpRequest(url, "x") for url in (*urls, "http://b.invalid/1"))))
    world.capture(30)
    assert sorted(told(world, "url")) == sorted([urls[0], urls[2], urls[3]])


def test_of_two_venues_at_one_host_the_stricter_budget_holds_for_what_waits_too() -> None:
    world, server = rest_world(60, 60)
    world.at(5, asks(world, request("/0", 60), request("/1", 20), request("/2", 5)))
    stricter = VenueLimits(rest_weight=10, rest_window_s=10)
    world.at(6, lambda now_ns: world.run.fetch(0, request("/3", 5), stricter))
    world.capture(90)
    assert asked_paths(server) == ["/0", "/2", "/3"]
    assert asked_s(world, server)[1:] == pytest.approx([65.015, 65.015], abs=0.001)
    assert told(world, "error")[1] == "its weight 20 is more than the whole budget of toy.invalid"


# refusals


def refuse_until(world: World, server: RestToy, end_s: float, reply: HttpReply) -> None:
    server.reply = lambda path: reply if world.after(world.clock.now_ns) < end_s else HttpReply(200, b"[]")


@pytest.mark.parametrize(
    ("status", "headers", "body", "pause_s"),
    [
        (429, (("Retry-After", "17"),), b"", 17.0),
        (418, (("Retry-After", "120"),), b"", 120.0),
        (418, (), b'{"code":-1003,"msg":"banned until 1750000050000"}', 43.99),
        (429, (), b"", 60.0),
    ],
)
def test_after_a_refusal_nothing_is_asked_of_the_host_until_its_time(
    status: int, headers: tuple[tuple[str, str], ...], body: bytes, pause_s: float
) -> None:
    """The clock's wall time is 1750000001 s at the start; the answer comes 5.01 s later."""
    world, server = rest_world(shards=2)
    refuse_until(world, server, 5.1, HttpReply(status, body, headers))
    world.at(5, asks(world, request("/0")))
    world.at(5.2, asks(world, *numbered(3, first=1), shard=1))
    world.at(6, server.reset)
    world.at(7, asks(world, request("/4")))
    world.at(9, asks(world, HttpRequest("http://other.invalid/", "x")))
    world.capture(200)
    times_s = asked_s(world, server)
    assert times_s[:2] == pytest.approx([5.005, 9.005])
    assert times_s[2:] == pytest.approx([5.01 + pause_s + 0.005] * 4, abs=0.0011)
    assert told(world, "status") == [status, 200, 200, 200, 200, 200]
    (line,) = world.log.events("rest_refused")
    assert (line["host"], line["status"]) == ("toy.invalid", status)
    assert line["pause_s"] == pytest.approx(pause_s, abs=0.002)


def test_pauses_without_a_time_double() -> None:
    world, server = rest_world(settings={"rest_backoff_s": 10, "rest_backoff_max_s": 30})
    refuse_until(world, server, 100, HttpReply(429, b""))
    for second in range(5, 95, 5):
        world.at(second, asks(world, request(f"/{second}")))
    world.capture(120)
    pauses = [line["pause_s"] for line in world.log.events("rest_refused")]
    assert sorted(set(pauses)) == [10, 20, 30]
    assert pauses[0] == 10
    refused_s = sorted({at for at in asked_s(world, server) if at < 100})
    assert [round(b - a) for a, b in pairwise(refused_s)] == [10, 20, 30, 30]


def test_other_errors_of_the_host_stop_nothing() -> None:
    world, server = rest_world()
    server.reply = lambda path: HttpReply(503, b"", (("Retry-After", "100"),))
    world.at(5, asks(world, request("/0")))
    world.at(6, asks(world, request("/1")))
    world.capture(10)
    assert asked_s(world, server) == pytest.approx([5.005, 6.005])
    assert told(world, "retry_after") == ["100", "100"]


# the course of a run


def test_an_answer_after_the_stop_is_dropped_and_what_waits_is_not_asked() -> None:
    world, server = rest_world(latency=lambda: S, settings={"rest_concurrent": 1})
    world.at(5, asks(world, *numbered(3)))
    world.at(6.5, lambda now_ns: world.run.stop("SIGTERM"))
    result = world.capture(None)
    assert len(server.asked) == 1
    assert world.log.of(KIND.HTTP) == []
    assert [record.kind for record in world.log.of()[-2:]] == [KIND.LOST, KIND.CONTROL]
    assert (result.stopped_by, world.log.state) == ("SIGTERM", "complete")


def test_what_feed_asks_for_at_the_end_is_not_asked() -> None:
    world, server = rest_world()

    class AtTheEnd:
        done = False

        def on_output(self, shard: int, record: bytes, mono_ns: int, output: Any) -> None:
            if output.n_rows and world.run._shards[0].links:
                output.commands.append(Fetch(request(f"/{mono_ns}")))

        def next_timer_ns(self) -> int | None:
            return None

        def on_end(self, mono_ns: int) -> None:
            world.run.fetch(0, request("/end"), ToyAdapter.limits)
            world.run.answered(7, b"a shard that is gone")

    world.capture(5, listeners=[AtTheEnd()])
    assert server.asked
    assert all(path != "/end" for _, path, _ in server.asked)


def test_while_the_log_is_full_nothing_is_asked_and_answers_wait_in_their_order() -> None:
    world, _ = rest_world(latency=lambda: 200 * MS)
    world.at(9.9, asks(world, *numbered(2)))
    world.at(10, lambda now_ns: setattr(world.log, "full", True))
    world.at(10.5, lambda now_ns: world.run.record(0, KIND.TICK))
    world.at(12, asks(world, *numbered(2, first=2)))
    world.at(14, lambda now_ns: setattr(world.log, "full", False))
    world.capture(20)
    records = world.log.of(KIND.HTTP)
    assert world.run.tally.pauses == 1
    assert sorted(told(world, "id")[:2]) == [1, 2]
    assert sorted(told(world, "id")[2:]) == [3, 4]
    assert [round(world.after(record.mono_ns), 1) for record in records] == pytest.approx(
        [14, 14, 14.4, 14.4], abs=0.1
    )
    assert told(world, "elapsed_ns") == [400 * MS] * 4


def test_a_client_is_made_when_it_is_first_needed_or_at_the_start_by_a_venue_with_snapshots() -> None:
    class Fetching(ToyAdapter):
        def snapshot_request(self, subscription: Any) -> HttpRequest:
            return request()

    def made_s(adapter: ToyAdapter) -> list[float]:
        world, made = World(RestToy(), adapter=adapter), list[float]()
        original = world.transport.http

        def http(options: HttpOptions) -> HttpClient:
            made.append(round(world.after(world.clock.now_ns), 3))
            return original(options)

        world.transport.http = http  # type: ignore[method-assign]  # to see when it is called
        world.at(3, asks(world, *numbered(2)))
        world.capture(5)
        return made

    assert made_s(ToyAdapter()) == [3.0]
    assert made_s(Fetching()) == [0.0]


def test_the_same_seeds_give_the_same_records() -> None:
    def records(seed: int) -> list[tuple[int, bytes]]:
        draw, late, choose = random.Random(seed), random.Random(seed + 1), random.Random(seed + 2)
        world, server = rest_world(
            20,
            10,
            shards=2,
            latency=lambda: draw.randrange(300 * MS),
            delay=lambda: late.choice((0, 0, 0, 0, 300 * MS)),
            settings={"rest_timeout_s": 0.7, "rest_backoff_s": 2},
        )
        replies = (HttpReply(200, b"[]"), HttpReply(429, b""), HttpReply(500, b"x"), ConnectionError("gone"))
        server.reply = lambda path: choose.choices(replies, (8, 1, 1, 1))[0]
        for number, one in enumerate(numbered(60)):
            world.at(2 + number / 10, asks(world, one, shard=number % 2))
        world.at(8, server.reset)
        world.capture(60)
        assert {200, 429, 500, None} <= set(told(world, "status"))
        return world.log.records

    assert records(1) == records(1)
    assert records(1) != records(2)


# on a real socket


class ReadClock(RealClock):
    """Keeps what it told last."""

    def mono_ns(self) -> int:
        self.told_ns = super().mono_ns()
        return self.told_ns


class LoopbackRun:
    """Implements what a `Fetcher` needs of a run; ``asked_s`` is when a request left."""

    def __init__(self) -> None:
        self.paused = False
        self.clock, self.asked_s = ReadClock(), list[float]()
        self.payloads: list[tuple[int, bytes]] = []
        self.changed = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def answered(self, shard: int, payload: bytes) -> None:
        self.payloads.append((shard, payload))
        self.changed.set()

    def work(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        self.asked_s.append(self.clock.told_ns / 1e9)
        task = asyncio.create_task(coroutine, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def log(self, level: int, event: str, **facts: Any) -> None:
        assert level == logging.WARNING

    async def until(self, count: int) -> list[dict[str, Any]]:
        while len(self.payloads) < count:
            self.changed.clear()
            await self.changed.wait()
        return [split_http(payload)[0] for _, payload in self.payloads]


def loopback(
    host: RestHost, limits: VenueLimits, count: int, **settings: Any
) -> tuple[list[dict[str, Any]], list[float]]:
    """The records of ``count`` requests of a host on loopback, and when they left."""

    async def main() -> tuple[list[dict[str, Any]], list[float]]:
        async with serve_rest(host):
            run = LoopbackRun()
            transport = make_transport("websockets")
            fetcher = Fetcher(
                run, lambda: transport.http(HttpOptions()), run.clock, CaptureSettings(**settings)
            )
            for number in range(count):
                fetcher.fetch(number % 3, HttpRequest(f"{host.url}/{number}", "snapshot"), limits)
            found = await run.until(count)
            fetcher.leave()
            await fetcher.close()
            return found, run.asked_s

    return asyncio.run(main())


def test_on_a_socket_the_budget_and_the_number_under_way_hold() -> None:
    host = RestHost()
    host.delay_s = 0.02
    found, asked_s = loopback(host, VenueLimits(rest_weight=5, rest_window_s=0.4), 12, rest_concurrent=2)
    assert [meta["status"] for meta in found] == [200] * 12
    assert host.most == 2
    assert most_in(0.4, asked_s) <= 5
    assert sorted(int(head[0].split("/")[1].split()[0]) for head in host.heads) == [*range(12)]


@pytest.mark.parametrize("status", [429, 418])
def test_on_a_socket_a_refusal_stops_the_host_and_what_waits_is_asked_later(status: int) -> None:
    host, times_s = RestHost(), list[float]()

    def reply(path: str) -> bytes:
        times_s.append(time.monotonic())
        return answer(b"no", f"{status} No", Retry_After="1") if path == "/0" else answer()

    host.reply = reply
    found, _ = loopback(host, VenueLimits(), 4, rest_concurrent=1)
    assert [meta["status"] for meta in found] == [status, 200, 200, 200]
    assert times_s[1] - times_s[0] >= 1.0


def test_a_run_over_sockets_records_the_answers_and_ends_with_a_request_under_way() -> None:
    """Warnings are errors: a socket that stays open would be one."""
    host, log = RestHost(), MemoryLog()
    heard = asyncio.Event()

    def reply(path: str) -> bytes:
        host.lingers = path == "/1"
        if host.lingers:
            heard.set()
        return b"" if host.lingers else answer(b"[]")

    host.reply = reply

    async def main() -> CaptureResult:
        async with serve_script(Script()) as endpoint, serve_rest(host):
            adapter = ToyAdapter()
            run = Capture(
                make_plan(["toy:A/X"], {VENUE: adapter}, endpoints=Endpoints.parse([endpoint])),
                {VENUE: VenueKit(adapter, ToyNormalizer(), toy_rules())},
                make_transport("websockets"),
                stamp=Stamp(RealClock()),
                settings=CaptureSettings(jitter_seed=1, rest_concurrent=1),
                writer=log,
            )

            async def ask() -> None:
                for number in range(3):
                    run.fetch(0, HttpRequest(f"{host.url}/{number}", "snapshot"), adapter.limits)
                await heard.wait()
                run.stop("SIGTERM")

            asyncio.get_running_loop().call_soon(lambda: run.work(ask(), "ask"))
            return await run.run(240)

    result = asyncio.run(main())
    assert (result.stopped_by, result.counts.http) == ("SIGTERM", 1)
    assert [split_http(record.payload)[1] for record in log.of(KIND.HTTP)] == [b"[]"]
    assert [head[0].split()[1] for head in host.heads] == ["/0", "/1"]


# requests without a run


def test_an_asker_makes_requests_within_the_budget_and_makes_no_records() -> None:
    class Client:
        def __init__(self) -> None:
            self.asked_s: list[float] = []
            self.closed = False

        async def get(self, url: str) -> HttpAnswer:
            self.asked_s.append(asyncio.get_running_loop().time())
            return HttpAnswer(200, body=url.encode())

        async def close(self) -> None:
            self.closed = True

    client, clock = Client(), VirtualClock()

    async def main() -> list[bytes]:
        limits = VenueLimits(rest_weight=2, rest_window_s=10.0)
        async with Asker(lambda: client, clock, CaptureSettings()) as ask:
            answers = await asyncio.gather(*(ask(one, limits) for one in numbered(4)))
        return [answer.body for answer in answers]

    bodies = run_virtual(main, clock)
    assert bodies == [f"http://toy.invalid/{number}".encode() for number in range(4)]
    assert max(client.asked_s) - min(client.asked_s) >= 10
    assert client.closed


def test_an_asker_answers_what_cannot_be_asked() -> None:
    async def main() -> HttpAnswer:
        async with Asker(unreachable, VirtualClock(), CaptureSettings()) as ask:
            return await ask(HttpRequest("ftp://toy.invalid", "metadata"), VenueLimits())

    def unreachable() -> HttpClient:
        raise AssertionError("nothing is to be asked")

    assert "is no http or https URL" in str(asyncio.run(main()).error)
