"""Import under guard: what one plugin does wrong is recorded, the others load."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mm_framework.errors import PluginError
from mm_framework.plugins import Candidate, Plugins, PluginSettings, Selection, Skipped, load_plugins
from mm_framework.trading.fees import FlatFeeSettings

HEAD = """
    import attrs
    from mm_framework.contracts.spec import FeeModelSpec, StrategySpec
    from mm_framework.hookspecs import hookimpl
    from mm_framework.settings import section, setting
"""
GOOD = """
    @hookimpl
    def mm_register_strategies():
        return [StrategySpec(name="good", factory=dict)]
"""

Loader = Callable[..., Plugins]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    """``load(name=source, ...)``: each source is a plugin of its own, beside the built-ins."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def load_sources(settings: PluginSettings | None = None, /, **sources: str) -> Plugins:
        ready = []
        for name, source in sources.items():
            module = f"{tmp_path.name}_{name}".replace("-", "_")
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(HEAD) + textwrap.dedent(source))
            made.append(module)
            ready.append(Candidate(f"mm-{name}", "1.0", name, module))
        return load_plugins(settings or PluginSettings(), Selection(ready=tuple(ready)))

    yield load_sources
    for module in made:
        sys.modules.pop(module, None)


def only_failure(plugins: Plugins) -> tuple[str, str]:
    (failure,) = plugins.failures
    return failure.phase, failure.error


def test_a_good_plugin_is_listed_with_what_it_registers(load: Loader) -> None:
    plugins = load(good=GOOD)
    core, good = plugins.loaded
    assert core.plugin.distribution == "mm-framework"
    assert good.registers == (("strategies", "good"),)
    assert good.import_ms > 0
    assert plugins.failures == ()
    assert plugins.versions() == [
        {"distribution": "mm-good", "version": "1.0", "entry_point": "good", "api": "v1"}
    ]


@pytest.mark.parametrize(
    ("source", "phase", "error"),
    [
        ("import no_such_module_anywhere", "import", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "import", "SystemExit: 3"),
        ("raise SystemExit", "import", "SystemExit"),
        ("raise ValueError('one\\ntwo')", "import", "ValueError: one"),
        ("def (", "import", "SyntaxError"),
        (
            "@hookimpl\ndef mm_register_strategy(): return []",
            "hooks",
            "did you mean 'mm_register_strategies'",
        ),
        ("@hookimpl(specname='mm_nothing')\ndef f(): return []", "hooks", "there is no hook mm_nothing"),
        ("def mm_register_sinks(): return []", "hooks", "mm_register_sinks is not marked with @hookimpl"),
        ("@hookimpl\ndef mm_register_sinks(config): return []", "hooks", "mm_register_sinks takes config"),
        ("@hookimpl\nasync def mm_register_sinks(): return []", "hooks", "must be a plain function"),
        ("@hookimpl(wrapper=True)\ndef mm_register_sinks(): yield", "hooks", "must be a plain function"),
        ("x = 1", "hooks", "implements no hook"),
        ("@hookimpl\ndef mm_register_sinks(): 1 / 0", "register", "ZeroDivisionError: division by zero"),
        ("@hookimpl\ndef mm_register_sinks(): raise SystemExit(1)", "register", "SystemExit: 1"),
        ("@hookimpl\ndef mm_register_sinks(): pass", "register", "returned NoneType, expected a list"),
        ("@hookimpl\ndef mm_register_sinks(): yield 1", "register", "returned generator, expected a list"),
        (
            "@hookimpl\ndef mm_register_sinks(): return [1]",
            "register",
            "returned a int, expected each to be a Sink",
        ),
        (
            "@hookimpl\ndef mm_register_fee_models(): return [StrategySpec(name='x', factory=dict)]",
            "register",
            "returned a StrategySpec, expected each to be a FeeModelSpec",
        ),
        (
            "@hookimpl\ndef mm_register_strategies(): return [StrategySpec(name='X y', factory=dict)]",
            "register",
            "the name 'X y' is not",
        ),
        (
            "@hookimpl\ndef mm_register_strategies(): return [StrategySpec(name=1, factory=dict)]",
            "register",
            "the name 1 is not",
        ),
        (
            "@hookimpl\ndef mm_register_strategies(): return [StrategySpec(name='x', factory=1)]",
            "register",
            "the factory of 'x' is not callable",
        ),
        (
            "@hookimpl\ndef mm_register_strategies(): return 2 * [StrategySpec(name='x', factory=dict)]",
            "register",
            "returned 'x' twice",
        ),
        (
            "@hookimpl\ndef mm_register_strategies(): "
            "return [StrategySpec(name='x', factory=dict, settings=int)]",
            "register",
            "RuntimeError: builtins.int is not a settings class",
        ),
    ],
)
def test_a_broken_plugin_is_recorded_and_the_good_one_loads(
    load: Loader, source: str, phase: str, error: str
) -> None:
    plugins = load(bad=source, good=GOOD)
    found_phase, found_error = only_failure(plugins)
    assert found_phase == phase
    assert error in found_error
    assert "\n" not in found_error
    assert plugins.get("strategies", "good").factory is dict
    assert list(plugins.all("strategies")) == ["good"]
    with pytest.raises(PluginError, match="mm-bad 1.0, which failed at " + phase) as caught:
        plugins.get("strategies", "bad")
    assert caught.value.exit_code == 3
    assert (caught.value.distribution, caught.value.phase) == ("mm-bad", phase)


