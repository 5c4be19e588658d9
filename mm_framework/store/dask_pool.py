"""A Dask cluster as an executor: the workers must see the inputs and the store by the same names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from mm_framework.errors import EnvironmentFailed

__all__ = ["dask_executor"]


@contextlib.contextmanager
def dask_executor(scheduler: str, *, wait_s: float = 30.0) -> Iterator[Executor]:
    """The executor of a cluster, whose failed workers Dask replaces by others.

    Raises EnvironmentFailed without Dask, or when the scheduler or its workers cannot be reached.
    """
    try:
        from distributed import Client
    except ImportError:
        raise EnvironmentFailed("a Dask cluster needs Dask: install mm-framework[dask]") from None
    try:
        client: Any = Client(scheduler, timeout=f"{wait_s}s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentFailed(f"the Dask scheduler {scheduler} cannot be reached: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=wait_s)
        except TimeoutError:
            raise EnvironmentFailed(f"the Dask scheduler {scheduler} has no workers: start one") from None
        yield client.get_executor(pure=False, retries=3)
