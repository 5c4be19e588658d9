"""Flags of settings classes and of plugins, and how they reach `App.load`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs
import click
import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import VERBS, main
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import LazyGroup
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.contracts.spec import StrategySpec
from mm_framework.plugins import Candidate, LoadedPlugin, PluginFailure, Plugins
from mm_framework.settings import section, setting


@section("opts")
@attrs.frozen
class OptionSettings:
    """For these tests."""

    wait_s: float = setting(1.5, help="Time to wait.", aliases=("earlier_wait", "oldest_wait"))
    enable: bool = setting(True, help="Do it.", aliases=("earlier_enable",))
    names: tuple[str, ...] = setting((), help="Names.")
    how: Literal["fast", "slow"] = setting("fast", help="How.")
    limit: int | None = setting(None, help="Limit.")


@section("strategy.opts-plugin")
@attrs.frozen
class StrategySettings:
    """A plugin's settings."""

    size: int = setting(1, help="Size.")
    bold: bool = setting(False, help="Bold.")


@click.command(cls=PluginCommand)
@click.argument("words", nargs=-1)
@click.option("--strategy-file", help="An option of the command itself.")
@settings_options(OptionSettings)
@json_option
@pass_app
def command(app: App, words: tuple[str, ...], strategy_file: str | None) -> None:
    """A verb."""
    for cls in (OptionSettings, StrategySettings):
        app.load(cls)
    document = {section: loaded.to_json() for section, loaded in app.loaded.items()}
    app.out.emit({"words": list(words), "file": strategy_file, **document}, "done")


Invoke = Callable[..., Result]


