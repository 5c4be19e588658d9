"""A live run with resting orders, replayed, and backtested from its own bundle: the same fills and money."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kraken_virtual import VirtualKraken

from mm_framework.bundle.run import open_run
from mm_framework.cli import main
from mm_framework.replay.source import replay
from mm_framework.testing.strategies import Recorder
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.matching import Execution
from mm_framework.trading.models import Latencies
from mm_framework.trading.queued import QueuedPipeline
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import toy_spread

pytestmark = pytest.mark.timeout(300)


def quoting(latency_ms: int, observer: Recorder) -> QueuedPipeline:
    """`mm run --execution queue --strategy toy_spread`."""
    way = Constant(latency_ms * 1_000_000)
    return QueuedPipeline(
        {"toy_spread": toy_spread(ToySpreadSettings(min_spread="0.01", size="0.01"))},
        FlatFee(FlatFeeSettings()),
        rules=Execution(slippage_bps=10),
        latencies=Latencies(way, way),
        observer=observer,
    )


def backtested(tmp_path: Path, latency_ms: int) -> dict[str, Any]:
    words = [
        "backtest", "--data-dir", str(tmp_path), "--run", str(tmp_path / "run"), "--strategy", "toy_spread",
        "--set", "toy_spread.min_spread=0.01", "--set", "toy_spread.size=0.01", "--qa", "any",
        "--order-latency-entry-ms", str(latency_ms), "--order-latency-response-ms", str(latency_ms),
        "--backtest-longest-feed-s", "0", "--json",
    ]  # fmt: skip
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("latency_ms", [0, 4])
def test_live_replay_and_backtest_are_one_run(tmp_path: Path, latency_ms: int) -> None:
    live, again = Recorder(), Recorder()
    paper = quoting(latency_ms, live)
    run = VirtualKraken(21, faults="", seconds=60, rate=20.0, record=tmp_path / "run", listeners=[paper])
    run.run()
    replayed = quoting(latency_ms, again)
    replay(open_run(tmp_path / "run"), run.kits, replayed)
    found = backtested(tmp_path, latency_ms)

    assert sum(one.fill.maker for one in live.fills) > 10
    assert live.fills == again.fills
    assert live.reports == again.reports
    hashes = {paper.intents.hexdigest(), replayed.intents.hexdigest(), found["hashes"]["intents"]}
    assert len(hashes) == 1
    assert found["summary"]["fills"] == len(live.fills)
    accounts = {account.instrument: account for account in paper.ledger.results() if account.fills}
    told = {account["instrument"]: account for account in found["summary"]["accounts"]}
    assert told.keys() == accounts.keys()
    for name, account in accounts.items():
        for amount in ("cash", "fees", "spread", "adverse", "inventory", "total"):
            exact = Fraction(getattr(account.money, amount), 10**account.money.scale)
            assert Fraction(told[name]["pnl"][amount]) == exact, (name, amount)