def test_nothing_of_a_plugin_that_fails_late_stays(load: Loader) -> None:
    bad = GOOD + "\n    @hookimpl\n    def mm_register_sinks():\n        raise OSError('late')\n"
    plugins = load(bad=bad)
    assert only_failure(plugins) == ("register", "OSError: late")
    assert plugins.all("strategies") == {}


def test_a_keyboard_interrupt_at_import_passes(load: Loader) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(bad="raise KeyboardInterrupt")


def test_what_a_plugin_prints_does_not_reach_stdout(load: Loader, capsys: pytest.CaptureFixture[str]) -> None:
    load(loud="print('import')\n@hookimpl\ndef mm_register_sinks():\n    print('hook')\n    return []")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "import\nhook\n"


def test_a_failure_keeps_its_trace_for_the_author(load: Loader) -> None:
    (failure,) = load(bad="def deep():\n    raise OSError('x')\ndeep()").failures
    assert "in deep" in failure.trace
    assert "block = ['mm-bad']" in failure.hint


def test_a_plugin_may_not_take_a_section_of_the_core(load: Loader) -> None:
    taken = "@section('bundle')\n@attrs.frozen\nclass S:\n    x: int = setting(1, help='')\n"
    assert only_failure(load(bad=taken))[0] == "import"
    own = taken.replace("bundle", "outside") + (
        "@hookimpl\ndef mm_register_strategies(): return [StrategySpec(name='x', factory=S, settings=S)]"
    )
    phase, error = only_failure(load(worse=own))
    assert phase == "register"
    assert "section 'outside', expected one under venue, strategy" in error


def test_an_entry_point_must_be_a_module() -> None:
    target = Candidate("mm-odd", "1.0", "odd", "json:loads")
    plugins = load_plugins(PluginSettings(), Selection(ready=(target,)))
    assert "not the name of a module" in only_failure(plugins)[1]


def test_a_skipped_plugin_says_so_when_it_is_named() -> None:
    skipped = Skipped("mm-toy", "1.0", "toy", "blocked by [plugins] block")
    plugins = load_plugins(PluginSettings(), Selection(skipped=(skipped,)))
    assert plugins.failures == ()
    with pytest.raises(PluginError, match=r"strategy 'toy' .* blocked by \[plugins\] block"):
        plugins.get("strategies", "toy")


def test_hook_calls_are_traced_on_request(load: Loader, capsys: pytest.CaptureFixture[str]) -> None:
    load(PluginSettings(trace=True), good=GOOD)
    assert "mm_register_strategies [hook]" in capsys.readouterr().err
    load(good=GOOD)
    assert capsys.readouterr().err == ""


def test_the_core_registers_its_own_parts_through_the_same_hooks() -> None:
    plugins = load_plugins(PluginSettings(), Selection())
    assert plugins.get("fee_models", "flat").settings is FlatFeeSettings
    assert plugins.versions() == []


def test_a_plugin_that_claims_a_name_of_the_core_needs_to_be_preferred(load: Loader) -> None:
    source = """
    @hookimpl
    def mm_register_fee_models():
        return [FeeModelSpec(name="flat", factory=dict)]
    """
    with pytest.raises(PluginError, match=r"claimed by mm-framework .* and mm-mine 1\.0"):
        load(mine=source).get("fee_models", "flat")
    chosen = load(PluginSettings(prefer={"fee_models.flat": "mm-mine"}), mine=source)
    assert chosen.get("fee_models", "flat").factory is dict
