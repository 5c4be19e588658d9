"""Where verbs do their work in parallel: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar

import click

from mm_framework.errors import ConfigError

__all__ = ["check_executor", "executor_of", "executor_options"]

F = TypeVar("F", bound=Callable[..., Any])


def executor_options(function: F) -> F:
    """Decorator: ``--executor`` and ``--scheduler``."""
    scheduler = click.option(
        "--scheduler", metavar="URL", help="The Dask scheduler, such as tcp://host:8786."
    )
    executor = click.option(
        "--executor",
        type=click.Choice(["processes", "dask"]),
        default="processes",
        show_default=True,
        help="Where the work is done: in processes of this machine, or on a Dask cluster.",
    )
    return executor(scheduler(function))


def check_executor(executor: str, scheduler: str | None) -> None:
    """Raises ConfigError for one of both options without the other."""
    if (scheduler is not None) != (executor == "dask"):
        raise ConfigError("--scheduler and --executor dask belong together", key="scheduler")


@contextlib.contextmanager
def executor_of(workers: int, scheduler: str | None) -> Iterator[Executor | None]:
    """The executor that is meant; None for one worker, which is this process."""
    if scheduler is not None:
        from mm_framework.store.dask_pool import dask_executor

        with dask_executor(scheduler) as pool:
            yield pool
    elif workers > 1:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        # A forked child would share the threads' locks of numba and Arrow.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            yield pool
    else:
        yield None
