"""Every command and option is documented, and every command that the documentation shows exists."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click

from mm_framework.cli import main

Page = Callable[[str], str]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def resolve(words: list[str]) -> click.Command | None:
    """The command that ``words`` (what follows ``mm``) name, hidden aliases included; None if none does."""
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            return None
        command = found
    return command


def options_of(command: click.Command) -> set[str]:
    """Every spelling of every option, hidden ones included."""
    options = [p for p in command.params if isinstance(p, click.Option)]
    return {"--help", *(name for o in options for name in (*o.opts, *o.secondary_opts))}


def shown_lines(text: str) -> Iterator[str]:
    """The shell lines in the fenced blocks of a page, prompts removed and continued lines joined."""
    for language, body in FENCE.findall(text):
        if language in ("", "sh", "bash", "console", "powershell"):
            for line in re.sub(r"\\\n\s*", " ", body).splitlines():
                yield re.sub(r"^(\$|PS>) ", "", line.strip())


def test_every_command_and_option_stands_on_the_command_page(generate: ModuleType, page: Page) -> None:
    text = page("commands")
    for path, command in generate.all_commands():
        assert f"## `{path}`\n" in text, f"{path} is not documented"
        section = text.split(f"## `{path}`\n")[1].split("\n## ")[0]
        for option in generate.visible_options(command):
            for name in option.opts:
                assert name in section, f"{name} of {path} is not documented"


def test_every_command_and_option_has_a_help_text(generate: ModuleType) -> None:
    missing = []
    for path, command in generate.all_commands():
        if not (command.help or "").strip():
            missing.append(path)
        missing += [
            f"{path} {o.opts[0]}" for o in generate.visible_options(command) if not (o.help or "").strip()
        ]
    assert not missing


def test_every_mm_line_of_the_documentation_names_a_command_and_options_that_exist(
    prose: dict[str, str],
) -> None:
    wrong = []
    shown = 0
    for name, text in prose.items():
        for line in shown_lines(text):
            words = shlex.split(line, comments=True) if line.startswith("mm ") else []
            if not words:
                continue
            shown += 1
            command = resolve(words[1:])
            options = {word.split("=")[0] for word in words if word.startswith("--") and word != "--"}
            if command is None:
                wrong.append(f"{name}: {line}: no such command")
            elif not options <= options_of(command) | options_of(main):
                wrong.append(f"{name}: {line}: no option {sorted(options - options_of(command))}")
    assert shown > 0
    assert not wrong


def test_every_make_target_that_is_shown_or_announced_exists(prose: dict[str, str], repository: Path) -> None:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    announced = {
        word for line in re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE) for word in line.split()
    }
    assert announced == targets
    shown = {
        word
        for text in prose.values()
        for line in shown_lines(text)
        for word in re.findall(r"\bmake ([a-z-]+)", line)
    }
    shown |= {word for text in prose.values() for word in re.findall(r"`make ([a-z-]+)[^`]*`", text)}
    assert {"demo", "simulate"} <= shown <= targets


def test_the_first_command_of_the_readme_is_the_demonstration(prose: dict[str, str]) -> None:
    lines = [line for line in shown_lines(prose["README.md"]) if line.startswith(("make ", "mm "))]
    assert lines[0] == "make demo"


def test_python_in_the_documentation_imports_only_what_exists(prose: dict[str, str]) -> None:
    missing = []
    blocks = [
        (n, body) for n, text in prose.items() for kind, body in FENCE.findall(text) if kind == "python"
    ]
    imports = [
        (n, node)
        for n, body in blocks
        for node in ast.walk(ast.parse(body))
        if isinstance(node, ast.ImportFrom)
    ]
    for name, node in imports:
        if (node.module or "").startswith("mm_framework"):
            module = importlib.import_module(str(node.module))
            missing += [f"{name}: {node.module}.{a.name}" for a in node.names if not hasattr(module, a.name)]
    assert imports
    assert not missing
