"""The coverage page lists every row of the requirements, and what it claims as built is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from mm_framework.cli import main

ROWS = [
    f"{group}{n}" for group, last in zip("ABCDE", (9, 7, 11, 12, 10), strict=True) for n in range(1, last + 1)
]


@pytest.fixture(scope="module")
def table(page: Callable[[str], str]) -> dict[str, list[str]]:
    """Row name -> the other cells: what, command, test, status."""
    lines = [line for line in page("coverage").splitlines() if re.match(r"\| [A-E]\d", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_every_row_stands_once_and_in_order(page: Callable[[str], str]) -> None:
    assert re.findall(r"^\| ([A-E]\d+) \|", page("coverage"), re.MULTILINE) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_built_or_planned_and_what_is_built_names_tests_that_exist(
    table: dict[str, list[str]], repository: Path, row: str
) -> None:
    what, command, test, status = table[row]
    assert what
    assert command
    assert status in ("built", "planned")
    tests = re.findall(r"`([^`]+)`", test)
    assert all((repository / name).exists() for name in tests), tests
    assert tests or status == "planned", f"{row} is called built, but no test is named"


def test_the_commands_of_built_rows_exist(table: dict[str, list[str]]) -> None:
    for row, (_, commands, _, status) in table.items():
        for words in re.findall(r"`mm ([^`]+)`", commands) if status == "built" else ():
            command: click.Command | None = main
            for word in words.split():
                if word.startswith("-") or not isinstance(command, click.Group):
                    break
                command = command.get_command(click.Context(command), word)
            assert command is not None, f"{row}: mm {words}"
