"""A live run tells of its strategies while it goes on, and leaves nothing of that behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from serving import running
from toy_plugins import toy_plugins
from toy_socket import toy_socket

from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.serve.answers import StrategyNow
from mm_framework.serve.attached import RUNNING, Attached
from mm_framework.serve.hub import Hub
from mm_framework.serve.serving import Serving


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no process may send itself SIGINT there")
def test_a_live_run_is_told_while_it_goes_on() -> None:
    Path("A.toml").write_text("[strategy.trader]\nsize = '1'")
    Path("B.toml").write_text("[strategy.trader]\nsize = '2'")
    told: list[StrategyNow] = []
    ended = threading.Event()

    def look() -> None:
        """Until the run tells of an instrument; then it may end."""
        attached, end_s = Attached(Path("data")), time.monotonic() + 120
        while time.monotonic() < end_s and not (told and told[-1].arms):
            if (now := attached.now()) is not None:
                told.append(now)
            if ended.wait(0.01):
                return
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=look)
    with toy_socket() as url:
        thread.start()
        words = ("--mode", "live", "toy:A/EUR", "--endpoint", url, "--strategy", "trader")
        test = ("--ab", "A.toml", "B.toml", "--ab-split", "100")
        result = CliRunner().invoke(
            main, ["run", *words, *test, "--record", "one", "--duration-seconds", "150"]
        )
        ended.set()
        thread.join()
    assert json.loads(result.stdout)["ok"], result.output
    (arm,) = told[-1].arms
    assert (told[-1].run_id, arm.name, arm.arm) == ("one", "trader", "B")
    assert (arm.exchange, arm.symbol, arm.quote) == ("toy", "A/EUR", "EUR")
    assert told[-1].ab is not None
    assert told[-1].ab["rollback"] == "none"
    assert not (Path("data") / RUNNING).exists()


def test_a_file_that_is_old_or_torn_is_of_no_run(tmp_path: Path) -> None:
    folder = tmp_path / RUNNING
    assert Attached(tmp_path).now() is None
    folder.mkdir()
    for name, ts_ms in (("a", 5_000), ("b", 6_000)):
        document = {"run_id": name, "ts_ms": ts_ms, "arms": [], "ab": None}
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "c.json").write_text('{"run_id": "c", "ts', encoding="utf-8")
    found = [Attached(tmp_path, lambda now_ms=now_ms: now_ms).now() for now_ms in (6_500, 15_500, 16_001)]  # type: ignore[misc]
    assert [one and one.run_id for one in found] == ["b", "b", None]


@pytest.mark.skipif(sys.platform == "win32", reason="no process may send itself SIGINT there")
def test_metrics_of_a_live_run_stand_on_the_page_of_the_server(tmp_path: Path) -> None:
    """Those of a run that keeps them; nothing of them is left behind."""
    data = tmp_path / "data"
    pages: list[str] = []
    ended = threading.Event()

    def look() -> None:
        with running(Serving(Hub(), data, str(data / "store")), ["exposition"]) as address:
            while not ended.wait(0.05) and "mm_symbol_total_ticks{" not in "".join(pages[-1:]):
                with urllib.request.urlopen(f"http://{address}/metrics/prometheus", timeout=60) as answer:
                    pages.append(answer.read().decode())
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=look)
    with toy_socket() as url:
        thread.start()
        words = ("--mode", "live", "toy:A/EUR", "--endpoint", url, "--strategy", "trader", "--record", "one")
        watched = ("--print-features", "--md-cache-enabled", "--duration-seconds", "150")
        result = CliRunner().invoke(main, ["run", *words, *watched])
        ended.set()
        thread.join()
    assert json.loads(result.stdout)["ok"], result.output
    assert 'mm_symbol_total_ticks{instrument="toy:A/EUR",run="one",symbol="A/EUR"}' in pages[-1]
    assert 'mm_md_cache_total_hits{run="one"}' in pages[-1]
    assert not (data / RUNNING).exists()
