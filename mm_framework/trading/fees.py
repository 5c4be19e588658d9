"""What a fill is charged: a fee model's word, rounded as the venue rounds; and the flat fee model. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal

import attrs

from mm_framework.contracts.fee_model import FeeModel, PricedFeeModel
from mm_framework.errors import MMError, PluginError
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill
from mm_framework.settings import section, setting
from mm_framework.trading.settings import TradingSettings

__all__ = ["FeeRounding", "Fees", "FlatFee", "FlatFeeSettings"]


_FINER: Final = 12


@attrs.frozen
class FeeRounding:
    """How each fee is rounded to ``decimals`` of the quote currency; None: to the money unit, by the model.

    ``up`` is against us, for a rebate too; ``half_up`` takes ties away from zero; ``down`` is for us.
    """

    mode: Literal["up", "half_up", "down"] = "up"
    decimals: int | None = None

    @property
    def finer(self) -> int:
        """Decimals beyond those of money with which a fee is asked for: models round up, which must not
        decide what the two other modes do.
        """
        return 0 if self.decimals is None or self.mode == "up" else _FINER

    def rounded(self, fee: int, scale: int) -> int:
        """A fee in units of 10**-(``scale`` + `finer`), rounded, in units of 10**-``scale``."""
        if self.decimals is None:
            return fee
        units: int = 10 ** max(0, scale - self.decimals)
        step: int = units * 10**self.finer
        if self.mode == "up":
            return -(-fee // step) * units
        if self.mode == "down":
            return fee // step * units
        whole = (2 * abs(fee) + step) // (2 * step) * units
        return whole if fee >= 0 else -whole


@attrs.frozen
class Fees:
    """A fee model and how its fees are rounded."""

    model: FeeModel
    rounding: FeeRounding = FeeRounding()
    _priced: PricedFeeModel | None = attrs.field(init=False, eq=False, repr=False)

    @_priced.default
    def _ask_for_price(self) -> PricedFeeModel | None:
        return self.model if isinstance(self.model, PricedFeeModel) else None

    @classmethod
    def by(cls, model: FeeModel, settings: TradingSettings) -> Fees:
        """As the settings of a run say."""
        return cls(model, FeeRounding(settings.fee_rounding, settings.fee_decimals))

    @property
    def flat(self) -> FlatFee | None:
        """The built-in flat model, where nothing but that decides; None where fills are to be asked for."""
        model = self.model
        return model if type(model) is FlatFee and self.rounding.decimals is None else None

    def of(self, fill: Fill, definition: Definition, scale: int) -> int:
        """The fee of a fill in money units of 10**-``scale``, the last digit of which is half a price unit.

        Raises PluginError for a model that raises, or gives no integer.
        """
        return self.charged(fill.price, fill.size, definition, scale, maker=fill.maker)

    def charged(self, price: int, size: int, definition: Definition, scale: int, *, maker: bool) -> int:
        """The same of an execution at a price, both numbers at the scales of the definition."""
        notional = price * 10 * size * 10**self.rounding.finer
        fee = self._asked(price, notional, definition, maker=maker)
        if not isinstance(fee, int):
            raise PluginError(f"fee model {self._name} gave {fee!r}, expected an integer", phase="fee")
        return self.rounding.rounded(fee, scale)

    def _asked(self, price: int, notional: int, definition: Definition, *, maker: bool) -> Any:
        """What the model says. What it raises is its plugin's fault."""
        try:
            if self._priced is None:
                return self.model.fee(notional, maker=maker, instrument=definition.id)
            exact = Fraction(price, 10**definition.price_scale)
            return self._priced.fee_at(notional, exact, maker=maker, instrument=definition.id)
        except MMError:
            raise
        except Exception as error:
            told = f"fee model {self._name} raised {type(error).__name__}: {error}"
            raise PluginError(told, phase="fee") from error

    @property
    def _name(self) -> str:
        return str(getattr(self.model, "name", type(self.model).__name__))


@section("fee.flat")
@attrs.frozen
class FlatFeeSettings:
    """The flat fee model, which a run uses unless it names another."""

    fee_bps: int = setting(100, help="Fee of every fill in basis points of its notional; negative: a rebate.")
    maker_bps: int | None = setting(
        None, help="The same of a fill as maker; empty: as every fill. Negative: a rebate."
    )


class FlatFee:
    """``fee_bps`` of the notional, ``maker_bps`` for makers, rounded up to the money unit: against us, for a
    rebate too.
    """

    name = "flat"

    def __init__(self, settings: FlatFeeSettings) -> None:
        self.fee_bps = settings.fee_bps
        self.maker_bps = settings.fee_bps if settings.maker_bps is None else settings.maker_bps

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """See the contract."""
        return -(-notional * (self.maker_bps if maker else self.fee_bps) // 10_000)
