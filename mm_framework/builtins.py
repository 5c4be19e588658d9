"""What the core itself offers, registered through the hooks that plugins use."""

from __future__ import annotations

from mm_framework.contracts.spec import FeeModelSpec
from mm_framework.hookspecs import hookimpl
from mm_framework.trading.fees import FlatFee, FlatFeeSettings

__all__ = ["mm_register_fee_models"]


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """The flat fee, which a run uses unless it names another model."""
    return [
        FeeModelSpec(
            name="flat",
            factory=FlatFee,
            settings=FlatFeeSettings,
            description="The same share of the notional for every fill",
        )
    ]
