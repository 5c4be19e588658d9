from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import main
from mm_framework.feed import core
from mm_framework.sync.trades import TradeSync

pytest.importorskip("mm_kraken")


def called(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments])


def document(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = called(*arguments, "--json")
    assert result.exit_code == code, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_one_seed_is_run_and_told() -> None:
    result = called("--venue", "kraken", "--seed", "4", "--seconds", "120", "--faults", "reset@10,kill@15")
    assert result.exit_code == 0, result.output
    assert "everything held" in result.stdout
    assert "fault reset" in result.stdout
    assert "kills" in result.stdout


def test_several_seeds_in_processes_give_the_same_as_in_one() -> None:
    arguments = ("--venue", "kraken", "--symbol", "BTC/EUR", "--symbol", "MINA/GBP", "--seconds", "115")
    arguments = (*arguments, "--seeds", "4")
    one = document(*arguments, "--processes", "1")
    two = document(*arguments, "--processes", "2")
    assert one == two
    assert [run["seed"] for run in one["runs"]] == [0, 1, 2, 3]
    assert [run["shards"] for run in one["runs"]] == [1, 2, 1, 2]
    assert one["ok"] is True
    assert one["violations"] == []


def test_several_venues_take_turns() -> None:
    told = document("--venue", "binance", "--venue", "kraken", "--seeds", "2", "--seconds", "105")
    assert [run["venue"] for run in told["runs"]] == ["binance", "kraken"]


def test_what_does_not_hold_is_told_with_a_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def holes(self: TradeSync, trade_id: int, *, snapshot: bool) -> list[tuple[int, int]]:
        self.s.last_id = trade_id
        return []

    monkeypatch.setattr(core, "active", lambda: False)
    monkeypatch.setattr(TradeSync, "_holes", holes)
    arguments = ("--venue", "kraken", "--symbol", "BTC/EUR", "--seconds", "150", "--rate", "20")
    told = document(*arguments, "--faults", "drop:0.05", code=1)
    assert told["ok"] is False
    (violation,) = told["violations"]
    assert violation["violation"]["rule"] == "FalseBook"
    assert violation["violation"]["record"] > 0
    assert violation["command"] == (
        "mm simulate --seed 0 --venue kraken --symbol BTC/EUR --seconds 150 --rate 20 --shards 1"
        " --faults drop:0.05"
    )
    result = called(*arguments, "--faults", "drop:0.05")
    assert result.exit_code == 1
    assert "VIOLATION (FalseBook) at " in result.stdout
    assert "again: mm simulate --seed 0 --venue kraken" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--faults", "dorp"), "did you mean 'drop'"),
        (("--venue", "krakn"), "did you mean 'kraken'"),
        (("--venue", "kraken", "--seconds", "70"), "100 s without faults"),
        (("--symbol", "BTC/EUR"), "--symbol needs the one --venue"),
    ],
)
def test_a_wrong_wish_is_one_line(arguments: tuple[str, ...], told: str) -> None:
    result = called(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
