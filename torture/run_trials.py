"""Try to break the program: ``make torture``. Ends with 1 when it broke its word anywhere.

    python torture/run_trials.py [--sample] [--minutes N] [--seed N] [--only NAME ...] [--json FILE]

Without ``--minutes`` everything is tried: every byte of every file kind, a million frames, a hundred kills;
that takes hours. ``--sample`` is the part that belongs into every check of the repository: two minutes,
and what its planted mistakes take.
A report is written to ``build/torture.json``; ``python torture/page.py`` makes the page of reliability of it.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path

from damage import damage_files
from frames import hostile_frames, mutated_frames
from planted import planted_mistakes
from refusals import refused_calls
from soak import soak
from storms import disks, kills, slow_peers
from trial import Room, Trial, Tried

REPOSITORY = Path(__file__).resolve().parent.parent

TRIALS: dict[str, tuple[Trial, float]] = {
    "damaged files": (damage_files, 0.3),
    "refused calls": (refused_calls, 0.2),
    "mutated frames": (mutated_frames, 0.12),
    "hostile frames": (hostile_frames, 0.13),
    "planted mistakes": (planted_mistakes, 0.25),
    "kill -9": (kills, 0.0),
    "disks that fail": (disks, 0.0),
    "slow and broken peers": (slow_peers, 0.0),
    "soak": (soak, 0.0),
}
"""Each with its share of the time of a sample; what has none is left to the tests of flows there."""

SAMPLE_MINUTES = 2.0


def tried(name: str, folder: Path, seed: int, minutes: float | None) -> tuple[Tried, float]:
    """Run one trial; what it found, and its seconds."""
    trial, share = TRIALS[name]
    room = Room(folder / name.replace(" ", "-"), seed, 60 * (minutes or 0) * share, whole=minutes is None)
    room.folder.mkdir(parents=True)
    begun = time.monotonic()
    return trial(room), time.monotonic() - begun


def main() -> int:
    """Run the trials and print a line for each; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", action="store_true", help=f"{SAMPLE_MINUTES:g} minutes of it")
    parser.add_argument("--minutes", type=float, help="so long, all trials together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=sorted(TRIALS), metavar="NAME", help="only these trials")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "torture.json", metavar="FILE")
    given = parser.parse_args()
    minutes = SAMPLE_MINUTES if given.sample else given.minutes
    names = given.only or [name for name, (_, share) in TRIALS.items() if share or minutes is None]
    about = {
        "seed": given.seed,
        "minutes": minutes,
        "day": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
    }
    report = []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for name in names:
            print(f"{name} ...", flush=True)
            done, seconds = tried(name, Path(folder), given.seed, minutes)
            print(f"  {done.tried:,} tried, {len(done.violations)} violations, {seconds:.0f} s", flush=True)
            for text in done.violations:
                print(f"  VIOLATION {text}", flush=True)
            report.append(
                {"trial": name, "tried": done.tried, "counts": done.counts,
                 "violations": done.violations, "seconds": round(seconds, 1)}
            )  # fmt: skip
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(about | {"trials": report}, indent=2) + "\n")
    broken = sum(bool(one["violations"]) for one in report)
    print(f"torture: {'FAIL, ' + str(broken) + ' trials' if broken else 'PASS'} ({given.json})")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
