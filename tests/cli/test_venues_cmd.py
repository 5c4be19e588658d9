"""``mm venues``: channels with what they prove; an adapter that cannot be built hides no other."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.contracts.adapter import Channel, Proof
from mm_framework.contracts.spec import AdapterSpec, EmulatorSpec, FeeModelSpec
from mm_framework.plugins import Candidate, LoadedPlugin, PluginFailure, Plugins, Skipped

CHANNELS = (
    Channel("book", "book", Proof("checksum", 10), (10, 25)),
    Channel("ticker", "ticker", Proof("none")),
)
GOOD = AdapterSpec(
    "good",
    lambda settings: SimpleNamespace(url="ws://x", channels=CHANNELS),
    capabilities=frozenset({"b", "a"}),
    description="Good venue",
)
PARTS = (EmulatorSpec("good", dict), FeeModelSpec("good", dict), FeeModelSpec("other", dict))
BAD = AdapterSpec("bad", lambda settings: 1 / 0, description="Bad venue")
FAILURE = PluginFailure("mm-lost", "1.0", "lost", "import", "OSError: x", "update it")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = LoadedPlugin(Candidate("mm-test", "1.0", "test", "m"), 1.0, (GOOD, BAD, *PARTS))
    monkeypatch.setattr(App, "plugins", Plugins((loaded,), (FAILURE,)))


def test_channels_are_listed_with_their_proofs() -> None:
    result = CliRunner().invoke(main, ["venues", "--json"])
    assert result.exit_code == 0
    bad, good = json.loads(result.stdout)["venues"]
    assert good["capabilities"] == ["a", "b"]
    assert (good["parts"], bad["parts"]) == (["fee_models", "emulators"], [])
    assert good["channels"] == [
        {"name": "book", "carries": "book", "proof": "checksum(10)", "proved": True, "depths": [10, 25]},
        {"name": "ticker", "carries": "ticker", "proof": "none", "proved": False, "depths": []},
    ]
    assert (bad["error"], bad["channels"]) == ("ZeroDivisionError: division by zero", [])
    assert "plugin mm-lost failed" in result.stderr


def test_the_text_says_what_is_unproved() -> None:
    lines = CliRunner().invoke(main, ["venues"]).stdout.splitlines()
    assert lines[1].split() == ["bad", "Bad", "venue", "ZeroDivisionError:", "division", "by", "zero"]
    assert lines[2].split() == ["good", "Good", "venue", "book", "book", "checksum(10)", "10,", "25"]
    assert lines[3].split() == ["ticker", "ticker", "unproved"]


def test_no_venues_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", Plugins(()))
    assert CliRunner().invoke(main, ["venues"]).stdout.startswith("no venues are installed")


def test_venues_that_failed_or_were_left_out_are_no_reason_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = PluginFailure("mm-toy", "0.1.0", "toy", "import", "ValueError: boom", "update it")
    for plugins in (Plugins((), (failed,)), Plugins((), (), (Skipped("mm-toy", "0.1.0", "toy", "blocked"),))):
        monkeypatch.setattr(App, "plugins", plugins)
        told = CliRunner().invoke(main, ["venues"]).stdout
        assert told.strip() == "no venues can be used: see mm plugins doctor"
