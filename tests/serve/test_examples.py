"""The sample clients do what the guide says: keep a book, notice that it is lost, come back."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from browser import browser
from served_desk import desk

from mm_framework.model.events import BID

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BIDS, ASKS = [(743_019, 41_260_000)], [(743_020, 8_000_000)]
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def pages() -> Iterator[str]:
    """A server of the folder of examples: another origin than the relay's."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=EXAMPLES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(240)


def test_the_program_keeps_a_book_over_a_gap(tmp_path: Path) -> None:
    token_file = tmp_path / "token.txt"
    token_file.write_text(TOKEN + "\n", encoding="utf-8")
    with desk(tmp_path, token=TOKEN) as server:
        server.snapshot(BIDS, ASKS)
        url = f"ws://127.0.0.1:{server.port}/ws"
        command = [sys.executable, str(EXAMPLES / "relay_client.py"), "kraken", "BTC/EUR", "--url", url]
        command += ["--token-file", str(token_file), "--messages", "7"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "snapshot of 1 bids and 1 asks\n"
            server.diff(bids=[(743_019, 0), (743_015, 30_000_000)])
            server.trade(743_020, 1_250_000, BID)
            server.gap(1201, 1204)
            server.snapshot([(743_100, 5)], [(743_101, 6)])
            assert client.stdout.read().splitlines() == [
                "74301.5 x 0.30000000   74302.0 x 0.08000000   spread 0.5   epoch 1",
                "trade buy 0.01250000 at 74302.0",
                "gap SEQUENCE_GAP",
                "state_change RESYNCING SEQUENCE_GAP",
                "snapshot of 1 bids and 1 asks",
                "state_change SYNCED NONE",
            ]
        assert client.returncode == 0


def test_the_program_comes_back_when_the_server_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKETS_BACKOFF_INITIAL_DELAY", "0.1")
    with desk(tmp_path) as first:
        first.snapshot(BIDS, ASKS)
        url = f"ws://127.0.0.1:{first.port}/ws"
        command = [sys.executable, str(EXAMPLES / "relay_client.py"), "kraken", "BTC/EUR", "--url", url]
        client = subprocess.Popen([*command, "--messages", "2"], stdout=subprocess.PIPE, text=True)
        assert client.stdout is not None
        assert client.stdout.readline().startswith("snapshot")
    with client, desk(tmp_path, port=first.port) as second:
        second.snapshot([(800_000, 1)], [(800_001, 1)])
        assert client.stdout.readline().startswith("connection lost")
        assert client.stdout.read().splitlines()[-1] == "snapshot of 1 bids and 1 asks"
    assert client.returncode == 0


def test_the_page_of_another_server_is_let_in_where_its_origin_is_named(tmp_path: Path, pages: str) -> None:
    with browser() as chromium, desk(tmp_path, origins=(pages,)) as server:
        server.snapshot(BIDS, ASKS)
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        relay = f"ws://127.0.0.1:{server.port}/ws"
        page.goto(f"{pages}/relay_page.html?exchange=kraken&symbol=BTC/EUR&relay={relay}")
        page.wait_for_function("() => document.body.innerText.includes('SYNCED, epoch 1')")
        assert page.inner_text("#levels").split() == ["0.41260000", "74301.9", "74302.0", "0.08000000"]
        server.gap(1201, 1204)
        page.wait_for_function("() => document.body.innerText.includes('RESYNCING')")
        server.snapshot([(743_100, 5)], [(743_101, 6)])
        page.wait_for_function("() => document.body.innerText.includes('SYNCED, epoch 2')")
        assert page.inner_text("#levels").split() == ["0.00000005", "74310.0", "74310.1", "0.00000006"]
        page.close()
