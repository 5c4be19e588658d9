"""``make bench`` prints one JSON line for the machine and one for each part of the reference path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_every_figure_is_a_line_with_its_rounds(repository: Path, tmp_path: Path) -> None:
    saved = tmp_path / "figures.json"
    command = [sys.executable, str(repository / "benchmarks" / "run.py"), "--quick", "--json", str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    machine, *figures = map(json.loads, done.stdout.splitlines())
    assert machine["bench"] == "machine"
    assert {"cpus", "processor", "python", "system", "versions", "commit", "changed"} <= machine.keys()
    names = ["decode", "book_checksum", "feed", "log_write", "log_check", "verify", "replay"]
    assert [figure["bench"] for figure in figures] == names
    for figure in figures:
        assert figure["best"] >= figure["median"] > 0
        assert len(figure["rounds"]) == 2
        assert figure["unit"].endswith("/s")
    assert json.loads(saved.read_text()) == {"machine": machine, "results": figures}
