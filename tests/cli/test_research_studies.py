"""``mm research features`` and ``fair-value`` on a store: what they write, print and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy_store
from click.testing import CliRunner, Result

from mm_framework.cli import main

SMALL = (
    "--qa", "any", "--research-sample-ms", "1", "--research-horizon-ms", "2", "--research-latency-ms", "0",
    "--research-window-ms", "2", "--research-gap-ms", "4", "--research-folds", "2",
    "--research-resamples", "100", "--research-micro-bins", "2", "--research-micro-spreads", "1",
    "--research-micro-max-move-ticks", "1000",
)  # fmt: skip


def mm(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["research", *map(str, arguments)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    run = toy_store.toy_run(folder / "one", start_ns=toy_store.MIDNIGHT_NS + 10**9)
    toy_store.build_toy(folder / "store", run)
    return folder / "store"


def study(verb: str, store: Path, out: Path) -> dict[str, Any]:
    result = mm(verb, "toy:A/B", "--store", store, "--out", out, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_features_are_scored_and_compared(store: Path, tmp_path: Path) -> None:
    found = study("features", store, tmp_path)
    assert {"no_change", "majority", "last_move", "weighted", "spread", "imbalance", "ofi", "all"} <= {
        *found["scores"]
    }
    assert found["data"]["instrument"] == "toy:A/B"
    assert len(found["data"]["event_digest"]) == 64
    assert len(found["folds"]) == 2
    assert found["variants_tried"] == len(found["better"])
    assert found["settings"]["horizon_ms"] == 2


def test_fair_value_compares_weighted_mid_and_micro_price_with_the_mid(store: Path, tmp_path: Path) -> None:
    found = study("fair-value", store, tmp_path)
    assert ("weighted", "no_change", "r2") in {
        (one["one"], one["other"], one["score"]) for one in found["comparisons"]
    }
    assert set(found["better"]) | set(found["missing"]) >= {"weighted", "micro"}
    assert "ofi" not in found["scores"]


def test_a_result_is_three_files_and_the_same_ones_again(store: Path, tmp_path: Path) -> None:
    one = study("fair-value", store, tmp_path)
    before = {file: Path(file).read_bytes() for file in one["files"]}
    assert [Path(file).name for file in before] == ["research.json", "research.md", "research.html"]
    assert study("fair-value", store, tmp_path) == one
    assert {file: Path(file).read_bytes() for file in one["files"]} == before
    written = json.loads(Path(one["files"][0]).read_text(encoding="utf-8"))
    assert {**written, "ok": True, "files": one["files"]} == one
    assert len(list(tmp_path.iterdir())) == 1


def test_the_printed_page_begins_with_the_answer(store: Path, tmp_path: Path) -> None:
    text = mm("fair-value", "toy:A/B", "--store", store, "--out", tmp_path, *SMALL).stdout
    assert text.startswith("# Fair value: toy:A/B\n\n## Answer\n\n- weighted: ")
    assert text.rstrip().endswith("research.html")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("toy:X/Y", *SMALL), 2, "no instrument"),
        (("toy:A/B", "--qa", "any"), 2, "take more data"),
        (("toy:A/B", *SMALL, "--research-gap-ms", "1"), 2, "expected 4 or more"),
        (("toy:A/B", *SMALL, "--to", "2020-01-01"), 4, "no best price"),
        (("toy:A/B", *SMALL, "--run", "some"), 2, "exclude one another"),
    ],
)
def test_what_cannot_be_studied_is_one_line(
    store: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = mm("features", "--store", store, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == code, result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()
