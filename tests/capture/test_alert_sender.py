"""Alerts go to a real HTTP server and a real program; neither can harm the run."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from toy_server import World

from mm_framework.capture.alert_sender import WAITING, AlertSender
from mm_framework.capture.settings import AlertSettings
from mm_framework.errors import EnvironmentFailed

WALL_NS = 1_700_000_000 * 10**9


class Told:
    """Keeps the lines that a sender logs."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []

    def log(self, level: int, event: str, **facts: Any) -> None:
        self.lines.append((level, event, facts))


@asynccontextmanager
async def server(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


async def tell(settings: AlertSettings, *errors: str) -> Told:
    """What is told until the sender is closed, which it is once something was."""
    told = Told()
    sender = AlertSender(settings, "run7")
    sender.start(told)
    for number, error in enumerate(errors):
        sender.failed(error, number, WALL_NS)
    while not told.lines:
        await asyncio.sleep(0.01)
    await sender.close(WALL_NS)
    return told


def test_a_webhook_is_given_the_alert_as_json() -> None:
    got: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        got.append((request.headers["Content-Type"], await request.json()))
        return web.Response(status=204)

    async def main() -> Told:
        async with server(answer) as url:
            return await tell(AlertSettings(webhook_url=url, timeout_s=240), "the disk is full")

    told = asyncio.run(main())
    ((kind, body),) = got
    assert kind.startswith("application/json")
    assert body == {
        "run_id": "run7",
        "time": "2023-11-14T22:13:20.000+00:00",
        "kind": "run_failed",
        "text": "the run was ended: the disk is full",
        "facts": {"error": "the disk is full"},
        "suppressed": 0,
    }
    ((level, event, facts),) = told.lines
    assert (level, event, facts["way"]) == (logging.WARNING, "alert", "webhook")


def test_a_webhook_that_refuses_hangs_or_is_not_there_is_a_line_of_the_log() -> None:
    told_all = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if (await request.json())["facts"]["error"] == "slow":
            await told_all.wait()
        return web.Response(status=503)

    async def main() -> list[Told]:
        async with server(answer) as url:
            settings = AlertSettings(webhook_url=url, timeout_s=240)
            told = [await tell(settings, "refused")]
            told.append(await tell(AlertSettings(webhook_url=url, timeout_s=0.3), "slow"))
            told_all.set()
        return [*told, await tell(settings, "gone")]

    errors = [line[2]["error"] for told in asyncio.run(main()) for line in told.lines]
    assert errors[0] == "HTTP 503"
    assert "TimeoutError" in errors[1]
    assert "ClientConnectorError" in errors[2]


def script(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "hook.py"
    path.write_text(f"import json, sys, time\n{text}\n")
    return (sys.executable, str(path))


def test_a_command_is_given_the_alert_on_stdin_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = script(
        tmp_path,
        "alert = json.load(sys.stdin)\n"
        "alert['argv'] = sys.argv[1:]\n"
        f"json.dump(alert, open({str(out)!r}, 'w'))",
    )
    settings = AlertSettings(command=(*command, "$HOME; rm *"), timeout_s=240)
    told = asyncio.run(tell(settings, "why"))
    assert told.lines[0][1] == "alert"
    body = json.loads(out.read_text())
    assert (body["argv"], body["kind"]) == (["$HOME; rm *"], "run_failed")
    assert body["facts"] == {"error": "why"}


def test_a_command_that_fails_hangs_or_is_not_there_is_a_line_of_the_log(tmp_path: Path) -> None:
    failing = script(tmp_path, "sys.exit('no such pager')")
    told = asyncio.run(tell(AlertSettings(command=failing, timeout_s=240), "e"))
    assert told.lines[0][1:] == (
        "alert_failed",
        {
            "kind": "run_failed",
            "way": "command",
            "text": "the run was ended: e",
            "error": "exit code 1: no such pager",
        },
    )
    hanging = script(tmp_path, "time.sleep(3600)")
    told = asyncio.run(tell(AlertSettings(command=hanging, timeout_s=0.5), "e"))
    assert told.lines[0][2]["error"] == "killed after 0.5 s"
    told = asyncio.run(tell(AlertSettings(command=(str(tmp_path / "absent"),)), "e"))
    assert told.lines[0][2]["error"].startswith("FileNotFoundError")


def test_alerts_beyond_the_queue_are_told_as_lost() -> None:
    told_all = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        await told_all.wait()
        return web.Response()

    async def main() -> Told:
        async with server(answer) as url:
            settings = AlertSettings(webhook_url=url, timeout_s=0.2, min_interval_s=0)
            told = await tell(settings, *(str(number) for number in range(WAITING + 3)))
            told_all.set()
            return told

    told = asyncio.run(main())
    lost = [facts for _, event, facts in told.lines if facts["way"] == "queue"]
    assert len(lost) == 3
    assert lost[0]["error"] == "too many alerts wait"


def test_a_run_tells_of_its_end_by_an_error_and_ends_as_it_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On virtual time threads do not work, so what is sent is replaced; the rest is the real thing."""
    sent: list[dict[str, Any]] = []

    async def post(sender: AlertSender, document: dict[str, Any]) -> None:
        sent.append(document)

    monkeypatch.setattr(AlertSender, "_post", post)
    world = World()
    world.at(3, world.server.reset)
    world.at(9, lambda _: setattr(world.log, "broken", EnvironmentFailed("the disk is gone")))
    world.alerts = AlertSender(AlertSettings(webhook_url="http://h"), "run7")
    with pytest.raises(EnvironmentFailed, match="gone"):
        world.capture(20)
    assert [document["kind"] for document in sent] == ["gate_failed", "run_failed"]
    assert sent[0]["facts"] == {"gates": ["reconnects", "disconnected"]}
    assert "the disk is gone" in sent[1]["text"]
