"""What every fee model must hold to: exact, rounded against us, cheaper for who trades more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import pytest

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.testing.conformance.base import Conformance

__all__ = ["FeeModelConformance"]

LARGE = 10**40
"""A notional that shows every digit of a rate."""


class FeeModelConformance(Conformance):
    """``tiers``: the models of a schedule, from the least to the most trading; by default the one of
    `Venue.fees`. ``rebates``: makers may be paid. ``proportional``: a fee is a rate of the notional.
    """

    tiers: Sequence[FeeModel] = ()
    rebates = False
    proportional = True
    draws = 300

    def test_a_model_has_a_name_of_its_own(self) -> None:
        """A run records it, so two tiers that differ are named differently."""
        names: dict[str, tuple[Fraction, ...]] = {}
        for model in self._models():
            assert isinstance(model.name, str), f"the name is {model.name!r}"
            assert model.name.strip(), "the name is empty"
            rates = tuple(
                self._rate(model, maker=maker, of=one) for one in self._ids() for maker in (True, False)
            )
            assert names.setdefault(model.name, rates) == rates, f"{model.name!r} names two schedules"

    def test_fees_are_whole_and_have_the_right_sign(self) -> None:
        """Integers; a taker pays at least what a maker pays; nobody is paid unless rebates are declared."""
        for model, instrument, notional in self._fills():
            maker = model.fee(notional, maker=True, instrument=instrument)
            taker = model.fee(notional, maker=False, instrument=instrument)
            for fee in (maker, taker):
                assert type(fee) is int, f"a fee is {fee!r}, expected an integer"
                assert abs(fee) <= notional, f"a fee of {fee} on {notional}"
            assert maker <= taker, f"{model.name}: a maker pays {maker}, a taker {taker} on {notional}"
            assert taker >= 0, f"{model.name}: a taker is paid {-taker} on {notional}"
            assert maker >= 0 or self.rebates, f"{model.name}: a maker is paid, but rebates are not declared"

    def test_rounding_is_exact_and_against_us(self) -> None:
        """The ceiling of rate x notional, however large; so no float was used."""
        if not self.proportional:
            pytest.skip("the fee model declares that its fees are not proportional")
        for model, instrument, notional in self._fills():
            for maker in (True, False):
                rate = self._rate(model, maker=maker, of=instrument)
                expected = ceil(rate * notional)
                found = model.fee(notional, maker=maker, instrument=instrument)
                assert found == expected, f"{model.name}: {found} on {notional}, exact is {rate * notional}"

    def test_a_larger_fill_never_costs_less(self) -> None:
        """Fees rise with the notional (rebates fall), and two fills cost no less than one of their sum."""
        for model, instrument, notional in self._fills():
            fees = [model.fee(one, maker=False, instrument=instrument) for one in (notional, notional + 1)]
            assert fees[0] <= fees[1], f"{model.name}: {notional} costs {fees[0]}, one more {fees[1]}"
            whole = model.fee(2 * notional, maker=False, instrument=instrument)
            assert whole <= 2 * fees[0], f"{model.name}: {notional} twice costs less than at once"

    def test_who_trades_more_never_pays_more(self) -> None:
        """From tier to tier the fees of makers and of takers fall or stay."""
        models = self._models()
        if len(models) < 2:
            pytest.skip("the fee model declares no tiers")
        for instrument in self._ids():
            for maker in (True, False):
                rates = [self._rate(model, maker=maker, of=instrument) for model in models]
                assert sorted(rates, reverse=True) == rates, f"rates of the tiers are {[*map(str, rates)]}"

    # parts

    def _models(self) -> Sequence[FeeModel]:
        if not self.tiers and self.venue.fees is None:
            pytest.skip(f"{self.kit.adapter.venue} declares no fee model")
        return self.tiers or [self.venue.fees() for _ in range(1) if self.venue.fees is not None]

    def _ids(self) -> tuple[str, ...]:
        return self.venue.instruments

    def _fills(self) -> list[tuple[FeeModel, str, int]]:
        """Models, instruments and notionals from 1 to 40 digits."""
        draw, fills = random.Random("fees"), []
        for model in self._models():
            notionals = [1, 2, 9_999, 10_000, 10_001]
            notionals += [draw.randrange(1, 10 ** draw.randrange(1, 41)) for _ in range(self.draws)]
            fills += [(model, draw.choice(self._ids()), notional) for notional in notionals]
        return fills

    def _rate(self, model: FeeModel, *, maker: bool, of: str) -> Fraction:
        return Fraction(model.fee(LARGE, maker=maker, instrument=of), LARGE)
