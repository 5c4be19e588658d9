"""``mm research calibrate`` on a store: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy_store
from click.testing import CliRunner, Result

from mm_framework.cli import main

SMALL = (
    "--qa", "any", "--research-calibrate-sigma-s", "0.01", "--research-calibrate-block-s", "0.01",
    "--research-calibrate-resamples", "100", "--research-calibrate-window-s", "0.05",
    "--research-calibrate-every-s", "0.05", "--research-calibrate-min-ticks", "0",
)  # fmt: skip


def calibrate(store: Path, *arguments: str | Path) -> Result:
    words = ("research", "calibrate", "toy:A/B", "--store", store, *arguments)
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    run = toy_store.toy_run(folder / "one", start_ns=toy_store.MIDNIGHT_NS + 10**9)
    toy_store.build_toy(folder / "store", run)
    return folder / "store"


def test_a_store_gives_a_document_and_the_same_one_again(store: Path, tmp_path: Path) -> None:
    told = [calibrate(store, "--out", tmp_path, *SMALL, "--json") for _ in range(2)]
    assert told[0].stdout == told[1].stdout
    found = json.loads(told[0].stdout)
    assert found["ok"] is (None not in found["strategy_settings"].values())
    assert told[0].exit_code == (0 if found["ok"] else 1)
    assert found["bursts"]["used"] > 0
    assert found["windows"]
    assert [Path(file).name for file in found["files"]] == [
        "research.json", "research.md", "research.html",
    ]  # fmt: skip


def test_too_few_trades_are_exit_1(store: Path, tmp_path: Path) -> None:
    result = calibrate(store, "--out", tmp_path, *SMALL, "--research-calibrate-min-ticks", "1000000000")
    assert result.exit_code == 1
    assert "k_per_tick = -" in result.stdout


def test_quotes_of_a_backtest_are_told_beside_it(store: Path, tmp_path: Path) -> None:
    cells = [{"from_ticks": 1.0, "to_ticks": 2.0, "quotes": 7, "filled": 3, "exposed_s": 2.5}]
    account = {"strategy": "one", "instrument": "toy:A/B", "by_distance": cells}
    rate = {"a_per_s": 1.5, "k_per_tick": 0.75}
    document: dict[str, Any] = {
        "format": 1,
        "hashes": {"intents": "ab" * 32},
        "summary": {"accounts": [{**account, "own_rate": rate}, {**account, "instrument": "toy:C/D"}]},
    }
    (tmp_path / "played").mkdir()
    file = tmp_path / "played" / "result.json"
    words = ("--out", tmp_path, *SMALL, "--result", tmp_path / "played")
    file.write_text(json.dumps(document))
    broken = calibrate(store, *words)
    assert broken.exit_code == 4
    assert "run the backtest again" in broken.output
    document["summary"]["accounts"][1]["own_rate"] = None
    file.write_text(json.dumps(document))
    told = json.loads(calibrate(store, *words, "--json").stdout)
    (own,) = told["own_quotes"]["strategies"]
    assert (own["strategy"], own["own_rate"], own["by_distance"]) == ("one", rate, cells)
    assert told["own_quotes"]["intents"] == "ab" * 32
    page = Path(told["files"][1]).read_text(encoding="utf-8")
    assert "| one | 0.7500 | 1.5000 | 7 | 3 |" in page
    del document["summary"]["accounts"][0]
    file.write_text(json.dumps(document))
    refused = calibrate(store, *words)
    assert refused.exit_code == 2
    assert "had no order in toy:A/B, but in toy:C/D" in refused.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--research-calibrate-max-ticks", "0.6"), "leaves no two cells"),
        (("--research-calibrate-cell-ticks", "0"), "cell_ticks"),
        (("--tick", "x"), "tick"),
    ],
)
def test_what_means_nothing_is_one_line_and_exit_2(
    store: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = calibrate(store, "--out", tmp_path / "out", *SMALL[:2], *arguments)
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()
