"""The flat fee model: a share of each fill's notional, rounded up against us."""

from __future__ import annotations

import pytest

from mm_framework.trading.fees import FlatFee, FlatFeeSettings


@pytest.mark.parametrize(
    ("bps", "notional", "fee"),
    [
        (100, 10_000, 100),
        (100, 10_001, 101),
        (100, 1, 1),
        (0, 10_001, 0),
        (-1, 10_001, -1),  # a rebate is rounded against us, too: never more than its share
        (-1, 19_999, -1),
        (26, 10**30 + 1, 26 * 10**26 + 1),
    ],
)
def test_a_fee_is_rounded_up(bps: int, notional: int, fee: int) -> None:
    model = FlatFee(FlatFeeSettings(fee_bps=bps))
    assert model.fee(notional, maker=False, instrument="v:X") == fee
    assert model.fee(notional, maker=True, instrument="v:X") == fee


def test_the_default_is_one_hundred_basis_points() -> None:
    assert FlatFeeSettings().fee_bps == 100
