"""The Nth write, fsync, rename or open fails, for every N until all succeed.

A command then says so as it must, and the same command once more, on a disk that is well again, gives
what it gives where nothing ever failed.
"""

from __future__ import annotations

import builtins
import errno
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
from command import ask
from corpus import build
from trial import Room, Tried

__all__ = ["JOBS", "Job", "refuse", "refused_calls", "refusing"]

MOST = 400
"""Calls of a kind that a command makes at most."""


@attrs.frozen
class Job:
    """A command over a copy of the corpus, and the files (patterns) that it is about."""

    name: str
    command: tuple[str, ...]
    made: tuple[str, ...]


_RUN: Final = "{root}/data/runs/whole"
_DATA: Final = ("--data-dir", "{root}/data")

JOBS: Final = (
    Job("seal", ("seal", _RUN), ("data/runs/whole/capture/*",)),
    Job(
        "export of a day",
        ("export", "whole", *_DATA, "--to", "day-files", "--out", "{root}/x"),
        ("x/**/*.gz", "x/**/*.json"),
    ),
    Job(
        "export of best prices",
        ("export", "whole", *_DATA, "--to", "bbo-csv", "--out", "{root}/x.csv"),
        ("x.csv",),
    ),
    Job("build of a store", ("store", "build", _RUN, "--out", "{root}/new"), ("new/**/*.parquet",)),
    Job(
        "slice",
        ("slice", _RUN, "--out", "{root}/data/runs/part", "--from", "{begin}", "--to", "{end}"),
        ("data/runs/part/capture/*.frames",),
    ),
    Job(
        "backtest",
        (
            *("backtest", "--run", _RUN, "--strategy", "toy_spread", "--qa", "any", "--id", "new", *_DATA),
            *("--no-report", "--backtest-engine", "interpreted"),
        ),
        ("data/results/new/*.parquet",),
    ),
)


def refused_calls(room: Room) -> Tried:
    """Each command gets an equal share of the time."""
    done = Tried()
    build(room.folder / "corpus")
    for job in JOBS:
        refuse(job, attrs.evolve(room, seconds=room.seconds / len(JOBS)), done)
    return done


def refuse(job: Job, room: Room, done: Tried) -> None:
    """Let every call of a command fail, over the ``corpus`` in the room, until its time is spent."""
    corpus = room.folder / "corpus"
    whole, answer, _ = _run(job, corpus, room, None)
    if answer.broken or answer.code > 1:
        done.violation(f"{job.name}: {answer.broken or answer.code} though nothing failed")
        return
    for kind in ("rename", "fsync", "open", "write"):
        for number in range(1, MOST):
            if room.over:
                return
            found, answer, failed = _run(job, corpus, room, (kind, number))
            if not failed:
                break
            done.tried += 1
            done.count(f"{job.name}, {kind}")
            where = f"{job.name}, {kind} {number} fails"
            if answer.broken:
                done.violation(f"{where}: {answer.broken}")
            elif found != whole:
                done.violation(f"{where}: the next try gives other files")


def _run(job: Job, corpus: Path, room: Room, failing: tuple[str, int] | None) -> Any:
    """The digests of what the command made, its answer, and whether a call failed."""
    root = room.folder / "work"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(corpus, root)
    command = [part.format(root=root, begin=BEGIN, end=END) for part in job.command]
    failed = False
    if failing is not None:
        with refusing(*failing) as told:
            first = ask(*command)
        failed = bool(told)
        again = first if first.code in (0, 1) else ask(*command)
        if again.broken or again.code > 1:
            return {"after it": again.code, "says": again.broken}, first, failed
        return _digests(root, job.made), first, failed
    first = ask(*command)
    return _digests(root, job.made), first, failed


BEGIN, END = "2025-06-15T00:00:00Z", "2035-01-01T00:00:00Z"


def _digests(root: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in sorted(root.glob(pattern))
        if path.is_file()
    }


@contextmanager
def refusing(kind: str, number: int) -> Iterator[list[str]]:
    """The ``number``-th call of this kind that changes files fails; the list then names its file.

    A file that could not be written once can be written no more.
    """
    told: list[str] = []
    count = 0

    def refuse(path: object) -> None:
        nonlocal count
        count += 1
        if count == number:
            told.append(str(path))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    class Raw(io.FileIO):
        full = False

        def write(self, data: Any) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.name))
            if kind == "write":
                self.full = count + 1 == number
                refuse(self.name)
            return super().write(data)

    real_open, real_fsync, real_replace, real_rename = io.open, os.fsync, os.replace, os.rename

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or isinstance(file, int):
            return real_open(file, mode, buffering, *rest, **named)
        if kind == "open":
            refuse(file)
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *rest, **named)

    def synced(descriptor: int) -> None:
        if kind == "fsync":
            refuse(descriptor)
        real_fsync(descriptor)

    def moved(real: Callable[..., None]) -> Callable[..., None]:
        def move(source: Any, target: Any, *rest: Any, **named: Any) -> None:
            if kind == "rename":
                refuse(target)
            real(source, target, *rest, **named)

        return move

    io.open = builtins.open = opened  # type: ignore[assignment]
    os.fsync, os.replace, os.rename = synced, moved(real_replace), moved(real_rename)
    try:
        yield told
    finally:
        io.open = builtins.open = real_open
        os.fsync, os.replace, os.rename = real_fsync, real_replace, real_rename
