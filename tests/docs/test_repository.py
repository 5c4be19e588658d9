"""What must never stand in a tracked file: addresses of package hosts, paths of a machine, lock files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Written in pieces, so that this file does not find itself.
HOSTS = re.compile(
    "|".join((r"py" r"pi\.org", r"python" r"hosted\.org", r"npm" r"js\.(org|com)", r"deb\.deb" r"ian\.org"))
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.~-])/(?:" + "|".join(("work", "root", "farm", "home/\\w+", "Users/\\w+")) + r")/"
)
LOCK_FILES = {
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "conda-lock.yml",
    "package-lock.json",
    "pylock.toml",
}
UNFINISHED = re.compile(
    r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|type: ig" r"nore(?!\[)|no" r"qa(?!: [A-Z])"
)
LARGEST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def files(repository: Path) -> dict[str, bytes]:
    """The content of every file that git tracks or would track, by its path."""
    if not (repository / ".git").exists():
        pytest.skip("needs a git work tree to know which files belong to the repository")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = (
        subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout.decode().split("\0")
    )
    return {
        name: (repository / name).read_bytes() for name in names if name and (repository / name).is_file()
    }


def lines_with(
    pattern: re.Pattern[str], files: dict[str, bytes], suffixes: tuple[str, ...] = ("",)
) -> list[str]:
    """``path:line: text`` of every match in a text file."""
    found = []
    for name, content in files.items():
        if b"\0" in content or not name.endswith(suffixes):
            continue
        text = content.decode("utf-8", "replace")
        found += [
            f"{name}:{n}: {line.strip()}"
            for n, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    return found


def test_no_file_holds_the_address_of_a_package_host(files: dict[str, bytes]) -> None:
    assert lines_with(HOSTS, files) == []


def test_no_file_holds_an_absolute_path_of_a_machine(files: dict[str, bytes]) -> None:
    assert lines_with(MACHINE_PATHS, files) == []


def test_no_lock_file_is_tracked(files: dict[str, bytes]) -> None:
    assert [name for name in files if Path(name).name in LOCK_FILES] == []


def test_no_file_is_large(files: dict[str, bytes]) -> None:
    assert {name: len(content) for name, content in files.items() if len(content) > LARGEST_BYTES} == {}


def test_no_code_is_left_unfinished_or_silenced_without_a_reason(files: dict[str, bytes]) -> None:
    assert lines_with(UNFINISHED, files, (".py",)) == []


def test_no_paths_differ_only_by_case(files: dict[str, bytes]) -> None:
    """Such files cannot be checked out on macOS and Windows."""
    assert len({name.lower() for name in files}) == len(files)


def test_constraints_are_exact_versions_and_nothing_else(files: dict[str, bytes]) -> None:
    lines = [line for line in files["constraints.txt"].decode().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line)] == []
