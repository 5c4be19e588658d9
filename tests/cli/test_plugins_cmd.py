"""``mm plugins``: listing, showing and checking, without a plugin installed for the test."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import mm_framework.cli.plugins_cmd as plugins_cmd
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.contracts.spec import StrategySpec
from mm_framework.plugins import Candidate, LoadedPlugin, PluginFailure, Plugins, Selection, Skipped
from mm_framework.trading.fees import FlatFeeSettings

SPEC = StrategySpec("one", dict, FlatFeeSettings, frozenset({"b", "a"}), "The one strategy")
ONE = LoadedPlugin(Candidate("mm-one", "1.0", "one", "mm_one"), 1.26, (SPEC,))
BAD = PluginFailure("mm-bad", "2.0", "bad", "import", "OSError: x", "update it", "Traceback: here")
OFF = Skipped("mm-off", "3.0", "off", "blocked by [plugins] block")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(settings: object, selection: Selection) -> Plugins:
        loaded = (ONE,) if ONE.plugin in selection.ready else ()
        return Plugins(loaded, selection.failures, selection.skipped)

    selection = Selection((ONE.plugin,), (OFF,), (BAD,))
    monkeypatch.setattr(plugins_cmd, "select", lambda settings: selection)
    monkeypatch.setattr(plugins_cmd, "load_plugins", load)
    monkeypatch.setattr(App, "plugins", Plugins((ONE,), (BAD,), (OFF,)))


def mm(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(main, ["plugins", *arguments])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_the_list_tells_the_state_of_each() -> None:
    assert mm("list").splitlines() == [
        "distribution  version  plugin  state    import",
        "mm-bad        2.0      bad     failed           OSError: x",
        "mm-off        3.0      off     skipped          blocked by [plugins] block",
        "mm-one        1.0      one     ready",
    ]
    rows = json.loads(mm("list", "--json"))["plugins"]
    assert rows[2] == {
        "distribution": "mm-one",
        "version": "1.0",
        "entry_point": "one",
        "state": "ready",
        "note": None,
    }


def test_the_list_with_import_tells_time_and_names() -> None:
    row = json.loads(mm("list", "--check", "--json"))["plugins"][2]
    assert (row["state"], row["import_ms"], row["registers"]) == ("loaded", 1.3, ["strategies.one"])
    assert "1.3 ms  strategies.one" in mm("list", "--check")


def test_the_doctor_tells_failures_with_hints() -> None:
    assert "mm-bad 2.0: OSError: x; update it" in mm("doctor", exit_code=1)
    verbose = CliRunner().invoke(main, ["-v", "plugins", "doctor"])
    assert "Traceback: here" in verbose.stdout
    document = json.loads(mm("doctor", "--json", exit_code=1))
    assert document["failures"][0]["hint"] == "update it"


def test_the_doctor_is_content_without_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", Plugins((ONE,)))
    assert json.loads(mm("doctor", "--json"))["ok"] is True


@pytest.mark.parametrize("name", ["one", "mm-one", "MM_one"])
def test_a_plugin_is_shown_with_its_settings(name: str) -> None:
    text = mm("show", name)
    assert text.startswith("mm-one 1.0 (one = mm_one, API v1, imported in 1.3 ms)\n")
    assert "  strategies.one: The one strategy [a, b]\n" in text
    assert "--fee-flat-fee-bps [MM_FEE_FLAT_FEE_BPS] = 100: " in text
    (spec,) = json.loads(mm("show", name, "--json"))["plugins"][0]["registers"]
    assert spec["section"] == "fee.flat"
    assert spec["settings"][0]["variable"] == "MM_FEE_FLAT_FEE_BPS"


@pytest.mark.parametrize(("name", "exit_code"), [("bad", 3), ("mm-off", 3), ("onn", 2)])
def test_a_plugin_that_cannot_be_shown_is_an_error(name: str, exit_code: int) -> None:
    mm("show", name, exit_code=exit_code)


def test_no_plugins_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_cmd, "select", lambda settings: Selection())
    assert mm("list").startswith("no plugins are installed")
