"""Settings: names, precedence, origins, aliases, and what is refused."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

import mm_framework
from mm_framework import settings as settings_module
from mm_framework.errors import ConfigError
from mm_framework.settings import (
    CORE_SECTIONS,
    ConfigFile,
    DataSettings,
    Given,
    fields_of,
    import_core_sections,
    load,
    nearest,
    registry,
    section,
    section_of,
    setting,
)


@section("sample")
@attrs.frozen
class SampleSettings:
    """For these tests."""

    ping_interval_s: float = setting(
        20.0, help="Time.", aliases=("ws_ping_interval_seconds",), validator=attrs.validators.gt(0)
    )
    enable: bool = setting(True, help="On or off.", aliases=("earlier_enable",))
    names: tuple[str, ...] = setting((), help="Names.")
    urgency: Literal["maker", "taker"] = setting("maker", help="How.")
    table: Mapping[str, str] = setting({}, help="A table.")
    special: int = setting(1, help="With a variable of its own.", variable="MM_SPECIAL")


@section("strategy.tripping")
@attrs.frozen
class TrippingSettings:
    """A plugin's settings, whose validators do not look before they leap."""

    number: str = setting("1", help="A number.", validator=lambda _, field, text: Decimal(text))
    word: str = setting("one", help="A word.", validator=lambda _, field, text: {"one": 1}[text])
    share: str = setting("xy", help="Two letters.", validator=lambda _, field, text: 1 // (len(text) - 1))


@section("strategy.sample-one")
@attrs.frozen
class PluginSampleSettings:
    """A plugin's settings."""

    low: int = setting(1, help="Low.")
    high: int = setting(2, help="High.")

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections that a test registers end with it."""
    monkeypatch.setattr(settings_module, "_registry", dict(settings_module._registry))


def config(text: str, folder: Path) -> ConfigFile:
    path = folder / "mm.toml"
    path.write_text(text, encoding="utf-8")
    return ConfigFile.read(path)


# ---- names


def test_one_declaration_gives_flag_variable_and_key() -> None:
    ping, enable, *_, special = fields_of(SampleSettings)
    assert ping.flag == "--sample-ping-interval-s"
    assert ping.off_flag is None
    assert ping.variable == "MM_SAMPLE_PING_INTERVAL_S"
    assert ping.key == "sample.ping_interval_s"
    assert ping.alias_flags == ("--ws-ping-interval-seconds",)
    assert ping.variables(compat=False) == ["MM_SAMPLE_PING_INTERVAL_S", "PM_DATA_WS_PING_INTERVAL_SECONDS"]
    assert ping.variables(compat=True)[-1] == "WS_PING_INTERVAL_SECONDS"
    assert (enable.flag, enable.off_flag) == ("--sample-enable", "--no-sample-enable")
    assert special.variable == "MM_SPECIAL"


def test_dots_dashes_and_underscores_of_a_section_are_one_in_names() -> None:
    low, _ = fields_of(PluginSampleSettings)
    assert low.flag == "--strategy-sample-one-low"
    assert low.variable == "MM_STRATEGY_SAMPLE_ONE_LOW"


def test_the_data_folder_has_its_documented_names() -> None:
    (folder,) = fields_of(DataSettings)
    assert (folder.flag, folder.variable, folder.alias_flags) == ("--data-dir", "MM_DATA_DIR", ())
    assert load(DataSettings, env={"PM_DATA_DATA_DIR": "x"}).value.dir == Path("x")


@pytest.mark.usefixtures("own_registry")
def test_a_section_has_one_class_and_a_variable_one_meaning() -> None:
    with pytest.raises(RuntimeError, match="already held by"):

        @section("sample")
        @attrs.frozen
        class Again:
            x: int = setting(1, help="")

    with pytest.raises(RuntimeError, match="MM_SAMPLE_ENABLE would mean"):

        @section("sample_enable")
        @attrs.frozen
        class Other:
            x: int = setting(1, help="", variable="MM_SAMPLE_ENABLE")

    assert "sample_enable" not in registry()


@pytest.mark.usefixtures("own_registry")
def test_a_malformed_declaration_is_refused() -> None:
    with pytest.raises(RuntimeError, match="lower-case words"):
        section("Sample")(SampleSettings)
    with pytest.raises(RuntimeError, match=r"above @attrs\.frozen"):

        @section("plain")
        class Plain:
            pass

    with pytest.raises(RuntimeError, match="declare it with setting"):

        @section("bare")
        @attrs.frozen
        class Bare:
            x: int = 1

    with pytest.raises(RuntimeError, match="is not a settings class"):
        section_of(int)


@pytest.mark.usefixtures("own_registry")
def test_a_subclass_does_not_hold_the_section_of_its_parent() -> None:
    @attrs.frozen
    class Child(SampleSettings):
        pass

    with pytest.raises(RuntimeError, match="is not a settings class"):
        section_of(Child)


def test_a_table_as_default_is_not_shared() -> None:
    assert SampleSettings().table == {}
    assert SampleSettings().table is not SampleSettings().table


# ---- precedence and origins


def test_flag_beats_variable_beats_file_beats_default(tmp_path: Path) -> None:
    file = config("[sample]\nping_interval_s = 1", tmp_path)
    env = {"MM_SAMPLE_PING_INTERVAL_S": "2"}
    flags = {"ping_interval_s": Given("3", "flag --sample-ping-interval-s")}

    def found(**sources: Any) -> tuple[float, str]:
        loaded = load(SampleSettings, **sources)
        return loaded.value.ping_interval_s, loaded.origins["ping_interval_s"]

    assert found() == (20.0, "default")
    assert found(file=file) == (1.0, f"file {tmp_path / 'mm.toml'}")
    assert found(file=file, env=env) == (2.0, "variable MM_SAMPLE_PING_INTERVAL_S")
    assert found(file=file, env=env, flags=flags) == (3.0, "flag --sample-ping-interval-s")
    assert found(file=file, env=env, flags=flags, env_wins=True)[0] == 2.0
    assert found(file=file, flags=flags, env_wins=True)[0] == 3.0


def test_values_and_origins_are_given_as_json() -> None:
    loaded = load(SampleSettings, env={"MM_SAMPLE_NAMES": "a,b"})
    assert loaded.section == "sample"
    assert loaded.to_json()["names"] == {"value": ["a", "b"], "origin": "variable MM_SAMPLE_NAMES"}
    assert loaded.to_json()["enable"] == {"value": True, "origin": "default"}


# ---- earlier names


def test_an_earlier_variable_works_and_is_noted() -> None:
    loaded = load(SampleSettings, env={"PM_DATA_WS_PING_INTERVAL_SECONDS": "5"})
    assert loaded.value.ping_interval_s == 5.0
    assert loaded.notes == (
        "PM_DATA_WS_PING_INTERVAL_SECONDS is an earlier name of MM_SAMPLE_PING_INTERVAL_S",
    )


def test_a_variable_without_prefix_is_read_only_for_compatibility() -> None:
    env = {"WS_PING_INTERVAL_SECONDS": "5"}
    assert load(SampleSettings, env=env).value.ping_interval_s == 20.0
    compatible = load(SampleSettings, env=env, compat=True)
    assert compatible.origins["ping_interval_s"] == "variable WS_PING_INTERVAL_SECONDS"
    assert compatible.notes == ("WS_PING_INTERVAL_SECONDS is an earlier name of MM_SAMPLE_PING_INTERVAL_S",)


def test_two_variables_may_agree_but_not_differ() -> None:
    env = {"MM_SAMPLE_ENABLE": "1", "PM_DATA_EARLIER_ENABLE": "true"}
    assert load(SampleSettings, env=env).origins["enable"] == "variable MM_SAMPLE_ENABLE"
    env["PM_DATA_EARLIER_ENABLE"] = "false"
    with pytest.raises(ConfigError, match="MM_SAMPLE_ENABLE=1 and PM_DATA_EARLIER_ENABLE=false") as caught:
        load(SampleSettings, env=env)
    assert caught.value.exit_code == 2


def test_two_variables_that_differ_are_refused_even_when_a_flag_wins() -> None:
    env = {"MM_SAMPLE_ENABLE": "1", "PM_DATA_EARLIER_ENABLE": "0"}
    with pytest.raises(ConfigError, match="two values"):
        load(SampleSettings, env=env, flags={"enable": Given("true", "flag --sample-enable")})


# ---- what is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[sample]\nping_intervall_s = 1",
            r"\[sample\] has no setting 'ping_intervall_s'.*'ping_interval_s'",
        ),
        ("[sample]\nping_interval_s = '1'", "sample.ping_interval_s: expected a finite number, found '1'"),
        ("[sample]\nping_interval_s = -1", r"sample.ping_interval_s: .*must be > 0: -1.*default is 20.0"),
        ("[sample]\nurgency = 'take'", "expected one of maker, taker, found 'take'"),
        ("[strategy.sample-one]\nlow = 9", "low 9 is above high 2"),
        ("[strategy.sample-one]\nlow = 3\nhigh = 1", r"^\[strategy.sample-one\] low 3 is above high 1$"),
    ],
)
def test_a_wrong_key_or_value_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = config(text, tmp_path)
    cls = PluginSampleSettings if "strategy" in text else SampleSettings
    with pytest.raises(ConfigError, match=message):
        load(cls, file=file)


def test_an_error_tells_the_origin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(from variable MM_SAMPLE_PING_INTERVAL_S\)") as caught:
        load(SampleSettings, env={"MM_SAMPLE_PING_INTERVAL_S": "0"})
    assert caught.value.key == "sample.ping_interval_s"
    assert caught.value.origin == "variable MM_SAMPLE_PING_INTERVAL_S"
    with pytest.raises(ConfigError, match=re.escape(f"(from file {tmp_path / 'mm.toml'})")):
        load(SampleSettings, file=config("[sample]\nspecial = 'x'", tmp_path))
    with pytest.raises(ConfigError, match=r"\(from flag --sample-special\)"):
        load(SampleSettings, flags={"special": Given("x", "flag --sample-special")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sampel]\nx = 1", "unknown section or setting 'sampel'; did you mean 'sample'"),
        ("x = 1", "unknown section or setting 'x'"),
        ("sample = 1", r"expected a section \[sample\]"),
        ("[venue]\nkraken = 1", r"expected a section \[venue.kraken\]"),
        ("venue = 1", r"expected a section \[venue\]"),
        ("[sample", "is not TOML"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(text, tmp_path)


def test_a_file_may_hold_sections_of_plugins_that_are_not_installed(tmp_path: Path) -> None:
    file = config("[venue.nowhere]\nurl = 'x'\n[strategy.absent]\ny = 1\n[sample]\n", tmp_path)
    assert file.sections() == ["venue.nowhere", "strategy.absent", "sample"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("number", "InvalidOperation"), ("word", "KeyError"), ("share", "ZeroDivisionError")],
)
def test_a_validator_that_trips_over_a_value_refuses_it(name: str, why: str) -> None:
    assert load(TrippingSettings).value == TrippingSettings()
    with pytest.raises(
        ConfigError, match=rf"^strategy.tripping.{name}: 'x' is refused \({why}\); the default"
    ):
        load(TrippingSettings, flags={name: Given("x", f"flag --{name}")})


def test_a_core_section_is_known_before_its_module_is_imported(tmp_path: Path) -> None:
    for name in CORE_SECTIONS:
        assert config(f"[{name}]\n", tmp_path).sections() == [name]


def test_the_file_is_chosen_by_flag_then_variable_then_folder(tmp_path: Path) -> None:
    (tmp_path / "mm.toml").write_text("[sample]\nspecial = 1")
    flag, variable = tmp_path / "flag.toml", tmp_path / "variable.toml"
    for path in (flag, variable):
        path.write_text("[sample]\n")

    def chosen(given: str | None, env: dict[str, str], folder: Path = tmp_path) -> Path | None:
        file = ConfigFile.find(given, env, folder)
        return None if file is None else file.path

    assert chosen(str(flag), {"MM_CONFIG": str(variable)}) == flag
    assert chosen(None, {"MM_CONFIG": str(variable)}) == variable
    assert chosen(None, {"MM_CONFIG": ""}) is None
    assert chosen(None, {}) == tmp_path / "mm.toml"
    assert chosen(None, {}, tmp_path / "elsewhere") is None
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        chosen(str(tmp_path / "absent.toml"), {})


def test_the_nearest_names_are_suggested_or_all_listed() -> None:
    assert nearest("captur", ["capture", "verify"]) == "did you mean 'capture'?"
    assert nearest("zzz", ["b", "a"]) == "known: a, b"
    assert nearest("zzz", []) == "known: none"


# ---- the table of core sections


def core_modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(mm_framework.__path__, "mm_framework."):
        if not found.name.endswith("__main__"):
            yield found.name


def test_the_table_of_core_sections_is_what_the_modules_declare() -> None:
    for name in core_modules():
        if re.search(r"^@section\(", source_of(name), re.MULTILINE):
            importlib.import_module(name)
    declared = {
        name: cls.__module__ for name, cls in registry().items() if cls.__module__.startswith("mm_framework.")
    }
    assert declared == dict(CORE_SECTIONS)
    assert list(import_core_sections()) == sorted(CORE_SECTIONS)


def source_of(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def test_every_core_setting_has_help_and_a_default_of_its_type() -> None:
    for cls in import_core_sections().values():
        loaded = load(cls)
        for field in fields_of(cls):
            assert field.help.endswith("."), f"{field.key}: help is a sentence"
            assert loaded.origins[field.name] == "default"
