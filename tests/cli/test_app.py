"""The state of one invocation, used without the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_framework.cli.app import SWITCHES, App
from mm_framework.cli.output import Output
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings, Given


def test_settings_are_loaded_and_kept_for_manifests(tmp_path: Path) -> None:
    app = App({"MM_DATA_DIR": "a", "MM_CONFIG": ""}, out=Output(quiet=True))
    assert app.load(DataSettings).value.dir == Path("a")
    assert {name: loaded.to_json() for name, loaded in app.loaded.items()} == {
        "data": {"dir": {"value": "a", "origin": "variable MM_DATA_DIR"}}
    }
    app.flags["data"] = {"dir": Given("b", "flag --data-dir")}
    assert app.load(DataSettings).value.dir == Path("b")
    assert app.loaded["data"].origins == {"dir": "flag --data-dir"}


def test_a_note_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    app = App({"PM_DATA_DATA_DIR": "a", "MM_CONFIG": ""})
    app.load(DataSettings)
    app.load(DataSettings)
    assert capsys.readouterr().err == "note: PM_DATA_DATA_DIR is an earlier name of MM_DATA_DIR\n"


def test_a_command_may_ask_for_compatibility() -> None:
    app = App({"DATA_DIR": "a", "MM_CONFIG": ""}, out=Output(quiet=True))
    assert app.load(DataSettings).value.dir == Path("data")
    app.compat = True
    assert app.load(DataSettings).value.dir == Path("a")


def test_a_profile_replaces_defaults_only() -> None:
    app = App({"MM_CONFIG": ""})
    app.defaults["data"] = {"dir": Given("b", "profile p")}
    assert app.load(DataSettings).origins == {"dir": "profile p"}
    app.flags["data"] = {"dir": Given("c", "flag --data-dir")}
    assert app.load(DataSettings).value.dir == Path("c")


def test_a_switch_refuses_what_is_neither_yes_nor_no() -> None:
    with pytest.raises(ConfigError, match="MM_COMPAT: expected"):
        App({"MM_COMPAT": "maybe"}).switch("MM_COMPAT")
    assert all(name.startswith("MM_") for name in SWITCHES)


def test_no_plugin_is_loaded_when_none_is_allowed() -> None:
    app = App({"MM_LOAD_PLUGINS": "", "MM_CONFIG": ""})
    assert [one.plugin.distribution for one in app.plugins.loaded] == ["mm-framework"]
    assert app.plugins is app.plugins
