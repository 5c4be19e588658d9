"""Backtests beside peers: all sides by turns on one tape, ratios of single rounds, in both commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SECONDS = {"ours": 0.5, "hftbacktest-roi": 2.0, "hftbacktest-hashmap": 4.0, "nautilus": 50.0}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked, in order; nothing is installed, and what they would get is looked at."""
    import backtest_peers as sides
    import run_backtest_peers

    found: list[str] = []

    def told(command: tuple[str, ...], name: str) -> dict[str, Any]:
        found.append(name)
        if name.startswith("hftbacktest"):
            with np.load(command[3]) as file:
                assert len(file["data"]) > 1000
            tick, lot, low, high = map(float, command[4:8])
            assert 0 < tick < low < high
            assert lot > 0
            assert command[-1] == name.partition("-")[2]
        if name == "nautilus":
            check_rows(np.load(command[3]), *map(int, command[4:7]))
        seconds = {"seconds": SECONDS[name], "cpu_seconds": 1.0, "engine": "compiled"}
        return {"version": f"{name} 1", "rows": 1000, "empty": seconds, "every": seconds}

    monkeypatch.setattr(sides, "environment", lambda folder, requirements: Path("python"))
    monkeypatch.setattr(sides, "told_by", told)
    for module in (sides, run_backtest_peers):
        monkeypatch.setattr(module, "QUICK_PART", 0.02)
    return found


def check_rows(rows: Any, price_decimals: int, size_decimals: int, lot: int) -> None:
    """Levels and prints of a day of BTC/USDT, in order, at no more decimals than they need."""
    ts_recv, ts_venue, _, kind, side, price, size, last = rows.T
    assert (price_decimals, size_decimals, lot) == (2, 5, 1)
    assert (np.diff(ts_recv) >= 0).all()
    assert (ts_venue <= ts_recv).all()
    assert set(kind.tolist()) == {0, 1, 2}
    assert set(side[kind < 2].tolist()) == {-1, 1}
    assert 1_000_000 < price[kind < 2].min() <= price[kind < 2].max() < 20_000_000
    assert size[kind == 1].min() > 0
    assert last[-1]


def test_all_sides_are_asked_in_turn_and_compared_round_by_round(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import run_backtest_peers as bench

    saved, page = tmp_path / "x.json", tmp_path / "x.md"
    command = ["--quick", "--rounds", "2", "--json", str(saved), "--markdown", str(page)]
    assert bench.main(command) == 0
    roi, hashmap = "hftbacktest-roi", "hftbacktest-hashmap"
    assert asked == ["ours", roi, hashmap, "nautilus", roi, hashmap, "nautilus", "ours"]
    assert (
        "| backtest, a market maker woken by every event | hftbacktest-roi | rows/s | 2 000 | 500 |"
        " 4.00x (4.00 to 4.00) | 1.00x (1.00 to 1.00) | 3x | 4x |\n"
    ) in page.read_text()
    assert "- nautilus: nautilus 1\n" in page.read_text()
    assert len(json.loads(saved.read_text())["rounds"]["ours"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    beside = {(one["peer"], one["work"]): one["ratio"] for one in lines if one["bench"] == "beside"}
    assert beside == {
        (peer, f"backtest, {work}"): ratio
        for peer, ratio in ((roi, 4.0), (hashmap, 8.0), ("nautilus", 100))
        for work in ("nobody woken", "a market maker woken by every event")
    }


def test_bench_peers_has_backtests_in_its_first_table(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from run_peers import main

    assert main(["--quick", "--rounds", "1", "nautilus"]) == 0
    assert asked == ["ours", "nautilus"]
    table = capsys.readouterr().out.partition("\n\n")[2]
    assert table.index("| backtest, nobody woken | nautilus | rows/s | 2 000 | 20") < table.index(
        "## backtests"
    )


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import backtest_peers as sides
    import run_backtest_peers as bench
    from peer_environments import Unavailable

    def missing(folder: Path, requirements: Path) -> Path:
        raise Unavailable("hftbacktest could not be installed: no network")

    monkeypatch.setattr(sides, "environment", missing)
    assert bench.main(["--quick"]) == bench.UNAVAILABLE
    assert "could not be installed" in capsys.readouterr().err


def test_every_side_has_a_script_and_exact_versions(repository: Path) -> None:
    from backtest_peers import PEERS

    for peer in PEERS:
        script = repository / "benchmarks" / "peers" / f"{peer.partition('-')[0]}_speed.py"
        compile(script.read_text(encoding="utf-8"), str(script), "exec")
        assert "==" in script.with_name(f"{peer.partition('-')[0]}.txt").read_text(encoding="utf-8")
