"""``mm research paper-market``: its table, its document, its picture, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import main
from mm_framework.research import paper_market


def mm(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["research", "paper-market", *map(str, arguments)])


def document(*arguments: str | Path) -> dict[str, Any]:
    result = mm(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_market_of_the_paper_is_the_default() -> None:
    found = document("--model", "avellaneda-stoikov", "--paths", "2000", "--seed", "1")
    assert found["model"] == "avellaneda-stoikov"
    assert [(row["gamma"], row["policy"]) for row in found["rows"]] == [
        (gamma, policy) for gamma in (0.1, 0.01, 0.5) for policy in ("inventory", "symmetric")
    ]
    first = found["rows"][0]["profit_mean"]
    assert first["exact"] == pytest.approx(64.8925, abs=1e-3)
    assert abs(first["simulated"] - first["exact"]) < 4.5 * first["error"]
    assert found["market"] == {
        "sigma": 2.0, "k": 1.5, "a": 140.0, "horizon_s": 1.0, "dt_s": 0.005, "price": 100.0,
    }  # fmt: skip


def test_the_same_seed_prints_the_same() -> None:
    told = [mm("--gamma", "0.2", "--paths", "500", "--json").stdout for _ in range(2)]
    assert told[0] == told[1]


def test_the_table_names_the_exact_value_below_each_simulated_one() -> None:
    lines = mm("--gamma", "0.1", "--paths", "500").stdout.splitlines()
    assert len(lines) == 5
    assert "simulated" in lines[1]
    assert "64.893" in lines[2]


def test_a_simulation_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the fills are left out of the paths: the exact moments disagree, exit 1."""
    right = paper_market._step

    def wrong(market: Any, policy: Any, step: int, wealth: Any, held: Any, draw: Any) -> Any:
        return right(market, policy, step, wealth, held, draw) if step % 2 else 0.0 * wealth

    monkeypatch.setattr(paper_market, "_step", wrong)
    result = mm("--gamma", "0.1", "--paths", "500", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False


def test_a_picture_is_drawn_and_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.png", "b.png"):
        assert document("--gamma", "0.1", "--paths", "300", "--picture", tmp_path / name)["picture"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dt-s", "0.3"), "no whole number of steps"),
        (("--picture", "x.svg"), "must end with .png"),
        (("--k", "0"), "--k"),
        (("--paths", "1"), "--paths"),
        (("--sigma", "nan"), "finite"),
    ],
)
def test_what_means_nothing_is_one_line_and_exit_2(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(main, ["research", "paper-market", *arguments])
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output
