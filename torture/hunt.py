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
SECONDS = 600.0
"""Of a hunt that finds nothing: a slow machine must come as far as a fast one."""


class Found(Exception):
    """Something is wrong: the hunt is over."""


class Hunted(Tried):
    """Ends at the first violation."""

    def violation(self, text: str) -> None:
        """See `Tried`."""
        raise Found(text)


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
    with tempfile.TemporaryDirectory() as name:
        try:
            _hunt(kind, what, Path(name))
        except Found as found:
            print(found)
            return FOUND
    return 0


def _hunt(kind: str, what: tuple[str, ...], folder: Path) -> None:
    """Raises Found."""
    done, room = Hunted(), Room(folder, 1, SECONDS)
    if kind == "frames":
        damage_venue(what[1], what[0], room, done)
        return
    build(folder / "corpus")
    if kind == "damage":
        damage_file(next(one for one in KINDS if one.name == what[0]), room, done)
    else:
        refuse(next(one for one in JOBS if one.name == what[0]), room, done)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
