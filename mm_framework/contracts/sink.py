"""The sink contract: an output that is a function of the records, written live or by an export."""

from __future__ import annotations

from typing import Protocol

from mm_framework.model.frame import Block

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes what `Feed` took and what it gave; files and their boundaries depend on nothing else."""

    def write(self, block: Block, rows: memoryview, messages: memoryview) -> None:
        """One call of `Feed`: the block it was given, the rows and messages it returned (copy to keep)."""
        ...

    def close(self) -> None:
        """Flush and close; no call follows."""
        ...
