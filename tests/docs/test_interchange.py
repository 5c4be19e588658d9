"""The how-to page about other tools is executed as it stands, on files in the true forms."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from data_sets import BOOK_HEADER, TRADE_HEADER, archive, book_lines, gz, trade_lines

from mm_framework.cli import main

pytest.importorskip("mm_binance")

DAY_US = 1_793_491_200_000_000
"""2026-11-01, midnight."""
PAGE = "docs/how-to/interchange.md"
FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(repository: Path) -> list[list[str]]:
    """What the page types, without ``mm``."""
    text = (repository / PAGE).read_text(encoding="utf-8")
    lines = [line for body in FENCE.findall(text) for line in re.sub(r"\\\n\s*", " ", body).splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ mm ")]


def files(folder: Path) -> None:
    """What the page imports."""
    binance = {"symbol": "BTCUSDT", "exchange": "binance", "start_us": DAY_US + 1000}
    name = "2026-11-01_BTCUSDT.csv.gz"
    gz(folder / f"binance_incremental_book_L2_{name}", BOOK_HEADER, book_lines(60, **binance))
    gz(folder / f"binance_trades_{name}", TRADE_HEADER, trade_lines(60, **binance))
    lines = [f"{n},3500.10,0.5,{n},{n},{DAY_US + n * 900},{bool(n % 2)},True" for n in range(50)]
    archive(folder, "ETHUSDT-aggTrades-2026-11-01", lines)
    candle = f"{DAY_US},3500,3501.5,3499,3500.1,12,{DAY_US + 59_999_999},42000,9,6,21000,0"
    archive(folder, "ETHUSDT-1m-2026-11-01", [candle])


def test_the_page_does_what_it_says(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = commands(repository)
    assert len(shown) >= 8
    for arguments in shown:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, f"mm {shlex.join(arguments)}: {result.stderr}"
    made = {path.name for path in tmp_path.iterdir()}
    assert made >= {"btcusdt.npz", "day.npz", "tardis"}
    candles = "candles/binance/ETHUSDT/20261101/history/candles_1m_ETHUSDT_20261101.csv.gz"
    assert (tmp_path / candles).is_file()
    assert sorted(path.name for path in (tmp_path / "tardis").iterdir()) == [
        "binance_incremental_book_L2_2026-11-01_BTCUSDT.csv.gz",
        "binance_trades_2026-11-01_BTCUSDT.csv.gz",
    ]
