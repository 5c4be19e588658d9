"""The flat fee model: the same share of the notional for every fill."""

from __future__ import annotations

import attrs

from mm_framework.settings import section, setting

__all__ = ["FlatFee", "FlatFeeSettings"]


@section("fee.flat")
@attrs.frozen
class FlatFeeSettings:
    """The flat fee model, which a run uses unless it names another."""

    fee_bps: int = setting(100, help="Fee of every fill in basis points of its notional; negative: a rebate.")


class FlatFee:
    """``fee_bps`` of the notional, rounded up to the money unit: against us, for a rebate too."""

    name = "flat"

    def __init__(self, settings: FlatFeeSettings) -> None:
        self.fee_bps = settings.fee_bps

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """See the contract."""
        return -(-notional * self.fee_bps // 10_000)
