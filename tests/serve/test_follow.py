"""Captures of other processes, served through their files; a capture in the server's own process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import websockets
from kraken_virtual import kraken_kits
from processes import capture_process, emulated_kraken
from serving import BookReader, Collected, recorded

from mm_framework.bundle.run import Run, RunWriter, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.errors import StoreError
from mm_framework.feed import Feed
from mm_framework.model.frame import Record, RecordKind, encode_record, iter_records
from mm_framework.serve.follow import FollowedRun, FollowRuns
from mm_framework.serve.hub import Hub

WAIT_S = 200
QUICK = ("--bundle-flush-interval-s", "0.02")


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``mm serve`` in a process of its own, and its address."""
    command = [sys.executable, "-m", "mm_framework", "-q", "serve", "--json", "--serve-port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield process, json.loads(line)["url"].split("/")[2]
    finally:
        process.kill()
        process.communicate()


async def hear(address: str, enough: Callable[[dict[str, Any]], bool]) -> None:
    """Messages of BTC/EUR, from when it is known until ``enough`` says so of one."""
    url = f"ws://{address}/ws?exchange=kraken&symbol=BTC/EUR"
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                async with websockets.connect(url, compression=None) as socket:
                    while not enough(json.loads(await socket.recv())):
                        pass
                    return
            except websockets.InvalidStatus as error:
                if error.response.status_code != 404:
                    raise
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated Kraken for all tests of this module."""
    with emulated_kraken(tmp_path_factory.mktemp("venue"), "--rate", "50") as venue:
        yield venue.endpoint


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A recorded run that is over."""
    return recorded(tmp_path_factory.mktemp("whole") / "runs" / "whole")


def test_a_restarted_capture_under_the_relay_gives_its_clients_a_new_epoch(
    endpoint: str, tmp_path: Path
) -> None:
    reader, states, diffs = BookReader(), list[str](), 0
    captures: list[subprocess.Popen[str]] = []

    with serving("relay", "--data-dir", str(tmp_path)) as (server, address):

        def capture(run_id: str) -> None:
            captures.append(capture_process(endpoint, tmp_path, "--run-id", run_id, *QUICK))

        def enough(message: dict[str, Any]) -> bool:
            nonlocal diffs
            reader.take(message)
            diffs += message["type"] == "diff"
            if message["type"] == "event" and message["data"]["event"] == "state_change":
                states.append(message["data"]["new"])
            if len(captures) == 1 and diffs > 20:
                captures[0].kill()
                capture("second")
                diffs = 0
            return len(set(reader.epochs)) > 1 and states[-1:] == ["SYNCED"] and diffs > 20

        try:
            capture("first")
            asyncio.run(hear(address, enough))
        finally:
            for one in captures:
                one.kill()
                one.communicate()
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    assert reader.epochs == sorted(reader.epochs)
    assert "STOPPED" in states
    after = states[states.index("STOPPED") :]
    assert after[1] == "CONNECTING"
    assert after[-1] == "SYNCED"


def test_a_capture_in_the_process_of_the_server_is_served_and_recorded(endpoint: str, tmp_path: Path) -> None:
    reader = BookReader()

    def enough(message: dict[str, Any]) -> bool:
        reader.take(message)
        return reader.seq is not None and reader.seq > 30

    arguments = ["--capture", "kraken:BTC/EUR", "--endpoint", endpoint, "--data-dir", str(tmp_path)]
    with serving(*arguments, "--record", "here") as (server, address):
        asyncio.run(hear(address, enough))
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    run = open_run(tmp_path / "runs" / "here")
    assert run.manifest.state == "complete"
    assert run.manifest.result is not None
    assert run.manifest.result["counts"]["gaps"] == 0


def test_a_run_that_is_over_is_read_to_its_end_and_its_books_are_stopped(whole: Run) -> None:
    hub = Hub()
    source = FollowedRun(whole, kraken_kits(), hub)
    asyncio.run(source.run())
    market = hub.view("kraken", "MINA/GBP")
    assert market is not None
    assert market.state == "STOPPED"
    assert market.book().bids
    assert source.to_json()["state"] == "ended"
    assert source.to_json()["records"] == sum(1 for _ in whole.records())


def test_records_that_come_while_a_run_is_followed_over_segments(whole: Run, tmp_path: Path) -> None:
    """A recorded log is written again, record by record, as by a capture that goes on."""
    settings = BundleSettings(checkpoint_interval_s=2.0, segment_max_s=2.0, flush_records=1)
    (shard,) = whole.shards
    path = tmp_path / "runs" / "again"
    manifest = attrs.evolve(whole.manifest, run_id="again", state="running", result=None)
    writer = RunWriter.create(path, manifest, settings=settings)
    feed, hub, reader, client = Feed(kraken_kits()), Hub(), BookReader(), Collected()

    async def write_and_follow() -> FollowedRun:
        source = FollowedRun(open_run(path), kraken_kits(), hub)
        task, index = asyncio.create_task(source.run()), 0
        records = [next(iter_records(record)) for record in shard.records()]
        for record, following in itertools.pairwise([*records, None]):
            for part in again(record, following, index, feed, writer):
                writer.append(0, part)
                index += 1
            market = hub.view("kraken", "BTC/EUR")
            if market is not None and not client.messages:
                hub.subscribe(client, [(market, "BTC/EUR")])
            while index % 40 == 0 and source.to_json()["records"] < index:
                await asyncio.sleep(0.01)
        writer.close()
        await asyncio.wait_for(task, WAIT_S)
        return source

    source = asyncio.run(write_and_follow())
    assert len(list(path.glob("capture/*.frames"))) > 5
    assert source.to_json()["state"] == "ended"
    for message in client.messages:
        reader.take(message)
    market = hub.view("kraken", "BTC/EUR")
    assert market is not None
    book = market.book()
    assert reader.book() == (book.bids, book.asks) != ([], [])
    assert market.state == "STOPPED"


def again(
    record: Record | None, following: Record | None, index: int, feed: Feed, writer: RunWriter
) -> Iterator[bytes]:
    """The same record under another index, and the checkpoint that is due behind it, if there is room."""
    assert record is not None
    same = encode_record(
        record.kind,
        bytes(record.payload),
        connection=record.connection,
        index=index,
        mono_ns=record.mono_ns,
        wall_ns=record.wall_ns,
        flags=record.flags,
    )
    feed.feed(same)
    yield same
    room = following is not None and following.mono_ns > record.mono_ns + 1
    if room and record.kind != RecordKind.CONTROL and writer.checkpoint_due(0, record.mono_ns):
        state, stamp = feed.checkpoint(), record.mono_ns + 1
        yield encode_record(RecordKind.CHECKPOINT, state, index=index + 1, mono_ns=stamp, wall_ns=0)


def test_runs_that_cannot_be_read_are_told_and_the_others_are_followed(tmp_path: Path, caplog: Any) -> None:
    broken = tmp_path / "runs" / "broken"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text("{")
    source = FollowRuns(tmp_path / "runs", lambda run: kraken_kits(), Hub())

    async def look() -> dict[str, Any]:
        task = asyncio.create_task(source.run())
        async with asyncio.timeout(WAIT_S):
            while not caplog.records:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return source.to_json()

    caplog.set_level("INFO")
    assert asyncio.run(look())["state"] == "waiting"
    assert "run broken is not followed" in caplog.text
    with pytest.raises(StoreError):
        open_run(broken)
