"""The fee contract: what an execution costs."""

from __future__ import annotations

from typing import Protocol

__all__ = ["FeeModel"]


class FeeModel(Protocol):
    """A fee schedule. ``name`` is recorded with each run."""

    name: str

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The fee of one fill, rounded up against us; a rebate is negative.

        ``notional`` is price x size > 0, an exact integer in the ledger's money unit; the fee is in
        the same unit. Fees are charged per fill, never on a sum.
        """
        ...
