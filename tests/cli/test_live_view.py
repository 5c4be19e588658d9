"""The view of a run that goes on: what it shows of a real capture, and that it fits."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import emulated_kraken
from rich.console import Console
from toy_server import ToyServer, World

from mm_framework.capture.heartbeat import Beat
from mm_framework.cli.live_view import BOOKS, LiveView, showing


def watched(world: World, seconds: float, view: LiveView) -> LiveView:
    world.progress = view.take
    world.capture(seconds)
    return view


def shown(view: LiveView, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as captured:
        console.print(view.render())
    return captured.get()


def test_a_run_that_has_not_begun_says_so() -> None:
    assert "waiting for the first heartbeat" in shown(LiveView("r"))


def test_shards_books_rates_and_gates_of_a_run_are_shown() -> None:
    world = World(ToyServer(["A/X", "B/X"], rate=40), shards=2)
    world.at(8, world.server.reset)
    text = shown(watched(world, 20.5, LiveView("20261121T044512Z")))
    assert "mm capture 20261121T044512Z" in text
    assert "● recording  0:00:20" in text
    for word in ("toy:A/X  SYNCED  epoch 2", "toy:B/X  SYNCED  epoch 2", "books: 2", "checksums", "loop lag"):
        assert word in text
    assert " FAIL" in text.split("reconnects")[1].split("\n")[0]
    assert " PASS" in text.split("drops")[1].split("\n")[0]
    assert " PASS" in text.split("heartbeat_gaps")[1].split("\n")[0]
    assert "▁" in text or "█" in text
    assert [line for line in text.splitlines() if "00 " in line and "toy" in line and "● open" in line]


def test_books_out_of_sync_come_first_and_the_rest_is_counted() -> None:
    server = ToyServer([f"A{n:02d}/X" for n in range(BOOKS + 8)], rate=200)
    world = World(server)

    def spoil(now_ns: int) -> None:
        server.skip = 1

    world.at(10, spoil)
    views = []

    def take(beat: Beat) -> None:
        view = LiveView("r")
        view.take(beat)
        views.append(shown(view))

    world.progress = take
    world.capture(12.5)
    assert f"and 8 more; {BOOKS + 8} of {BOOKS + 8} are SYNCED" in views[8]
    assert "books: 20" in views[8]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    view = watched(World(ToyServer(["A/X"], rate=40)), 5.5, LiveView("r"))
    view.tell(logging.makeLogRecord({"msg": "x" * 500, "levelno": logging.WARNING}))
    lines = shown(view, width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("xxx" in line for line in lines) == 1


def test_log_lines_go_into_the_picture_while_it_is_there() -> None:
    view = LiveView("r")
    console = Console(width=100, file=io.StringIO(), force_terminal=True)
    logger = logging.getLogger("mm_framework.capture")
    root = logging.getLogger()
    earlier = root.handlers
    with showing(view, console):
        logger.warning("lost venue=toy")
        assert root.handlers is not earlier
    assert root.handlers is earlier
    world = World(ToyServer(rate=10))
    assert "lost venue=toy" in shown(watched(world, 2.5, view))


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_the_view_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    import pty

    with emulated_kraken(tmp_path) as emulated:
        ours, theirs = pty.openpty()
        command = ["capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--data-dir", str(tmp_path)]
        process = subprocess.Popen(
            [sys.executable, "-m", "mm_framework", *command, "--run-id", "r1", "--live"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "COLUMNS": "100", "LINES": "50", "TERM": "xterm"},
        )
        os.close(theirs)
        drawn, told = b"", False
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is gone
                break
            if not data:
                break
            drawn += data
            if b"gates so far" in drawn and b"kraken:BTC/EUR" in drawn and not told:
                process.send_signal(signal.SIGTERM)
                told = True
        os.close(ours)
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert "gates so far" in drawn.decode()
    assert "kraken:BTC/EUR" in drawn.decode()
    assert b"next: mm verify" in out
