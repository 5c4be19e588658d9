"""Loss stops: what strategies have lost, as far as known here, in exact integers. Pure.

Equity is cash + position x mark - fees, the mark conservative as the ledger's, each fill counted when its
report is here. It is looked at whenever a market moves, an intent is checked or a fill is known. Currencies
are never added: a limit holds for each quote currency by itself.

Money needs integers beyond 64 bits; an engine of machine numbers would need a bound on size x price of the
whole run, checked at its start.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import attrs

from mm_framework.model.orders import Fill, Refusal
from mm_framework.trading.fees import Fees
from mm_framework.trading.ledger import Account, quote_of
from mm_framework.trading.market import Slot
from mm_framework.trading.settings import LimitSettings

__all__ = ["Losses", "Stop"]

_ALL: Final = ""


@attrs.frozen
class Stop:
    """A limit of losses was reached: of one strategy, or of all with ``strategy`` empty."""

    strategy: str
    quote: str

    def covers(self, strategy: str, slot: Slot) -> bool:
        """Whether it stops a strategy's orders in a market."""
        return self.strategy in (_ALL, strategy) and quote_of(slot) == self.quote


@attrs.define
class _Reference:
    """What the equity of somebody in a currency is held against; ``stopped`` until the next period."""

    since_ns: int
    equity: Fraction
    stopped: bool = False


class Losses:
    """Accounts of strategies as known here. ``fees`` None: fees do not count.

    ``limited``: whether there is any limit of losses.
    """

    def __init__(self, limits: LimitSettings, fees: Fees | None) -> None:
        self._fees, self._from_peak = fees, limits.loss_from == "peak"
        told = {Refusal.STRATEGY_LOSS: limits.strategy_loss, Refusal.TOTAL_LOSS: limits.total_loss}
        self._limits = {refusal: Fraction(limit) for refusal, limit in told.items() if limit is not None}
        self._period_ns = None if limits.loss_period_s is None else round(limits.loss_period_s * 1e9)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._references: dict[tuple[str, str], _Reference] = {}
        self._stops: list[Stop] = []
        self.limited = bool(self._limits)

    def stops(self) -> list[Stop]:
        """The limits that were reached since the last call."""
        found, self._stops = self._stops, []
        return found

    def filled(self, fill: Fill, slot: Slot, now_ns: int) -> None:
        """A fill became known."""
        if not self._limits:
            return
        key = (fill.strategy, slot.id)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(fill.strategy, slot)
        price = fill.price * 10
        account.fallback = account.fallback or price
        account.trade(fill.side * fill.size, price)
        if self._fees is not None:
            account.fees += self._fees.of(fill, slot.definition, account.scale)
        self.refusal(fill.strategy, slot, now_ns)

    def refusal(self, strategy: str, slot: Slot, now_ns: int) -> Refusal | None:
        """Why a strategy may not send an order in this market's quote currency, None if it may."""
        found = None
        for refusal, limit in self._limits.items():
            who = strategy if refusal is Refusal.STRATEGY_LOSS else _ALL
            if self._stopped(who, quote_of(slot), limit, now_ns):
                found = found or refusal
        return found

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        for account in self._accounts.values():
            if account.slot is slot:
                account.rescale(price_factor, size_factor)

    def _stopped(self, who: str, quote: str, limit: Fraction, now_ns: int) -> bool:
        equity = self._equity(who, quote)
        reference = self._references.get((who, quote))
        if reference is None:
            reference = self._references[who, quote] = _Reference(now_ns, Fraction(0))
        elif self._period_ns is not None and now_ns - reference.since_ns >= self._period_ns:
            periods = (now_ns - reference.since_ns) // self._period_ns
            reference.since_ns += periods * self._period_ns
            reference.equity, reference.stopped = equity, False
        if self._from_peak:
            reference.equity = max(reference.equity, equity)
        if not reference.stopped and reference.equity - equity >= limit:
            reference.stopped = True
            self._stops.append(Stop(who, quote))
        return reference.stopped

    def _equity(self, who: str, quote: str) -> Fraction:
        total = Fraction(0)
        for (strategy, _), account in self._accounts.items():
            if who in (_ALL, strategy) and quote_of(account.slot) == quote:
                total += Fraction(account.cash + account.mark()[0] - account.fees, 10**account.scale)
        return total
