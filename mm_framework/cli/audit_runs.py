"""``mm run --audit-determinism``: the same replay in two processes; do they print the same bytes?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import click

from mm_framework.cli.app import App
from mm_framework.errors import MMError

__all__ = ["audit_determinism"]

HASH_SEEDS = ("1", "2")

_FLAG = "--audit-determinism"
_STABLE = "--stable-json"
_NO_LOGS = ("--no-calibration-log",)
PROGRAM = "from mm_framework.cli import main; main()"


class ChildFailed(MMError):
    """A run of the audit failed; ``exit_code`` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code  # type: ignore[misc]  # of this one error, not of the class
        super().__init__(message)


def audit_determinism(app: App, arguments: Sequence[str]) -> int:
    """Run ``mm run`` with the arguments twice, print PASS or FAIL; 0 or 1.

    Raises ChildFailed, after FAIL, when a run does not end well.
    """
    outputs = [_child(app, arguments, seed) for seed in HASH_SEEDS]
    same = outputs[0] == outputs[1]
    hashes = [json.loads(output)["final_hash"] for output in outputs]
    document = {"ok": same, "verdict": "PASS" if same else "FAIL", "final_hashes": hashes}
    app.out.emit(document, lambda: _shown(same, hashes, outputs))
    return 0 if same else 1


def _child(app: App, arguments: Sequence[str], hash_seed: str) -> bytes:
    root = ["--quiet"]
    if app.config is not None:
        root += ["--config", app.config]
    if app.env_wins:
        root.append("--env-wins")
    own = [word for word in arguments if word not in (_FLAG, "--json")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *root, "run", _STABLE, *_NO_LOGS, *own],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        if not app.out.json:
            click.echo("FAIL")
        said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
        raise ChildFailed(f"a run of the audit failed: {said}", done.returncode)
    return done.stdout


def _shown(same: bool, hashes: Sequence[str], outputs: Sequence[bytes]) -> str:
    if same:
        return f"PASS two processes printed the same {len(outputs[0])} bytes, final_hash {hashes[0]}"
    lines = [output.decode(errors="replace").strip() for output in outputs]
    return "\n".join(["FAIL two processes printed different lines:", *lines])
