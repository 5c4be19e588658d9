"""``mm research calibrate`` on a store: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

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
