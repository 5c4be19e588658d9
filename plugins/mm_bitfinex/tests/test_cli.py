"""The command line with the installed plugin: import, then verify."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from mm_framework.cli import main


def test_a_recording_is_imported_and_verified(shared_data: Path, tmp_path: Path) -> None:
    recording = shared_data / "bitfinex" / "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"
    common = ["--data-dir", str(tmp_path), "--json"]
    imported = CliRunner().invoke(
        main, ["import", str(recording), "--venue", "bitfinex", "--out", "run", *common]
    )
    assert imported.exit_code == 0, imported.output
    verified = CliRunner().invoke(main, ["verify", "run", *common])
    assert verified.exit_code == 0, verified.output
    document = json.loads(verified.stdout)
    assert document["sequence"] == {"applied": 1670, "dropped": 0, "breaks": 0}
    assert len(document["instruments"]) == 7
    manifest = json.loads((tmp_path / "runs" / "run" / "manifest.json").read_text())
    assert "mm-bitfinex" in [plugin["distribution"] for plugin in manifest["plugins"]]
