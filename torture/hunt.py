"""One check alone, for `planted.py`: leaves with FOUND when it finds something wrong.

python torture/hunt.py simulate VENUE | damage KIND | refuse JOB | tests PATH...
python torture/hunt.py frames mutated|hostile VENUE
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from corpus import build, venue
from damage import KINDS, damage_file
from frames import damage_venue
from refusals import JOBS, refuse
from trial import Room, Tried

from mm_framework.simulate.report import Wish
from mm_framework.simulate.run import simulate

FOUND = 9
"""An exit code that no fault of this script gives."""

SEEDS = 100
SECONDS = 30.0


def _simulated(name: str) -> bool:
    return any(simulate(Wish(venue(name), seed=seed)).violation is not None for seed in range(SEEDS))


def _tested(*paths: str) -> bool:
    code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *paths])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(2)
    return code == pytest.ExitCode.TESTS_FAILED


def main(kind: str, *what: str) -> int:
    """The exit code."""
    if kind == "tests":
        return FOUND * _tested(*what)
    if kind == "simulate":
        return FOUND * _simulated(*what)
    done = Tried()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "frames":
            damage_venue(what[1], what[0], Room(folder, 1, SECONDS), done)
        else:
            build(folder / "corpus")
            if kind == "damage":
                damage_file(next(one for one in KINDS if one.name == what[0]), Room(folder, 1, SECONDS), done)
            else:
                refuse(next(one for one in JOBS if one.name == what[0]), Room(folder, 1, SECONDS), done)
    print(*done.violations, sep="\n")
    return FOUND * bool(done.violations)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
