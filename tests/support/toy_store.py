"""Stores of the toy venue: bundles around midnight, built as a program would."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import toy_venue as toy

from mm_framework.store.builder import Build, BuildReport, build
from mm_framework.store.inputs import Source, find_source
from mm_framework.store.reader import Store, open_store
from mm_framework.store.row_cache import RowCache

__all__ = ["MIDNIGHT_NS", "build_inputs", "build_toy", "make_kits", "opened", "slow_kits", "toy_run"]

MIDNIGHT_NS = 1_699_999_200 * 10**9 // 86_400_000_000_000 * 86_400_000_000_000
"""The first nanosecond of 2023-11-14."""


def make_kits(venues: Collection[str]) -> dict[str, Any]:
    """Kits of the toy venue, in any process that has the support modules on its path."""
    return toy.toy_kits()


def slow_kits(venues: Collection[str]) -> dict[str, Any]:
    """The same after a while, so that a worker can be killed at its work."""
    time.sleep(0.5)
    return make_kits(venues)


def versions(venues: Collection[str]) -> dict[str, str]:
    """What reads the toy venue."""
    return {"mm-framework": "1", "mm-toy": "1"}


def toy_run(
    path: Path,
    *,
    seed: int = 1,
    symbols: Sequence[str] = ("A/B", "C/D"),
    start_ns: int = MIDNIGHT_NS - 100_000_000,
    **session: Any,
) -> Path:
    """A bundle of records 1 ms apart from ``start_ns`` on: by default some before midnight, most after."""
    log = toy.toy_session(symbols, seed=seed, wall0_ns=start_ns, **session)
    return toy.write_toy_run(path, {0: log})


def build_toy(store: Path | str, *runs: Path, executor: Executor | None = None, **how: Any) -> BuildReport:
    """Build a store of toy runs."""
    sources = [find_source(run) for run in runs]
    plan = Build(how.pop("make_kits", make_kits), how.pop("versions", versions), "tests", executor, **how)
    return build(str(store), sources, plan)


def build_inputs(store: Path | str, sources: Sequence[Source], **how: Any) -> BuildReport:
    """Build a store of any inputs; bundles among them are the toy venue's."""
    plan = Build(how.pop("make_kits", make_kits), how.pop("versions", versions), "tests", **how)
    return build(str(store), sources, plan)


def opened(store: Path | str, folder: Path) -> Store:
    """The store, with its row cache in a folder."""
    return open_store(store, cache=RowCache(folder / "cache"))
