"""Handing out specs: unknown names, two claims to one name, preferences."""

from __future__ import annotations

import attrs
import pytest

from mm_framework.contracts.spec import FeeModelSpec, Spec, StrategySpec
from mm_framework.errors import ConfigError, PluginError
from mm_framework.plugins import Candidate, LoadedPlugin, PluginFailure, Plugins
from mm_framework.settings import section, setting


@section("strategy.catalog-test")
@attrs.frozen
class OneSettings:
    """For these tests."""

    x: int = setting(1, help="X.")


def plugin(distribution: str, *specs: Spec) -> LoadedPlugin:
    return LoadedPlugin(Candidate(distribution, "1.0", distribution.removeprefix("mm-"), "m"), 1.0, specs)


def strategy(name: str, description: str = "") -> StrategySpec:
    return StrategySpec(name=name, factory=dict, description=description)


def fee(name: str, description: str = "") -> FeeModelSpec:
    return FeeModelSpec(name=name, factory=dict, description=description)


def test_a_spec_is_found_by_kind_and_name() -> None:
    plugins = Plugins((plugin("mm-b", strategy("b"), fee("b")), plugin("mm-a", strategy("a"))))
    assert plugins.get("fee_models", "b").kind == "fee_models"
    assert list(plugins.all("strategies")) == ["a", "b"]
    assert plugins.all("sinks") == {}


def test_an_unknown_name_is_a_usage_error_with_the_nearest() -> None:
    plugins = Plugins((plugin("mm-a", strategy("toy_spread")),))
    with pytest.raises(ConfigError, match=r"no strategy 'toy_spred' .* did you mean 'toy_spread'") as caught:
        plugins.get("strategies", "toy_spred")
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match=r"no venue 'kraken' .* known: none"):
        plugins.get("adapters", "kraken")


def test_two_claims_to_a_name_hurt_only_that_name() -> None:
    plugins = Plugins(
        (plugin("mm-a", strategy("same"), fee("same")), plugin("mm-b", strategy("same"), strategy("b")))
    )
    with pytest.raises(PluginError, match=r"'same' is claimed by mm-a 1.0 and mm-b 1.0") as caught:
        plugins.get("strategies", "same")
    assert caught.value.exit_code == 3
    assert plugins.get("fee_models", "same").name == "same"
    assert list(plugins.all("strategies")) == ["b"]
    (failure,) = plugins.failures
    assert failure.phase == "name"
    assert 'strategies.same" = "mm-a"' in failure.hint


@pytest.mark.parametrize("key", ["strategies.same", "same"])
def test_the_configuration_may_pick_one(key: str) -> None:
    loaded = (plugin("mm-a", strategy("same", "A"), fee("same")), plugin("mm-b", strategy("same", "B")))
    plugins = Plugins(loaded, prefer={key: "Mm_B"})
    assert plugins.get("strategies", "same").description == "B"
    assert plugins.get("fee_models", "same").name == "same"
    assert plugins.failures == ()


def test_a_preference_that_nobody_meets_is_an_error_and_no_silent_choice() -> None:
    plugins = Plugins((plugin("mm-a", strategy("same")),), prefer={"strategies.same": "mm-c"})
    with pytest.raises(PluginError, match="prefer chooses none: it says 'mm-c'"):
        plugins.get("strategies", "same")
    absent = Plugins((plugin("mm-a", strategy("same")),), prefer={"same": "mm-c"})
    with pytest.raises(PluginError, match="prefer chooses none"):
        absent.get("strategies", "same")


@pytest.mark.parametrize("word", ["binance", "binance-usdm", "mm-binance", "Binance_usdm"])
def test_a_failed_plugin_answers_for_names_like_its_own(word: str) -> None:
    failure = PluginFailure("mm-binance", "2.0", "binance", "import", "OSError: x", "update it")
    plugins = Plugins((), (failure,))
    with pytest.raises(PluginError, match=r"mm-binance 2.0, which failed at import: OSError: x; update it"):
        plugins.get("adapters", word)
    with pytest.raises(ConfigError):
        plugins.get("adapters", "binancex")


def test_settings_classes_are_given_once() -> None:
    shared = [StrategySpec(name=name, factory=dict, settings=OneSettings) for name in ("x", "y")]
    assert Plugins((plugin("mm-a", *shared),)).settings_classes() == [OneSettings]
