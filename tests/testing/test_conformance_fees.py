"""Every check of a fee model finds the model that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from kit_checks import checks_of, fails, run_check, skips
from toy_conformance import ToyFees, toy

from mm_framework.testing.conformance import FeeModelConformance


class Nameless(ToyFees):
    def __init__(self, bps: int = 10) -> None:
        super().__init__(bps)
        self.name = " "


class SameName(ToyFees):
    def __init__(self, bps: int = 10) -> None:
        super().__init__(bps)
        self.name = "toy"


class ByFloat(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return int(notional * 0.001 + 0.999999)


class Inexact(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> Any:
        return notional * 0.001


class InOurFavour(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return notional * self.bps // 10_000


class Rebate(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return -(notional // 10_000) if maker else super().fee(notional, maker=False, instrument=instrument)


class DearMaker(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return super().fee(notional, maker=not maker, instrument=instrument)


class Gift(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return -super().fee(notional, maker=maker, instrument=instrument)


class Ruinous(ToyFees):
    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return 2 * notional


class Waived(ToyFees):
    """Free from a size on."""

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return 0 if notional > 9_999 else super().fee(notional, maker=maker, instrument=instrument)


class Minimum(ToyFees):
    """A least fee a fill: two fills cost more than one, but not in proportion."""

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return min(notional, 5 + super().fee(notional, maker=maker, instrument=instrument))


class Progressive(ToyFees):
    """Large fills pay more: it is cheaper to cut them."""

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return notional // 100 if notional > 15_000 else 0


CASES: list[tuple[str, str, list[Any]]] = [
    ("a_model_has_a_name_of_its_own", "the name is empty", [Nameless()]),
    ("a_model_has_a_name_of_its_own", "names two schedules", [SameName(20), SameName(10)]),
    ("fees_are_whole_and_have_the_right_sign", "expected an integer", [Inexact()]),
    ("fees_are_whole_and_have_the_right_sign", "rebates are not declared", [Rebate()]),
    ("fees_are_whole_and_have_the_right_sign", "a maker pays", [DearMaker()]),
    ("fees_are_whole_and_have_the_right_sign", "a taker", [Gift()]),
    ("fees_are_whole_and_have_the_right_sign", "a fee of", [Ruinous()]),
    ("rounding_is_exact_and_against_us", "exact is", [ByFloat()]),
    ("rounding_is_exact_and_against_us", "exact is", [InOurFavour()]),
    ("a_larger_fill_never_costs_less", "one more 0", [Waived()]),
    ("a_larger_fill_never_costs_less", "twice costs less", [Progressive()]),
    ("who_trades_more_never_pays_more", "rates of the tiers", [ToyFees(10), ToyFees(20)]),
]


@pytest.mark.parametrize(("name", "match", "tiers"), CASES)
def test_a_broken_fee_model_is_found(name: str, match: str, tiers: list[Any]) -> None:
    fails(FeeModelConformance, name, match, venue=toy(), tiers=tiers)


def test_rebates_and_least_fees_are_allowed_where_they_are_declared() -> None:
    run_check(
        FeeModelConformance,
        "fees_are_whole_and_have_the_right_sign",
        venue=toy(),
        tiers=[Rebate()],
        rebates=True,
    )
    name = "rounding_is_exact_and_against_us"
    skips(FeeModelConformance, name, "not proportional", venue=toy(), tiers=[Minimum()], proportional=False)


def test_each_check_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == checks_of(FeeModelConformance)


def test_what_is_not_declared_is_skipped_with_a_reason() -> None:
    for name in checks_of(FeeModelConformance):
        skips(FeeModelConformance, name, "toy declares no fee model", venue=toy(fees=None))
    skips(FeeModelConformance, "who_trades_more_never_pays_more", "no tiers", venue=toy())
