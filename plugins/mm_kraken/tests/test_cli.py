"""The command line with the installed plugin: import, then verify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mm_framework.cli import main
from mm_framework.testing.recordings import Recorded, write_recorder


def import_and_verify(recording: Path, data: Path, *arguments: str) -> dict[str, object]:
    common = ["--data-dir", str(data), "--json"]
    imported = CliRunner().invoke(
        main, ["import", str(recording), "--venue", "kraken", "--out", "run", *arguments, *common]
    )
    assert imported.exit_code == 0, imported.output
    verified = CliRunner().invoke(main, ["verify", "run", *common])
    assert verified.exit_code == 0, verified.output
    document: dict[str, object] = json.loads(verified.stdout)
    return document


def test_an_emulated_recording_is_imported_and_verified(tmp_path: Path, emulated: list[Recorded]) -> None:
    recording = write_recorder(emulated, tmp_path / "recorded")
    document = import_and_verify(recording, tmp_path / "data", "--symbol", "xbt/eur")
    assert document["ok"] is True
    assert list(document["instruments"]) == ["kraken:BTC/EUR"]  # type: ignore[call-overload]  # a JSON object
    manifest = json.loads((tmp_path / "data" / "runs" / "run" / "manifest.json").read_text())
    assert "mm-kraken" in [plugin["distribution"] for plugin in manifest["plugins"]]


@pytest.mark.parametrize(
    ("name", "checksums"),
    [
        ("v2_book25_MINA-GBP_20260816.ndjson", 30),
        ("v2_book10_BTC-USD_20230730_asfound.json.gz", 510),
    ],
)
def test_a_recording_is_imported_and_verified(
    shared_data: Path, tmp_path: Path, name: str, checksums: int
) -> None:
    document = import_and_verify(shared_data / "kraken" / name, tmp_path / "data")
    assert document["checksums"] == {"verified": checksums, "failed": 0}
