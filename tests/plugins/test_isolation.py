"""Broken distributions, installed for real beside a good one, hurt only those that name them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from distributions import Distribution, install

GOOD = """
    from mm_framework.contracts.spec import StrategySpec
    from mm_framework.hookspecs import hookimpl

    @hookimpl
    def mm_register_strategies():
        return [StrategySpec(name=name, factory=dict) for name in {names!r}]
"""

BROKEN = {
    "import": Distribution("mm-bad-import", "import no_such_module_anywhere", "bad_import"),
    "exit": Distribution("mm-bad-exit", "import sys; print('bye'); sys.exit(0)", "bad_exit"),
    "hook": Distribution(
        "mm-bad-hook",
        "from mm_framework.hookspecs import hookimpl\n@hookimpl\ndef mm_register_strategy(): return []",
        "bad_hook",
    ),
    "argument": Distribution(
        "mm-bad-argument",
        "from mm_framework.hookspecs import hookimpl\n@hookimpl\ndef mm_register_strategies(app): return []",
        "bad_argument",
    ),
    "api": Distribution("mm-bad-api", "raise AssertionError('imported')", "bad_api", group="mm_framework.v2"),
    "core": Distribution(
        "mm-bad-core", "raise AssertionError('imported')", "bad_core", requires="mm-framework>=99"
    ),
    "raise": Distribution(
        "mm-bad-raise",
        "from mm_framework.hookspecs import hookimpl\n@hookimpl\ndef mm_register_sinks(): 1 / 0",
        "bad_raise",
    ),
}
EXPECTED = {
    "import": "failed at import: ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    "exit": "failed at import: SystemExit: 0",
    "hook": "failed at hooks: there is no hook mm_register_strategy; did you mean 'mm_register_strategies'",
    "argument": "failed at hooks: mm_register_strategies takes app; the hook has no arguments",
    "api": "failed at metadata: needs API v2",
    "core": "failed at metadata: needs mm-framework >=99",
    "raise": "failed at register: ZeroDivisionError: division by zero",
}
WELL = [
    Distribution("mm-good", GOOD.format(names=["good"]), "good"),
    Distribution("mm-twin-a", GOOD.format(names=["twin", "only_a"]), "twin_a"),
    Distribution("mm-twin-b", GOOD.format(names=["twin", "only_b"]), "twin_b"),
]

# A verb that does with a plugin what a run does: ask for a spec by kind and name.
USE = """
import click
from mm_framework.cli.app import pass_app
from mm_framework.cli.options import json_option

@click.command("use")
@click.argument("name")
@json_option
@pass_app
def command(app, name):
    spec = app.plugins.get("strategies", name)
    app.out.emit({"ok": True, "name": spec.name, "plugins": app.plugins.versions()}, f"uses {spec.name}")
"""
MAIN = """
from mm_framework.cli import VERBS, main
VERBS["use"] = ("use_cmd", "for tests")
main(prog_name="mm")
"""


class Installation:
    """A folder of installed plugins and a program that sees it."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def mm(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``mm`` in a process of its own, away from any configuration file."""
        env = {**os.environ, "PYTHONPATH": str(self.site), **variables}
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            env=env,
            cwd=self.site,
            capture_output=True,
            text=True,
            timeout=240,
        )


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """All broken plugins, a pair that claims one name, and a good one."""
    site = install([*BROKEN.values(), *WELL], tmp_path_factory.mktemp("plugins"))
    (site / "use_cmd.py").write_text(USE)
    return Installation(site)


def test_help_works_and_tells_of_no_plugin(installed: Installation) -> None:
    found = installed.mm("--help")
    assert (found.returncode, found.stderr) == (0, "")
    assert "Commands:" in found.stdout


