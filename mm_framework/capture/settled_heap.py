"""The garbage collector beside a live run: it leaves alone what was there when the run began.

A full collection walks every object of the process, the compiled kernels' and the libraries' among them: a
tenth of a second during which nothing is received. What is there by then stays for the run anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

__all__ = ["settled_heap"]


@contextlib.contextmanager
def settled_heap() -> Iterator[None]:
    """Within the block, in a running event loop, only objects made after its first step are collected.

    That step makes the books and connections of a run, which are as lasting as the rest.
    """
    gc.collect()
    freeze = asyncio.get_running_loop().call_soon(gc.freeze)
    try:
        yield
    finally:
        freeze.cancel()
        gc.unfreeze()
