"""The fee contract: what an execution costs."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol, runtime_checkable

__all__ = ["FeeModel", "PricedFeeModel"]


class FeeModel(Protocol):
    """A fee schedule. ``name`` is recorded with each run."""

    name: str

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The fee of one fill, rounded up against us; a rebate is negative.

        ``notional`` is price x size > 0, an exact integer in the ledger's money unit; the fee is in
        the same unit. Fees are charged per fill, never on a sum.
        """
        ...


@runtime_checkable
class PricedFeeModel(Protocol):
    """A fee schedule whose rate depends on the price; ``fee`` then gives a bound, as it knows no price."""

    name: str

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The most that `fee_at` gives at any price."""
        ...

    def fee_at(self, notional: int, price: Fraction, *, maker: bool, instrument: str) -> int:
        """The fee of one fill at ``price`` in quote currency; otherwise as `FeeModel.fee`."""
        ...
