"""The root of the command line: lazy verbs, suggestions, errors as one line and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import EARLIER_NAMES, VERBS, main
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import LazyGroup
from mm_framework.cli.options import json_option
from mm_framework.errors import ConfigError, GateFailed, PluginError, StoreError

Invoke = Callable[..., Result]


def failing(error: BaseException | Callable[[App], Any]) -> click.Command:
    """A verb that raises, or does, what it is given."""

    @click.command("act")
    @json_option
    @pass_app
    def act(app: App) -> Any:
        if isinstance(error, BaseException):
            raise error
        return error(app)

    return act


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """``act(what, *arguments)`` runs ``mm act`` whose verb raises or does ``what``."""

    def run(what: BaseException | Callable[[App], Any], *arguments: str) -> Result:
        monkeypatch.setattr(LazyGroup, "get_command", lambda self, ctx, name: failing(what))
        monkeypatch.setitem(VERBS, "act", ("", "for tests"))
        return CliRunner().invoke(main, ["act", *arguments])

    return run


# ---- what is imported


def test_help_imports_no_verb_no_plugin_and_no_large_library() -> None:
    code = (
        "import json, sys\n"
        "from mm_framework.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as done:\n    assert done.code == 0\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(json.loads(found.stderr))
    assert not {"numpy", "pyarrow", "websockets", "rich", "pluggy", "cattrs", "mm_kraken"} & modules
    assert {name for name in modules if name.startswith("mm_framework")} == {
        "mm_framework",
        "mm_framework.cli",
        "mm_framework.cli.groups",
        "mm_framework.cli.output",
        "mm_framework.errors",
    }
    for verb, (_, line) in VERBS.items():
        assert verb in found.stdout
        assert line.split(",")[0][:40] in " ".join(found.stdout.split())


def test_the_module_runs_as_the_program() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mm_framework", "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith("mm-framework ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_exists_and_has_help(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Usage: mm {verb}")


# ---- words


def test_alone_it_prints_its_help() -> None:
    assert CliRunner().invoke(main, []).stdout == CliRunner().invoke(main, ["--help"]).stdout
    assert CliRunner().invoke(main, ["plugins"]).exit_code == 0


def test_an_unknown_verb_is_a_usage_error_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["verfy"])
    assert result.exit_code == 2
    assert result.stderr == "error: mm has no command 'verfy'; did you mean 'verify'? (see mm --help)\n"


@pytest.mark.parametrize(("earlier", "verb"), EARLIER_NAMES.items())
def test_earlier_names_work_and_stay_hidden(earlier: str, verb: str) -> None:
    context = click.Context(main)
    assert main.get_command(context, earlier) is main.get_command(context, verb)
    assert f"  {earlier} " not in CliRunner().invoke(main, ["--help"]).stdout


def test_an_unknown_option_is_one_line() -> None:
    result = CliRunner().invoke(main, ["plugins", "list", "--chek"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--check" in result.stderr


# ---- errors


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (GateFailed("no"), 1),
        (ConfigError("no"), 2),
        (PluginError("no"), 3),
        (StoreError("no"), 4),
        (PermissionError(13, "Permission denied", "/x"), 5),
        (OSError(28, "No space left on device"), 5),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_one_line_and_its_exit_code(
    act: Invoke, error: BaseException, exit_code: int, as_json: bool
) -> None:
    result = act(error, *(["--json"] if as_json else []))
    assert result.exit_code == exit_code
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    if as_json:
        document = json.loads(result.stdout)
        assert document == {"ok": False, "error": result.stderr[7:-1], "exit_code": exit_code}
    else:
        assert result.stdout == ""


def test_a_sentence_of_several_lines_becomes_one(act: Invoke) -> None:
    assert act(ConfigError("one\n  two")).stderr == "error: one two\n"


def test_a_usage_error_is_one_document_too() -> None:
    result = CliRunner().invoke(main, ["plugins", "list", "--chek", "--json"])
    assert json.loads(result.stdout)["exit_code"] == result.exit_code == 2


def test_json_after_two_dashes_is_an_argument() -> None:
    result = CliRunner().invoke(main, ["plugins", "show", "--chek", "--", "--json"])
    assert result.stdout == ""


def test_an_error_of_ours_traces(act: Invoke) -> None:
    result = act(ZeroDivisionError("ours"))
    assert isinstance(result.exception, ZeroDivisionError)
    result = act(FileNotFoundError(2, "No such file", "x"))
    assert isinstance(result.exception, FileNotFoundError)


def test_an_error_of_ours_is_a_document_and_a_trace(act: Invoke) -> None:
    result = act(ZeroDivisionError("ours"), "--json")
    assert json.loads(result.stdout) == {"ok": False, "error": "ZeroDivisionError: ours", "exit_code": 1}
    assert isinstance(result.exception, ZeroDivisionError)


def test_an_error_after_the_result_adds_no_second_document(act: Invoke) -> None:
    def emit_and_fail(app: App) -> None:
        app.out.emit({"ok": False})
        raise GateFailed("the gate is shut")

    result = act(emit_and_fail, "--json")
    assert (result.stdout, result.exit_code) == ('{"ok": false}\n', 1)


def test_debug_shows_the_trace_beside_the_line(act: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_DEBUG", "1")
    result = act(ConfigError("here"))
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: here\n")


@pytest.mark.parametrize(("returned", "exit_code"), [(None, 0), (0, 0), (1, 1), (True, 0), ("x", 0)])
def test_a_verb_returns_its_exit_code(act: Invoke, returned: object, exit_code: int) -> None:
    assert act(lambda app: returned).exit_code == exit_code


def test_a_verb_may_leave_with_a_code(act: Invoke) -> None:
    assert act(lambda app: click.get_current_context().exit(7)).exit_code == 7


@pytest.mark.skipif(os.name == "nt", reason="pipes close differently there")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "from mm_framework.cli import main; main(['--help'])"
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (found.returncode, found.stderr) == (141, "")


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_without_streams_runs(closed: str) -> None:
    """As some service managers start it."""
    script = f'"$0" -m mm_framework config show --json {closed}'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (closed == "2>&-")
