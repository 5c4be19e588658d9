"""Prometheus reads what the server, its instruments and the captures count; health and readiness."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from asking import Asking
from kraken_virtual import VirtualKraken
from prometheus_client.parser import text_string_to_metric_families
from serving import played, recorded, running

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import Manifest
from mm_framework.calibrate.families import Family, Row
from mm_framework.serve.attached import METRICS, RUNNING, Attached, MetricsNow
from mm_framework.serve.captures import Captures
from mm_framework.serve.hub import Hub
from mm_framework.serve.serving import Serving

pytestmark = pytest.mark.timeout(300)


@contextlib.contextmanager
def going_on(folder: Path, run_id: str = "one") -> Iterator[Path]:
    """A recorded run as it is while it is being written: no end in its log, its lock held."""
    path = folder / "runs" / run_id
    VirtualKraken(1, 10.0, "", record=path).run()
    attrs.evolve(Manifest.read(path), state="running").write(path)
    lock = FolderLock(path)
    try:
        yield path
    finally:
        lock.release()


def samples(text: bytes) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def tell_metrics(folder: Path, run_id: str, families: list[Family], ts_ms: int) -> None:
    """As a live run of strategies does."""
    now = MetricsNow(run_id, ts_ms, families)
    (folder / RUNNING).mkdir(exist_ok=True)
    (folder / RUNNING / f"{run_id}{METRICS}").write_bytes(msgspec.json.encode(now))


def test_prometheus_reads_what_is_counted(tmp_path: Path) -> None:
    run = recorded(tmp_path / "elsewhere" / "first", seconds=10.0)
    with going_on(tmp_path):
        serving = attrs.evolve(played(run, tmp_path), metrics=Attached(tmp_path, lambda: 5_000).metrics)
        for name, score in (("a", 0.5), ("b", 0.25)):
            tell_metrics(
                tmp_path, name, [Family("mm_symbol_score", "x", [Row(score, {"symbol": "X"})])], 5_000
            )
        with running(serving) as address, contextlib.closing(Asking(address)) as ask:
            while ask("/readyz").status != 200 or ask("/v1/status").json["sources"][0]["state"] != "ended":
                continue
            assert ask("/v1/none").status == 404
            assert ask("/snapshot").status == 400
            answer = ask("/metrics/prometheus")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.body)
    market = serving.hub.view("kraken", "BTC/EUR")
    assert market is not None
    names = {"exchange": "kraken", "symbol": "BTC/EUR"}
    assert (names, market.messages) in found["mm_serve_book_messages_total"]
    assert (names, market.traded) in found["mm_serve_trades_total"]
    assert ({"reason": "parameter"}, 1.0) in found["mm_serve_refused_total"]
    assert found["mm_serve_requests_total"][0][1] > 4
    scores = [({"run": "a", "symbol": "X"}, 0.5), ({"run": "b", "symbol": "X"}, 0.25)]
    assert found["mm_symbol_score"] == scores
    assert ({"run": "one", "gate": "drops"}, 1.0) in found["mm_capture_gate_ok"]
    assert found["mm_capture_frames_per_s"][0][1] > 0
    assert found["mm_capture_reconnects_total"] == [({"run": "one", "planned": "no"}, 0.0)]


def test_a_server_without_sources_is_ready_and_one_that_waits_is_not(tmp_path: Path) -> None:
    class Waiting:
        async def run(self) -> None:
            pass

        def to_json(self) -> dict[str, Any]:
            return {"kind": "follow", "state": "waiting", "run": "secret"}

    for sources, status in (((), 200), ((Waiting(),), 503)):
        serving = Serving(Hub(), tmp_path, str(tmp_path / "store"), sources)
        with running(serving, ["exposition"]) as address, contextlib.closing(Asking(address)) as ask:
            answer = ask("/readyz")
            assert (answer.status, answer.json["ok"]) == (status, status == 200)
            assert b"secret" not in answer.body, "it needs no token, so it says little"
            assert ask("/healthz").json == {"ok": True}


def test_a_capture_is_followed_while_it_is_written(tmp_path: Path) -> None:
    """What is appended to its run log changes its gates; a torn line waits for its end."""
    captures = Captures(tmp_path)
    assert (captures.runs(), captures.now()) == ([], [])
    with going_on(tmp_path) as path:
        (now,) = captures.now()
        gates = {gate.name: gate.status for gate in now.gates}
        assert (now.run_id, now.reconnects, gates["reconnects"]) == ("one", 0, "PASS")
        assert now.elapsed_s is not None
        lost = {"event": "lost", "shard": 0, "connection": 0, "reason": "RESET", "planned": False}
        line = json.dumps({**lost, "mono_ns": 1, "wall_ns": 1}).encode()
        with (path / "runlog.ndjson").open("ab") as log:
            log.write(line[:10])
            log.flush()
            assert captures.now()[0].reconnects == 0
            log.write(line[10:] + b"\nno json\n[1]\n")
        (now,) = captures.now()
        assert {gate.name: gate.status for gate in now.gates}["reconnects"] == "FAIL"
        assert [one.running for one in captures.runs()] == [True]
    assert captures.now() == []
    assert [(one.run_id, one.running) for one in captures.runs()] == [("one", False)]
    (path / "manifest.json").write_text("{")
    assert captures.runs() == [], "a bundle that cannot be read is left out"


def test_metrics_of_runs_are_told_once_a_name_and_old_ones_not_at_all(tmp_path: Path) -> None:
    count = Family("mm_symbol_fills_total", "fills", [Row(3.0, {"symbol": "X"}), Row(None)], "counter")
    tell_metrics(tmp_path, "b", [count], ts_ms=5_000)
    tell_metrics(tmp_path, "a", [count, Family("mm_md_cache_size", "symbols", [Row(1.0)])], ts_ms=9_000)
    (tmp_path / RUNNING / f"torn{METRICS}").write_text('{"run_id": "torn", "ts')
    now_ms = 12_000
    attached = Attached(tmp_path, lambda: now_ms)
    fills, size = attached.metrics()
    assert (fills.name, fills.help, fills.kind) == ("mm_symbol_fills_total", "fills", "counter")
    assert [(row.value, dict(row.labels)) for row in fills.rows] == [
        *((3.0, {"symbol": "X", "run": "a"}), (None, {"run": "a"})),
        *((3.0, {"symbol": "X", "run": "b"}), (None, {"run": "b"})),
    ]
    assert size.rows == [Row(1.0, {"run": "a"})]
    now_ms = 15_001
    assert [row.labels["run"] for family in attached.metrics() for row in family.rows] == ["a"] * 3
    assert attached.now() is None, "metrics are no status"
