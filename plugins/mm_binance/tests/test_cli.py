"""The command line with the installed plugin: import, then verify."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from mm_framework.cli import main


def test_a_recording_is_imported_and_verified(recordings: Path, tmp_path: Path) -> None:
    recording = recordings / "usdm_SUSHIUSDT_AKROUSDT_20210722.ndjson.gz"
    common = ["--data-dir", str(tmp_path / "data"), "--json"]
    wanted = ["--venue", "binance-usdm", "--symbol", "sushiusdt", "--out", "run"]
    imported = CliRunner().invoke(main, ["import", str(recording), *wanted, *common])
    assert imported.exit_code == 0, imported.output
    verified = CliRunner().invoke(main, ["verify", "run", *common])
    assert verified.exit_code == 0, verified.output
    document = json.loads(verified.stdout)
    assert list(document["instruments"]) == ["binance-usdm:SUSHI/USDT:PERP"]
    assert document["sequence"] == {"applied": 252, "dropped": 3, "breaks": 0}
    manifest = json.loads((tmp_path / "data" / "runs" / "run" / "manifest.json").read_text())
    assert "mm-binance" in [plugin["distribution"] for plugin in manifest["plugins"]]


def test_every_market_is_listed_with_its_proofs() -> None:
    listed = CliRunner().invoke(main, ["venues", "--json"])
    assert listed.exit_code == 0, listed.output
    for venue in ("binance", "binance-usdm", "binance-coinm", "binance-us", "binance-tr"):
        assert f'"{venue}"' in listed.stdout
