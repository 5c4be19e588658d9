"""``make bench-record``: the output of benchmarks is kept as it was printed, or what was kept stays."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

PRINTED = '{"bench": "machine"}\nround 1\n{"bench": "x", "value": 1.50}\n\n| a | table |\n'


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run; ``fails.py`` fails."""
    import record

    commands: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        commands.append([Path(command[1]).name, *command[2:]])
        return subprocess.CompletedProcess(command, int("fails.py" in command[1]), stdout=PRINTED)

    monkeypatch.setattr(record.subprocess, "run", run)
    return commands


def test_json_lines_are_kept_behind_the_command(
    ran: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import record
    from record import Recording, main

    monkeypatch.setattr(record, "RESULTS", tmp_path)
    known = {"one": Recording("one.py", ("--rounds", "3")), "two": Recording("two.py")}
    assert main(["one"], known) == 0
    about, *lines = (tmp_path / "one.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(about)["command"] == "python benchmarks/one.py --rounds 3"
    assert json.loads(about).keys() == {"bench", "command", "date", "seconds", "load"}
    assert lines == ['{"bench": "machine"}', '{"bench": "x", "value": 1.50}']
    assert ran == [["one.py", "--rounds", "3"], ["generate.py"]]


def test_a_benchmark_that_fails_leaves_what_was_kept(
    ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from record import Recording, main

    (tmp_path / "fails.jsonl").write_text("before")
    known = {"fails": Recording("fails.py"), "one": Recording("one.py")}
    assert main(["--results", str(tmp_path), "--quick"], known) == 1
    assert (tmp_path / "fails.jsonl").read_text() == "before"
    assert "record: fails failed with exit code 1" in capsys.readouterr().err
    assert ran == [["fails.py", "--quick"], ["one.py", "--quick"]]


def test_an_unknown_benchmark_is_a_usage_error(ran: list[list[str]], tmp_path: Path) -> None:
    from record import main

    with pytest.raises(SystemExit) as stopped:
        main(["nothing", "--results", str(tmp_path)])
    assert stopped.value.code == 2
    assert ran == []


def test_every_recorded_benchmark_is_a_script_whose_figures_a_page_tells(repository: Path) -> None:
    from record import RECORDED

    page = (repository / "docs" / "how-to" / "benchmarks.md").read_text(encoding="utf-8")
    for name, one in RECORDED.items():
        assert (repository / "benchmarks" / one.script).is_file()
        assert f"<!-- generated: speed-{name} -->" in page
