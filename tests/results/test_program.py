"""``mm.backtest``: from Python, with names or objects, the same as the command."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from l1_store import STEP_NS, T0_NS, l1_store
from toy_plugins import TraderSettings, toy_plugins, trader

import mm_framework as mm
from mm_framework import api
from mm_framework.errors import ConfigError
from mm_framework.results.bundle import read_result

SETTINGS: dict[str, dict[str, Any]] = {"trading": {"slippage_bps": 0}}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)
    return l1_store(tmp_path)


def test_a_strategy_by_name_on_a_selection(store: Path) -> None:
    data = mm.open_store(store).events(["kraken:*"], policy="any")
    settings = {**SETTINGS, "trader": {"size": "0.5"}}
    result = mm.backtest("trader", data, settings, fee_model="free")
    assert result.ok
    assert result.summary["by_quote"]["EUR"]["pnl"]["total"] == "2.5"
    assert result.fills["price"].to_pylist()[0] == 90001
    assert result.equity["equity"].to_pylist()[-1] == Decimal("2.5")
    assert result.document["configuration"]["strategies"] == {"trader": {"size": "0.5", "side": "both"}}
    assert result.document["versions"]["toy"] == "1"


def test_a_strategy_as_an_object_gives_the_same(store: Path) -> None:
    data = mm.open_store(store).events(policy="any")
    mine = trader(TraderSettings(size="0.5"))
    result = mm.backtest({"trader": mine}, data, SETTINGS, fee_model="free")
    named = mm.backtest("trader", data, {**SETTINGS, "trader": {"size": "0.5"}}, fee_model="free")
    assert result.document["hashes"] == named.document["hashes"]
    assert result.document["configuration"]["strategies"] == {"trader": None}
    assert mm.backtest(mine, data, SETTINGS).document["configuration"]["strategies"] == {"strategy": None}


def test_a_range_of_a_selection_is_played_and_recorded(store: Path) -> None:
    data = mm.open_store(store).events(from_ns=T0_NS + 4 * STEP_NS, policy="any")
    result = mm.backtest("trader", data, SETTINGS)
    assert result.document["data"]["from"] == "2025-10-09T08:53:20.400000000Z"
    assert result.orders["sent_ns"].to_pylist()[0] == T0_NS + 4 * STEP_NS


def test_a_result_is_kept_and_read_again(store: Path, tmp_path: Path) -> None:
    data = mm.open_store(store).events(policy="any")
    kept = mm.backtest("trader", data, SETTINGS).write(tmp_path / "kept")
    again = read_result(tmp_path / "kept")
    assert again.document == kept.document
    for name in ("fills", "orders", "reports", "equity", "tops"):
        assert getattr(again, name).equals(getattr(kept, name))


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"trader": {"sise": 1}}, "did you mean 'size'"), ({"tradr": {}}, "did you mean 'trader'")],
)
def test_settings_that_are_not_there_are_told(store: Path, settings: dict[str, Any], told: str) -> None:
    data = mm.open_store(store).events(policy="any")
    with pytest.raises(ConfigError, match=told):
        mm.backtest("trader", data, settings)
