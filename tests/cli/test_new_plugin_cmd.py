"""``mm new-plugin``: a whole package or nothing, and nothing of a template runs."""

from __future__ import annotations

import json
import socket
import sys
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
from click.testing import CliRunner, Result

from mm_framework.cli import main
from mm_framework.cli.new_plugin_cmd import TEMPLATES

KINDS = {"venue": "northex", "strategy": "wide_quotes", "sink": "trade_lines", "check": "wide_spread"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a template asked for the network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def new_plugin(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new-plugin", *arguments])


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_the_package_stands_in_a_folder_of_its_name(tmp_path: Path, kind: str, name: str) -> None:
    done = new_plugin(kind, name, "--json")
    assert done.exit_code == 0, done.output
    distribution = f"mm-{name.replace('_', '-')}"
    assert [path.name for path in tmp_path.iterdir()] == [distribution]
    found = files_of(tmp_path / distribution)
    assert json.loads(done.stdout) == {
        "ok": True,
        "kind": kind,
        "name": name,
        "path": distribution,
        "distribution": distribution,
        "package": f"mm_{name}",
        "files": sorted(found),
    }
    assert {"README.md", "pyproject.toml", f"mm_{name}/__init__.py", f"mm_{name}/py.typed"} <= found.keys()
    assert not [path for path, text in found.items() if b"{{" in text or b"{%" in text]
    project = tomllib.loads(found["pyproject.toml"].decode())["project"]
    assert "mm-framework>=0.1,<0.2" in project["dependencies"]
    assert project["entry-points"] == {"mm_framework.v1": {name: f"mm_{name}"}}


def test_the_folder_can_be_named(tmp_path: Path) -> None:
    done = new_plugin("venue", "northex", "--out", "elsewhere")
    assert (done.exit_code, [path.name for path in tmp_path.iterdir()]) == (0, ["elsewhere"])
    assert "python -m pip install -e elsewhere" in done.stdout


def test_the_same_name_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert new_plugin("venue", "northex", "--out", folder).exit_code == 0
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in KINDS for name in ("", "1st", "North", "a", "no-dash", "über", "../up")),
        *((kind, name) for kind in KINDS for name in ("framework", "a" * 25, "x y", "a\n")),
        ("venue", "two_words"),
        ("strategy", "mm_quotes"),
        ("strategy", "double__score"),
        ("strategy", "at_the_end_"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    done = new_plugin(kind, "--json", "--", name)
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (2, False)
    assert not list(tmp_path.iterdir())


def test_what_exists_is_not_touched(tmp_path: Path) -> None:
    folder, file, link = (tmp_path / name for name in ("folder", "file", "link"))
    folder.mkdir()
    file.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for path in (folder, file, link):
        done = new_plugin("venue", "northex", "--out", str(path))
        assert (done.exit_code, "exists already" in done.stderr) == (2, True)
    assert (list(folder.iterdir()), file.read_text(), link.is_symlink()) == ([], "mine", True)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = new_plugin("venue", "northex", "--out", "no/such/place")
    assert (done.exit_code, "is no folder" in done.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(source: str, target: Path, **_: Any) -> None:
        target.mkdir()
        (target / "half").write_text("")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copier, "run_copy", break_off)
    assert new_plugin("venue", "northex").exit_code == 5
    assert not list(tmp_path.iterdir())


def test_without_copier_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)
    done = new_plugin("strategy", "wide_quotes")
    assert (done.exit_code, "mm-framework[templates]" in done.stderr) == (5, True)
    assert not list(tmp_path.iterdir())


def test_settings_of_copier_on_this_machine_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text("defaults: {package: other, name: other}\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    assert new_plugin("venue", "northex").exit_code == 0
    assert (tmp_path / "mm-northex" / "mm_northex").is_dir()


@pytest.mark.parametrize("kind", KINDS)
def test_templates_run_nothing(kind: str) -> None:
    """No tasks, no migrations, no extensions of the template language."""
    text = (TEMPLATES / kind / "copier.yml").read_text(encoding="utf-8")
    keys = {line.partition(":")[0] for line in text.splitlines() if line and not line.startswith((" ", "#"))}
    assert {key for key in keys if key.startswith("_")} == {"_min_copier_version", "_templates_suffix"}


def test_templates_are_data_of_the_package(repository: Path) -> None:
    tool = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = tool["package-data"]["mm_framework"]
    root = repository / "mm_framework"
    packaged = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    assert {path for path in TEMPLATES.rglob("*") if path.is_file()} <= packaged
