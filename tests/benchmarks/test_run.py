"""``make bench``: JSON lines for the machine and every figure in every mode, then a table of the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mm_framework.kernels import mode

NAMES = [
    *("decode", "book_checksum", "scan", "deltas", "feed_deep", "feed_book10", "feed_book25", "feed_mixed"),
    *("log_write", "log_walk", "seal", "seal_walk", "verify_book10", "verify_book25", "verify_mixed"),
    *("feed_binance", "verify_binance", "feed_bitfinex", "verify_bitfinex"),
    *("feed_bitfinex_seq", "verify_bitfinex_seq", "feed_polymarket", "verify_polymarket"),
    *("scan_polymarket", "replay"),
    *("feed_one_p50", "feed_one_p99", "live_p50", "live_p99", "telemetry"),
]


def test_every_figure_is_a_line_with_its_rounds(repository: Path, tmp_path: Path) -> None:
    saved, page = tmp_path / "figures.json", tmp_path / "figures.md"
    command = [sys.executable, str(repository / "benchmarks" / "run.py"), "--quick"]
    command += ["--json", str(saved), "--markdown", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    document, _, printed = done.stdout.partition("\n\n")
    about, *figures = map(json.loads, document.splitlines())
    assert about["bench"] == "machine"
    assert {"cpus", "processor", "python", "system", "commit", "changed"} <= about.keys()
    assert {"mm-framework", "numpy", "numba"} <= about["versions"].keys()
    modes = ["off", "on"] if mode.installed() else ["off"]
    assert about["kernels"] == modes
    assert [(figure["bench"], figure["kernels"]) for figure in figures] == [
        (name, kernels) for name in NAMES for kernels in modes
    ]
    for figure in figures:
        assert len(figure["rounds"]) == 2
        assert min(figure["rounds"]) <= figure["median"] <= max(figure["rounds"])
        assert figure["unit"] == "us" or figure["unit"].endswith("/s")
        assert len(figure.get("ratio", [])) == (2 if figure["kernels"] == "on" else 0)
    assert json.loads(saved.read_text()) == {"machine": about, "results": figures}
    assert page.read_text() == f"# Benchmarks\n\n{printed}"
    assert all(f"\n| {name} | " in printed for name in NAMES)


class _Worker:
    """Answers with its speed, and notes who was asked."""

    told: dict[str, Any] = {  # noqa: RUF012
        "workloads": [
            {"name": "scan", "unit": "records", "amount": 5, "what": "rows"},
            {"name": "live", "unit": "us", "amount": 5, "what": "times"},
        ]
    }

    def __init__(self, mode: str, speed: float, asked: list[tuple[str, str]]) -> None:
        self.mode, self._speed, self._asked = mode, speed, asked

    def measure(self, name: str) -> dict[str, float]:
        self._asked.append((self.mode, name))
        self._speed *= 2
        return {"scan": self._speed} if name == "scan" else {"live_p50": 1 / self._speed}


def _measured(rounds: int, asked: list[tuple[str, str]], modes: Sequence[str] = ("off", "on")) -> Any:
    from run import measure

    return measure([_Worker(mode, 10.0 ** (at + 1), asked) for at, mode in enumerate(modes)], rounds)


def test_the_modes_take_turns_at_every_figure() -> None:
    asked: list[tuple[str, str]] = []
    _measured(2, asked)
    assert asked == [
        *(("off", "scan"), ("on", "scan"), ("off", "live"), ("on", "live")),
        *(("on", "scan"), ("off", "scan"), ("on", "live"), ("off", "live")),
    ]


def test_every_mode_but_the_first_tells_its_ratio_to_it() -> None:
    from run import lines

    scan_off, scan_on, live_off, live_on = lines(_measured(2, []))
    assert scan_off["rounds"] == [20.0, 80.0]
    assert scan_on["ratio"] == live_on["ratio"] == [10.0, 10.0]
    assert "ratio" not in scan_off
    assert (live_off["unit"], live_off["rounds"]) == ("us", [0.025, 0.00625])


def test_the_table_has_a_row_a_figure_and_a_column_a_mode() -> None:
    from run import markdown

    text = markdown({"bench": "machine", "cpus": 2}, _measured(3, [], ("off", "on", "checked")))
    assert text.startswith("- cpus: 2\n\nMedians of 3 interleaved rounds;")
    assert (
        "| figure | unit | off | on | checked | on is faster than off | checked is faster than off |" in text
    )
    row = "| scan | records/s | 80.0 | 800 | 8 000 | 10.00x (10.00 to 10.00) | 100.00x (100.00 to 100.00) |"
    assert row in text
    assert "\n- `live`: times\n" in text
    assert "\n| scan | off | 20.0 | 80.0 | 320 |\n" in text