@pytest.fixture
def mm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Run ``mm verb ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LazyGroup, "get_command", lambda self, ctx, name: command)
    monkeypatch.setitem(VERBS, "verb", ("", "for tests"))

    def run(*arguments: str, root: tuple[str, ...] = ()) -> Result:
        return CliRunner().invoke(main, [*root, "verb", *arguments])

    return run


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installed plugins: one with settings, one that failed."""
    spec = StrategySpec(name="opts-plugin", factory=dict, settings=StrategySettings)
    loaded = LoadedPlugin(Candidate("mm-opts-plugin", "1", "opts-plugin", "m"), 1.0, (spec,))
    failure = PluginFailure("mm-bad", "1", "bad", "import", "OSError: x", "update it")
    monkeypatch.setattr(App, "plugins", Plugins((loaded,), (failure,)))


def values(result: Result, name: str = "opts") -> dict[str, object]:
    assert result.exit_code == 0, result.output
    return {key: item["value"] for key, item in json.loads(result.stdout)[name].items()}


def test_every_setting_has_a_flag(mm: Invoke) -> None:
    result = mm(
        *("--json", "--opts-wait-s", "2", "--no-opts-enable", "--opts-names", "a,b", "--opts-names", "c"),
        *("--opts-how=slow", "--opts-limit", "7"),
    )
    assert values(result) == {
        "wait_s": 2.0,
        "enable": False,
        "names": ["a", "b", "c"],
        "how": "slow",
        "limit": 7,
    }
    origins = {key: item["origin"] for key, item in json.loads(result.stdout)["opts"].items()}
    assert origins["enable"] == "flag --no-opts-enable"
    assert origins["wait_s"] == "flag --opts-wait-s"


def test_without_flags_the_defaults_stand(mm: Invoke) -> None:
    assert values(mm("--json")) == {"wait_s": 1.5, "enable": True, "names": [], "how": "fast", "limit": None}


def test_help_shows_flags_with_their_defaults_and_hides_earlier_names(mm: Invoke) -> None:
    text = " ".join(mm("--help").stdout.split())
    assert "--opts-wait-s X Time to wait. [1.5]" in text
    assert "--opts-enable / --no-opts-enable Do it. [on]" in text
    assert "--opts-how [fast|slow]" in text
    assert "--opts-limit N Limit. [none]" in text
    assert "earlier" not in text
    assert "mm plugins show NAME" in text


def test_earlier_flags_work(mm: Invoke) -> None:
    assert values(mm("--json", "--earlier-wait", "3"))["wait_s"] == 3.0
    assert values(mm("--json", "--oldest-wait", "4"))["wait_s"] == 4.0
    assert values(mm("--json", "--no-earlier-enable"))["enable"] is False


def test_two_flags_of_one_setting_may_agree_but_not_differ(mm: Invoke) -> None:
    assert values(mm("--json", "--earlier-wait", "3", "--opts-wait-s", "3"))["wait_s"] == 3.0
    result = mm("--earlier-wait", "3", "--opts-wait-s", "4")
    assert result.exit_code == 2
    assert "--earlier-wait (3)" in result.stderr
    assert "keep --opts-wait-s" in result.stderr


def test_a_wrong_value_of_a_flag_is_a_usage_error(mm: Invoke) -> None:
    result = mm("--opts-wait-s", "soon")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: opts.wait_s: expected a finite number, found 'soon'; the default is 1.5 "
        "(from flag --opts-wait-s)\n"
    )


def test_variables_may_be_put_above_flags(mm: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_OPTS_WAIT_S", "9")
    flag = ("--json", "--opts-wait-s", "2")
    assert values(mm(*flag))["wait_s"] == 2.0
    assert values(mm(*flag, root=("--env-wins",)))["wait_s"] == 9.0
    monkeypatch.setenv("MM_ENV_WINS", "1")
    assert values(mm(*flag))["wait_s"] == 9.0
    monkeypatch.setenv("MM_ENV_WINS", "often")
    assert mm(*flag).exit_code == 2


def test_a_variable_without_prefix_needs_compatibility_and_is_told(
    mm: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARLIER_WAIT", "9")
    assert values(mm("--json"))["wait_s"] == 1.5
    monkeypatch.setenv("MM_COMPAT", "1")
    result = mm("--json")
    assert values(result)["wait_s"] == 9.0
    assert result.stderr == "note: EARLIER_WAIT is an earlier name of MM_OPTS_WAIT_S\n"


def test_a_file_is_read_from_the_flag_or_the_folder(mm: Invoke, tmp_path: Path) -> None:
    (tmp_path / "mm.toml").write_text("[opts]\nwait_s = 5")
    (tmp_path / "other.toml").write_text("[opts]\nwait_s = 6")
    assert values(mm("--json"))["wait_s"] == 5.0
    assert values(mm("--json", root=("--config", "other.toml")))["wait_s"] == 6.0


def test_only_some_settings_may_be_flags() -> None:
    @click.command()
    @settings_options(OptionSettings, only=("how",))
    def few() -> None: ...

    assert [option.opts for option in few.params] == [["--opts-how"]]


def test_two_options_of_one_name_are_our_mistake() -> None:
    with pytest.raises(RuntimeError, match="two options of twice are called --opts-"):

        @settings_options(OptionSettings)
        @settings_options(OptionSettings)
        def twice() -> None: ...


# ---- flags of plugins


@pytest.mark.usefixtures("plugins")
def test_settings_of_plugins_are_flags(mm: Invoke) -> None:
    result = mm("a", "--json", "--strategy-opts-plugin-size", "5", "b", "--strategy-opts-plugin-bold")
    assert json.loads(result.stdout)["words"] == ["a", "b"]
    assert values(result, "strategy.opts-plugin") == {"size": 5, "bold": True}
    result = mm("--json", "--strategy-opts-plugin-size=6", "--no-strategy-opts-plugin-bold")
    assert values(result, "strategy.opts-plugin") == {"size": 6, "bold": False}


@pytest.mark.usefixtures("plugins")
def test_an_unknown_flag_of_a_plugin_is_a_usage_error(mm: Invoke) -> None:
    result = mm("--strategy-opts-plugin-sise", "5")
    assert result.exit_code == 2
    assert "--strategy-opts-plugin-sise" in result.stderr


@pytest.mark.usefixtures("plugins")
def test_a_flag_of_a_failed_plugin_is_a_plugin_error(mm: Invoke) -> None:
    result = mm("--venue-bad-url", "x")
    assert result.exit_code == 3
    assert "mm-bad 1, which failed at import" in result.stderr


def test_plugins_are_not_loaded_for_other_flags(mm: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", property(lambda app: pytest.fail("loaded")))
    result = mm("--json", "--strategy-file", "f", "--", "--strategy-opts-plugin-size")
    assert json.loads(result.stdout)["words"] == ["--strategy-opts-plugin-size"]


@pytest.mark.parametrize("word", ["nan", "inf", "1e400", "-inf"])
def test_a_number_in_a_range_is_finite(word: str) -> None:
    with pytest.raises(click.BadParameter):
        FiniteRange(0).convert(word, None, None)
    assert FiniteRange(0).convert("1.5", None, None) == 1.5
