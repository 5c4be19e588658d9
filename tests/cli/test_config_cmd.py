"""``mm config show``: all settings, where they come from, and what nobody reads."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import main
from mm_framework.cli.app import SWITCHES
from mm_framework.settings import CORE_SECTIONS


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MM_LOAD_PLUGINS", "")
    monkeypatch.chdir(tmp_path)


def show(*arguments: str, root: tuple[str, ...] = (), exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*root, "config", "show", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def test_every_core_section_is_shown_with_origins() -> None:
    document = json.loads(show("--json").stdout)
    assert set(document["sections"]) == set(CORE_SECTIONS)
    assert document["sections"]["data"] == {"dir": {"value": "data", "origin": "default"}}
    assert document["sections"]["plugins"]["allow"] == {"value": [], "origin": "variable MM_LOAD_PLUGINS"}
    assert document["file"] is None


def test_the_text_is_toml_that_gives_the_same_settings(tmp_path: Path) -> None:
    before = json.loads(show("--json").stdout)["sections"]
    text = show("--origin").stdout
    assert set(tomllib.loads(text)) == {name.split(".")[0] for name in CORE_SECTIONS}
    (tmp_path / "mm.toml").write_text(text)
    after = json.loads(show("--json").stdout)
    assert after["file"] == "mm.toml"
    values = {name: {key: item["value"] for key, item in section.items()} for name, section in before.items()}
    assert values == {
        name: {key: item["value"] for key, item in section.items()}
        for name, section in after["sections"].items()
    }
    assert after["sections"]["data"]["dir"]["origin"] == "file mm.toml"


def test_one_section_may_be_asked_for() -> None:
    assert (
        show("data", "--origin").stdout == f"[data]\n{'dir = ' + chr(34) + 'data' + chr(34):<50} # default\n"
    )
    assert show("data").stdout == '[data]\ndir = "data"\n'
    assert "did you mean 'data'" in show("dat", exit_code=2).stderr


def test_a_variable_that_nobody_reads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_DATA_DIRR", "x")
    monkeypatch.setenv("MM_VENUE_NOWHERE_URL", "of a plugin that is not loaded")
    for name in SWITCHES:
        monkeypatch.setenv(name, "")
    result = show("data", "--json")
    assert json.loads(result.stdout)["unread_variables"] == ["MM_DATA_DIRR"]
    assert "note: no setting reads MM_DATA_DIRR; did you mean 'MM_DATA_DIR'" in result.stderr


def test_a_section_of_a_plugin_that_is_not_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "mm.toml").write_text("[venue.nowhere]\nurl = 'x'\n")
    assert "[venue.nowhere] is of a plugin that is not loaded" in show("data").stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\ndirr = 'x'", r"[data] has no setting 'dirr'; did you mean 'dir'?"),
        ("[dta]\n", "unknown section or setting 'dta'; did you mean 'data'?"),
        ("[plugins]\nblock = 'mm-kraken'", "plugins.block: expected a list"),
    ],
)
def test_a_wrong_file_is_one_line_and_exit_code_2(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mm.toml").write_text(text)
    result = show(exit_code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_root_options_reach_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[data]\ndir = 'b'")
    document = json.loads(show("data", "--json", root=("--config", "a.toml", "--env-wins")).stdout)
    assert (document["file"], document["env_wins"]) == ("a.toml", True)
    assert document["sections"]["data"]["dir"] == {"value": "b", "origin": "file a.toml"}
