"""Two thousand addresses that nobody meant are refused in words or answered; nothing else is opened."""

from __future__ import annotations

import contextlib
import http.client
import logging
import random
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Asking
from serving import played, recorded, running

pytestmark = pytest.mark.timeout(600)

ADDRESSES = 2000
PATHS = (
    "/v1/venues", "/v1/instruments", "/v1/book/kraken/BTC/EUR", "/v1/trades/kraken/BTC/EUR",
    "/v1/candles/kraken/BTC/EUR", "/v1/runs", "/v1/qa", "/v1/status", "/snapshot", "/openapi.json",
    "/metrics", "/metrics/prometheus", "/healthz", "/readyz", "/ws", "/static/main.js", "/",
)  # fmt: skip
PARTS = (
    "..", "../", "%2e%2e%2f", "..%5c", "%00", "%", "%zz", "/etc/passwd", "//", "\\", "~", "runs", "store",
    "manifest.json", "one", "C:", "con", "\u00fc", "%c3%28", "%f0%9f%92%a9", "'", '"', "<script>", ";",
    "{symbol}", "a" * 3000, "-1", "0", "9" * 40, "NaN", "1e9", "true", "null", "[]", "kraken",
    "BTC/EUR", "XBT/EUR",
)  # fmt: skip
NAMES = (
    "exchange", "symbol", "symbols", "depth", "limit", "from_ms", "interval", "window", "metric", "quality",
    "types", "path", "run", "",
)  # fmt: skip

opened: list[str] | None = None
"""What was opened while it is no longer None."""


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if opened is not None and event in (
        "open",
        "os.listdir",
        "os.scandir",
        "os.mkdir",
        "os.remove",
        "os.rename",
    ):
        opened.append(str(args[0]))


@pytest.fixture
def listening() -> Iterator[list[str]]:
    global opened
    if not getattr(sys, "_mm_hears", False):
        sys.addaudithook(_hear)
        sys._mm_hears = True  # type: ignore[attr-defined]  # a hook stays for good
    opened = []
    yield opened
    opened = None


def addresses(seed: int) -> Iterator[str]:
    """Known paths with parts put in, taken away and doubled, and queries of known and unknown names."""
    draw = random.Random(seed)
    for _ in range(ADDRESSES):
        path = draw.choice(PATHS)
        for _ in range(draw.randrange(3)):
            place = draw.randrange(len(path) + 1)
            path = path[:place] + draw.choice(PARTS) + path[place + draw.randrange(3) :]
        query = "&".join(
            f"{draw.choice(NAMES)}{draw.choice(('=', '', '=='))}{draw.choice(PARTS)}"
            for _ in range(draw.randrange(4))
        )
        whole = (f"/{path.lstrip('/')}" if draw.random() < 0.95 else path) + (f"?{query}" if query else "")
        yield "".join(letter for letter in whole if letter > " ") or "/"


def test_no_address_does_harm(tmp_path: Path, listening: list[str], caplog: pytest.LogCaptureFixture) -> None:
    run = recorded(tmp_path / "runs" / "one", seconds=3.0)
    statuses: dict[int, int] = {}
    serving = played(run, tmp_path)
    with caplog.at_level(logging.WARNING), running(serving) as address:
        with contextlib.closing(Asking(address)) as ask:
            while ask("/v1/status").json["sources"][0]["state"] != "ended":
                continue
            listening.clear()
            for path in addresses(7):
                try:
                    answer = ask(path)
                except (http.client.HTTPException, ConnectionError):  # not even HTTP: it hangs up
                    statuses[0] = statuses.get(0, 0) + 1
                    continue
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
                assert answer.status == 200 or 400 <= answer.status < 500, (path, answer)
                assert b"Traceback" not in answer.body, path
        touched = list(listening)
        assert serving.hub.view("kraken", "BTC/EUR") is not None
    assert statuses[200] > 50
    assert statuses[400] + statuses[404] > 500
    assert statuses.get(0, 0) < ADDRESSES // 2, "most of them were asked"
    allowed = (str(tmp_path), *map(str, _programs()))
    assert [one for one in touched if one.startswith("/") and not one.startswith(allowed)] == []
    assert not [record for record in caplog.records if record.exc_info]


def _programs() -> list[Path]:
    """Where code is read from."""
    found = [Path(place) for place in {*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix}]
    return [*found, Path(__file__).parents[2]]