def test_the_list_shows_each_and_imports_none(installed: Installation) -> None:
    found = installed.mm("plugins", "list", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    states = {row["distribution"]: (row["state"], row["note"]) for row in json.loads(found.stdout)["plugins"]}
    assert states["mm-good"] == ("ready", None)
    assert states["mm-bad-import"] == ("ready", None)
    assert states["mm-bad-api"] == ("failed", "needs API v2")
    assert states["mm-bad-core"] == ("failed", "needs mm-framework >=99")


def test_the_list_with_import_shows_what_fails_and_goes_on(installed: Installation) -> None:
    found = installed.mm("plugins", "list", "--check", "--json")
    rows = {row["distribution"]: row for row in json.loads(found.stdout)["plugins"]}
    assert found.returncode == 0
    assert rows["mm-good"]["registers"] == ["strategies.good"]
    for kind, distribution in BROKEN.items():
        row = rows[distribution.name]
        assert row["state"] == "failed"
        assert EXPECTED[kind].removeprefix("failed at ") in row["note"]


def test_the_plugin_doctor_says_no_and_names_every_failure(installed: Installation) -> None:
    found = installed.mm("plugins", "doctor", "--json")
    document = json.loads(found.stdout)
    assert (found.returncode, document["ok"]) == (1, False)
    failed = {(failure["distribution"], failure["phase"]) for failure in document["failures"]}
    assert failed == {
        *((BROKEN[kind].name, text.split(" ")[2].rstrip(":")) for kind, text in EXPECTED.items()),
        ("mm-twin-b", "name"),
    }
    assert all(failure["hint"] for failure in document["failures"])


@pytest.mark.parametrize("arguments", [("doctor", "--json"), ("doctor", "--plugins", "--json")])
def test_the_doctor_warns_and_does_not_fail(installed: Installation, arguments: tuple[str, ...]) -> None:
    found = installed.mm(*arguments)
    document = json.loads(found.stdout)
    assert (found.returncode, document["ok"]) == (0, True)
    assert {check["name"]: check["state"] for check in document["checks"]}["plugins"] == "warn"


def test_settings_and_venues_are_shown(installed: Installation) -> None:
    for verb in (("config", "show", "--json"), ("venues", "--json")):
        found = installed.mm(*verb)
        assert (found.returncode, json.loads(found.stdout)["ok"]) == (0, True)


def test_a_good_plugin_is_used(installed: Installation) -> None:
    found = installed.mm("use", "good", "--json")
    document = json.loads(found.stdout)
    assert (found.returncode, document["name"]) == (0, "good")
    versions = {plugin["distribution"]: plugin["version"] for plugin in document["plugins"]}
    assert versions["mm-good"] == "1.0"
    assert not {broken.name for broken in BROKEN.values()} & set(versions)


@pytest.mark.parametrize("kind", BROKEN)
def test_naming_a_broken_plugin_is_one_line_and_exit_code_3(installed: Installation, kind: str) -> None:
    broken = BROKEN[kind]
    found = installed.mm("use", broken.entry_point)
    assert found.returncode == 3
    assert found.stdout == ""
    line = found.stderr.removeprefix("bye\n")  # what a plugin prints at import
    assert line.count("\n") == 1
    assert line.startswith(
        f"error: strategy '{broken.entry_point}' comes with plugin {broken.name} 1.0, which "
    )
    assert EXPECTED[kind] in line


def test_showing_a_broken_plugin_is_exit_code_3(installed: Installation) -> None:
    found = installed.mm("plugins", "show", "bad_exit", "--json")
    document = json.loads(found.stdout)
    assert found.returncode == document["exit_code"] == 3
    assert "SystemExit: 0" in document["error"]


def test_a_name_that_two_claim_is_an_error_for_those_that_use_it(installed: Installation) -> None:
    found = installed.mm("use", "twin")
    assert found.returncode == 3
    assert "strategy 'twin' is claimed by mm-twin-a 1.0 and mm-twin-b 1.0" in found.stderr
    assert installed.mm("use", "only_a").returncode == 0
    chosen = installed.mm("use", "twin", MM_PLUGINS_PREFER="strategies.twin=mm-twin-b")
    assert (chosen.returncode, chosen.stdout) == (0, "uses twin\n")


def test_an_unknown_name_is_a_usage_error(installed: Installation) -> None:
    found = installed.mm("use", "goood")
    assert found.returncode == 2
    assert "did you mean 'good'" in found.stderr


def test_the_lists_of_plugins_work_before_import(installed: Installation) -> None:
    only_good = installed.mm("plugins", "doctor", MM_LOAD_PLUGINS="good")
    assert only_good.returncode == 0
    none = installed.mm("use", "good", MM_LOAD_PLUGINS="")
    assert none.returncode == 3
    assert "not in the list of allowed plugins (MM_LOAD_PLUGINS)" in none.stderr
    blocked = installed.mm("use", "good", MM_PLUGINS_BLOCK="mm-good")
    assert blocked.returncode == 3
    assert "blocked by [plugins] block" in blocked.stderr


def test_hook_calls_can_be_traced(installed: Installation) -> None:
    found = installed.mm("use", "good", MM_LOAD_PLUGINS="good", MM_TRACE_PLUGINS="1")
    assert found.stdout == "uses good\n"
    assert "mm_register_strategies [hook]" in found.stderr
