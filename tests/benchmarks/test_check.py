"""``make bench-check``: a ratio that fell, and stays down when it is measured once more, is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Rates = dict[str, list[tuple[float, float]]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], Rates], int]:
    """Run the check with these rates, one pair a round."""

    def run(arguments: list[str], rates: Rates) -> int:
        import check

        left = {name: iter(pairs) for name, pairs in rates.items()}

        @contextlib.contextmanager
        def measures(peers: bool) -> Iterator[list[check.Measure]]:
            yield [lambda: {name: next(pairs) for name, pairs in left.items()}]

        monkeypatch.setattr(check, "all_measures", measures)
        return check.main(arguments)

    return run


@pytest.fixture
def stored(check: Callable[[list[str], Rates], int], tmp_path: Path) -> Path:
    """Two ratios of this machine: 10 and 0.5."""
    path = tmp_path / "ratios.json"
    rates = {"scan": [(90.0, 10.0), (100.0, 9.0)], "play": [(5.0, 10.0), (4.0, 8.0)]}
    assert check(["--store", "--rounds", "2", "--ratios", str(path)], rates) == 0
    return path


def test_the_best_rounds_of_both_are_compared(stored: Path) -> None:
    assert json.loads(stored.read_text())["ratios"] == {"scan": 10.0, "play": 0.5}


def test_ratios_within_the_tolerance_are_good(
    check: Callable[[list[str], Rates], int], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = {"scan": [(81.0, 10.0)], "play": [(9.0, 10.0)], "new": [(1.0, 2.0)]}
    assert check(["--rounds", "1", "--ratios", str(stored)], rates) == 0
    out = capsys.readouterr().out
    assert "none of 3 ratios fell by more than 20%" in out
    assert "| new | - | 0.5 |" in out


def test_what_stays_down_is_told_with_exit_code_1(
    check: Callable[[list[str], Rates], int], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = {"scan": [(70.0, 10.0), (75.0, 10.0)], "play": [(5.0, 10.0), (5.0, 10.0)]}
    assert check(["--rounds", "1", "--ratios", str(stored)], rates) == 1
    out = capsys.readouterr().out
    assert "slower: scan: 7.5, was 10.0: 25% less\n" in out
    assert "slower: play" not in out
    lines = [json.loads(line) for line in out.splitlines() if '"check"' in line]
    assert {(one["name"], one["rounds"], one["fell"]) for one in lines} == {
        ("scan", 2, True),
        ("play", 2, False),
    }


def test_what_was_slow_by_chance_is_not_told(
    check: Callable[[list[str], Rates], int], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = {"scan": [(70.0, 10.0), (99.0, 10.0)]}
    assert check(["--rounds", "1", "--ratios", str(stored)], rates) == 0
    out = capsys.readouterr().out
    assert "slower" not in out
    assert "not measured: play\n" in out


def test_ratios_of_another_machine_are_compared_and_it_is_told(
    check: Callable[[list[str], Rates], int], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(stored.read_text())
    document["machine"]["processor"] = "Abacus"
    stored.write_text(json.dumps(document))
    assert check(["--rounds", "1", "--ratios", str(stored)], {"scan": [(100.0, 10.0)]}) == 0
    assert "stored on another machine (Abacus, here " in capsys.readouterr().out


def test_nothing_stored_is_a_usage_error(
    check: Callable[[list[str], Rates], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(["--ratios", str(tmp_path / "none.json")], {}) == 2
    assert "store ratios with --store" in capsys.readouterr().err


def test_the_loop_and_a_round_of_frames_have_rates() -> None:
    from check import CHECKED, LOOP, loop_rate, of_frames

    class Fake:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        def measure(self, name: str) -> dict[str, float]:
            return {name: self.rate}

    assert loop_rate(0.001) > 0
    first, *_, last = [measure() for measure in of_frames({"off": Fake(2.0), "on": Fake(8.0)})]  # type: ignore[dict-item]
    assert first[f"{CHECKED[0]}: on beside off"] == (8.0, 2.0)
    assert last[f"{CHECKED[-1]}: off beside {LOOP}"][0] == 2.0
