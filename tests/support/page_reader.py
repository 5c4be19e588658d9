"""Somebody who does what a page of the documentation says, in an empty folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from plugin_environment import PluginEnvironment

BLOCK = re.compile(r"(?:`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Reader:
    """Saves the files of a page and runs its commands. ``folder`` is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = PluginEnvironment(folder / ".venv")

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")

    def run(self, line: str) -> tuple[int, str]:
        """Run a line of a shell: its exit code and what it prints. Only what the page needs is known."""
        match shlex.split(line):
            case ["mm", *arguments]:
                done = self.environment.mm(*arguments, cwd=self.folder)
            case ["python", "-m", "pip", "install", "-e", project]:
                self.environment.install(self.folder / project)
                return 0, ""
            case ["python", "-m", "pytest", project]:
                done = self.environment.pytest(cwd=self.folder / project)
            case ["grep", "-v", text, source, ">", target]:
                lines = (self.folder / source).read_text().splitlines(keepends=True)
                self.save(target, "".join(one for one in lines if text not in one))
                return 0, ""
            case ["rm", *names]:
                for name in names:
                    (self.folder / name).unlink()
                return 0, ""
            case _:
                raise AssertionError(f"the reader does not know how to run {line!r}")
        return done.returncode, f"{done.stdout}\n{done.stderr}"


def steps(page: str) -> Iterator[tuple[str, str]]:
    """``(file, text)`` or ``("$ command", what it prints)``, in the order of the page."""
    for name, language, body in BLOCK.findall(page):
        if language == "text":
            yield re.findall(r"`([\w.]+\.log)`", page)[0], body
        elif language == "console":
            for command in re.split(r"^(?=\$ )", body, flags=re.MULTILINE)[1:]:
                line, _, shown = command.partition("\n")
                yield line, shown
        else:
            assert name, f"no file is named before a block of {language}: {body[:60]}"
            yield name, body


def follow(text: str, folder: Path, answers_no: Collection[str] = ()) -> list[str]:
    """Do all that a page says, and hold what is printed against what it shows; the commands that were run.

    ``answers_no``: those that the page says to leave with exit code 1.
    """
    reader, ran = Reader(folder), []
    for what, told in steps(text):
        if not what.startswith("$ "):
            reader.save(what, told)
            continue
        line = what.removeprefix("$ ")
        exit_code, printed = reader.run(line)
        assert exit_code == (line in answers_no), f"{line}: exit code {exit_code}\n{printed}"
        missing = [shown for shown in told.splitlines() if shown not in printed]
        assert not missing, f"{line} does not print {missing}, but\n{printed}"
        ran.append(line)
    return ran
