"""``make compare-fills``: the same orders to both programs, and a difference is found.

``MM_HFTBACKTEST_PYTHON=PYTHON`` lets hftbacktest itself take part, in the environment of that Python.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PEER = os.environ.get("MM_HFTBACKTEST_PYTHON")
PART = 0.15


@pytest.mark.parametrize("name", ["kraken", "bitfinex", "binance"])
def test_orders_of_a_tape_are_filled_at_their_prices(name: str, tmp_path: Path) -> None:
    from run_fills import Grid, orders_for, ours
    from tapes import make_tape

    store = make_tape(name, tmp_path, PART)
    grid = Grid.of(store)
    orders = orders_for(store, grid)
    assert orders.tolist() == orders_for(store, grid).tolist()
    assert (np.diff(orders[:, 0]) >= 0).all()
    placed, cancelled = orders[orders[:, 4] == 0], orders[orders[:, 4] == 1]
    assert sorted(placed[:, 1].tolist()) == sorted(cancelled[:, 1].tolist())
    told = ours(store, orders, grid, 0)
    assert told.fills
    assert told.refused or name != "kraken"
    prices = dict(zip(placed[:, 1].tolist(), placed[:, 3].tolist(), strict=True))
    starts = dict(zip(placed[:, 1].tolist(), placed[:, 0].tolist(), strict=True))
    for order, at_ns, price, lots in told.fills:
        assert (price, lots) == (prices[order], 1)
        assert at_ns > starts[order]


def test_a_fill_that_only_one_has_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import run_fills

    kept: list[Any] = []

    def theirs(command: list[str], name: str) -> dict[str, Any]:
        return {"version": "0", "events": 1, "fills": kept, "refused": []}

    monkeypatch.setattr(run_fills, "environment", lambda folder, requirements: Path("python"))
    monkeypatch.setattr(run_fills, "told_by", theirs)
    monkeypatch.setattr(run_fills, "AWAY", (3,))
    saved = tmp_path / "fills.json"
    assert run_fills.main(["kraken", "--quick", "--json", str(saved)]) == run_fills.DIFFERENT
    (found,) = json.loads(saved.read_text())
    assert found["only_ours"]
    assert not found["equal"]
    kept += found["only_ours"]
    assert run_fills.main(["kraken", "--quick"]) == 0
    assert "| yes |" in capsys.readouterr().out
    kept[0] = [*kept[0][:3], 2]
    assert run_fills.main(["kraken", "--quick"]) == run_fills.DIFFERENT


def test_hftbacktest_has_the_same_fills(tmp_path: Path) -> None:
    if not PEER:
        pytest.skip("MM_HFTBACKTEST_PYTHON names no Python that has hftbacktest")
    from run_fills import compare
    from tapes import TAPES, make_tape

    for name in TAPES:
        store = make_tape(name, tmp_path, PART)
        found = compare(name, store, Path(PEER), tmp_path)
        assert found.ours == found.theirs
        assert len(found.ours.fills) > 5
