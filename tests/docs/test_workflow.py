"""The workflow of GitHub Actions is valid, covers what is promised, and runs only what exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mm_framework.cli import VERBS

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which comes with the extra docs")


@pytest.fixture(scope="module")
def jobs(repository: Path) -> dict[str, Any]:
    """The jobs by name."""
    text = (repository / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    assert document.keys() >= {"name", "permissions", "env", "jobs"}
    assert document["permissions"] == {"contents": "read"}
    found = document["jobs"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def steps(jobs: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of all jobs."""
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    """The table ``[project]``."""
    data: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return data["project"]  # type: ignore[no-any-return]


def commands(steps: list[dict[str, Any]]) -> list[list[str]]:
    """The words of every command line; several on a line are several."""
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    return [shlex.split(part) for line in lines for part in line.split(";") if part.strip()]


def test_every_job_has_a_system_a_time_limit_and_steps(jobs: dict[str, Any]) -> None:
    for name, job in jobs.items():
        assert job["runs-on"], name
        assert job["timeout-minutes"] <= 60, name
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step


def test_actions_are_named_by_tag(steps: list[dict[str, Any]]) -> None:
    actions = [step["uses"] for step in steps if "uses" in step]
    assert actions
    assert [action for action in actions if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []


def test_the_matrix_is_every_python_and_system_that_the_classifiers_name(
    jobs: dict[str, Any], project: dict[str, Any]
) -> None:
    classifiers = " ".join(project["classifiers"])
    assert jobs["matrix"]["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest", "windows-latest"],
        "python": re.findall(r"Python :: (3\.\d+)", classifiers),
    }
    assert all(system in classifiers for system in ("Linux", "MacOS", "Windows"))


def test_every_script_target_session_and_verb_exists(steps: list[dict[str, Any]], repository: Path) -> None:
    noxfile = (repository / "noxfile.py").read_text(encoding="utf-8")
    shown = []
    for words in commands(steps):
        match words:
            case ["bash" | "python", str(script), *_] if not script.startswith("-"):
                assert (repository / script).is_file(), script
            case ["nox", "-s", session, *_]:
                assert f"\ndef {session}(session" in noxfile
            case ["mm", verb, *_]:
                assert verb in VERBS
            case ["pytest", *_] | ["python", "-m", "pip", "install", *_]:
                pass
            case [word, *_] if word.startswith(("plugins=(", "for", "do", "done")):
                continue
            case _:
                pytest.fail(f"what is {words}?")
        shown.append(words[:3])
    assert ["bash", ".ci/run"] in shown
    assert ["nox", "-s", "matrix"] in shown


def test_extras_that_are_installed_exist(steps: list[dict[str, Any]], project: dict[str, Any]) -> None:
    named = {
        extra
        for words in commands(steps)
        for word in words
        for found in re.findall(r"^\.\[([\w,]+)\]$", word)
        for extra in found.split(",")
    }
    assert named == {"dev", "docs"}
    assert named <= project["optional-dependencies"].keys()


def test_compiled_kernels_are_kept_between_runs(repository: Path, jobs: dict[str, Any]) -> None:
    text = (repository / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    folder = yaml.safe_load(text)["env"]["MM_KERNEL_CACHE"].removeprefix("${{ github.workspace }}/")
    for name, job in jobs.items():
        (cache,) = [
            step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/cache@")
        ]
        assert cache["path"] == folder, name
        for source in re.findall(r"'([^']+)'", cache["key"]):
            assert list(repository.glob(source)), source
