"""The ledger: positions, cash, fees and where the profit came from, in exact integers. Pure.

An account is one strategy in one instrument. Its unit of money is 10**-k of the quote currency with
k = price scale + size scale + 1: the last digit holds half a price unit, so that a mid is exact.
Prices inside are therefore ten times the instrument's integers.

Per fill j with sign s, size n, price p, mid m before it, horizon h, end T, t* = min(t + h, T):

    spread capture   s n (m - p)            fees             - fee
    adverse          s n (M(t*) - m)        mark adjustment  q (mark - M(T))
    inventory        s n (M(T) - M(t*))

Their sum is cash + q mark - fees, exactly; `Ledger.results` asserts it. Cash holds no fees. A mid that
is not there is the last valid one, before any the fill's own price; such fills are counted. Marks are
conservative: a long is marked at the bids, a short at the asks, walking the book beyond the best
level; a side that is not there is marked at its last price, flagged stale. A setting marks at the mid in
their place: there is no mark adjustment then, and a mark is stale while a side is not there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import attrs

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.model.events import ASK, BID
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill
from mm_framework.trading.fees import Fees
from mm_framework.trading.market import Slot
from mm_framework.trading.settings import TradingSettings

__all__ = [
    "AMOUNTS",
    "Account",
    "AccountResult",
    "Ledger",
    "Money",
    "by_quote",
    "entry_after",
    "least_scale",
    "money_scale",
    "quote_of",
]

FEW: Final = 8
"""Levels that mostly hold a position; if they do not, the whole side is looked at."""


def entry_after(held: int, entry: int, signed: int, price: int) -> int:
    """What an open position of ``held`` cost, after an execution of ``signed`` at ``price``."""
    if not held or (held > 0) == (signed > 0):
        return entry + signed * price
    closed, left = min(abs(signed), abs(held)), abs(signed) - abs(held)
    entry -= entry * closed // abs(held)
    return entry + (left if signed > 0 else -left) * price if left > 0 else entry


@attrs.define
class Account:
    """One strategy in one instrument. Money and prices as the module says; sizes at the size scale.

    ``cash`` = - sum s n p. ``entry`` is what the open position cost at average prices (negative for
    a short): realized profit is cash + entry. ``carried`` = sum s n M(t*) over the fills whose
    horizon has passed, ``fallback`` the price that stands in for a mid before the first one. ``at_mid``:
    marks are mids.
    """

    strategy: str
    slot: Slot
    position: int = 0
    cash: int = 0
    fees: int = 0
    entry: int = 0
    turnover: int = 0
    fills: int = 0
    fills_without_mid: int = 0
    spread: int = 0
    adverse: int = 0
    carried: int = 0
    fallback: int = 0
    at_mid: bool = False

    @property
    def scale(self) -> int:
        """k: decimals of the money unit."""
        return money_scale(self.slot.definition)

    def mid(self) -> int:
        """The last valid mid."""
        return self.fallback if self.slot.mid2 is None else self.slot.mid2 * 5

    def trade(self, signed: int, price: int) -> None:
        """Move position, cash and average entry by an execution of ``signed`` at ``price`` (times ten)."""
        self.entry = entry_after(self.position, self.entry, signed, price)
        self.position += signed
        self.cash -= signed * price
        self.turnover += abs(signed) * price

    def rescale(self, price_factor: int, size_factor: int) -> None:
        """Scales became larger."""
        for name in ("cash", "fees", "entry", "turnover", "spread", "adverse", "carried"):
            setattr(self, name, getattr(self, name) * price_factor * size_factor)
        self.position *= size_factor
        self.fallback *= price_factor

    def mark(self) -> tuple[int, bool]:
        """``(position x mark, stale)``."""
        if self.at_mid:
            both = self.slot.levels(BID, 1) and self.slot.levels(ASK, 1)
            return self.position * self.mid(), bool(self.position and not both)
        left, value = abs(self.position), 0
        if not left:
            return 0, False
        side = BID if self.position > 0 else ASK
        last = self.slot.last_bid if side == BID else self.slot.last_ask
        levels = self.slot.levels(side, FEW)
        if len(levels) == FEW and sum(size for _, size in levels) < left:
            levels = self.slot.levels(side)
        price = self.fallback if last is None else last * 10
        for level, size in levels:
            price = level * 10
            taken = min(left, size) if size else left
            value += taken * price
            left -= taken
            if not left:
                break
        value += left * price
        return (value if self.position > 0 else -value), not levels


AMOUNTS = (
    "cash", "realized", "unrealized", "fees", "total",
    "spread", "adverse", "inventory", "mark_adjustment",
)  # fmt: skip


@attrs.frozen
class Money:
    """Amounts of one quote currency in units of 10**-``scale``. ``cash`` holds no fees.

    ``total = realized + unrealized - fees = spread + adverse + inventory - fees + mark_adjustment``.
    """

    quote: str
    scale: int
    cash: int = 0
    realized: int = 0
    unrealized: int = 0
    fees: int = 0
    total: int = 0
    spread: int = 0
    adverse: int = 0
    inventory: int = 0
    mark_adjustment: int = 0

    def at(self, scale: int) -> Money:
        """The same amounts at another scale, which must hold them exactly (`least_scale`)."""
        up, down = 10 ** max(0, scale - self.scale), 10 ** max(0, self.scale - scale)
        amounts = {name: getattr(self, name) * up // down for name in AMOUNTS}
        return Money(self.quote, scale, **amounts)

    def plus(self, other: Money) -> Money:
        """The sum, at the larger scale of the two."""
        scale = max(self.scale, other.scale)
        one, two = self.at(scale), other.at(scale)
        amounts = {name: getattr(one, name) + getattr(two, name) for name in AMOUNTS}
        return Money(self.quote, scale, **amounts)

    def least_scale(self, at_least: int) -> int:
        """The smallest scale, from ``at_least`` on, that holds all amounts exactly."""
        return max(least_scale(getattr(self, name), self.scale, at_least) for name in AMOUNTS)


@attrs.frozen
class AccountResult:
    """An account at the end. ``stale``: marked at a price that was no longer the market's."""

    strategy: str
    instrument: str
    position: int
    size_scale: int
    fills: int
    fills_without_mid: int
    stale: bool
    money: Money


class Ledger:
    """All accounts of a run. ``horizon_ns``: when the adverse part of a fill is read."""

    def __init__(self, fees: Fees, horizon_ns: int, *, at_mid: bool = False) -> None:
        self.fees, self.horizon_ns, self.at_mid = fees, horizon_ns, at_mid
        self.accounts: dict[tuple[str, str], Account] = {}
        self._open: deque[_OpenFill] = deque()

    @classmethod
    def by(cls, fee_model: FeeModel, settings: TradingSettings) -> Ledger:
        """As the settings of a run say."""
        horizon_ns = round(settings.adverse_horizon_s * 1e9)
        return cls(Fees.by(fee_model, settings), horizon_ns, at_mid=settings.mark == "mid")

    def account(self, strategy: str, slot: Slot) -> Account:
        """The account of a strategy in an instrument, opened when there is none."""
        key = (strategy, slot.id)
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account(strategy, slot, at_mid=self.at_mid)
        return account

    def book(self, fill: Fill, slot: Slot) -> int:
        """Enter a fill; returns its fee in the account's money unit. Raises PluginError."""
        account = self.account(fill.strategy, slot)
        price, signed = fill.price * 10, fill.side * fill.size
        fee = self.fees.of(fill, slot.definition, account.scale)
        if fill.mid2 is None:
            account.fills_without_mid += 1
            account.fallback = account.fallback or price
        mid = account.mid() if fill.mid2 is None else fill.mid2 * 5
        account.trade(signed, price)
        account.fees += fee
        account.fills += 1
        account.spread += signed * (mid - price)
        self.wait(fill.mono_ns, account, signed, mid)
        return fee

    def wait(self, ts_ns: int, account: Account, signed: int, mid: int) -> None:
        """The horizon of a booked fill begins; ``mid``: the one before it."""
        self._open.append(_OpenFill(ts_ns + self.horizon_ns, account, signed, mid))

    def advance(self, now_ns: int) -> None:
        """Time reaches ``now_ns``: read the mids of fills whose horizon ended before it.

        To be called before the market of ``now_ns`` is applied.
        """
        while self._open and self._open[0].due_ns < now_ns:
            fill = self._open.popleft()
            mid = fill.account.mid()
            fill.account.adverse += fill.signed * (mid - fill.mid)
            fill.account.carried += fill.signed * mid

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        for account in self.accounts.values():
            if account.slot is slot:
                account.rescale(price_factor, size_factor)
        for fill in self._open:
            if fill.account.slot is slot:
                fill.signed *= size_factor
                fill.mid *= price_factor

    def results(self) -> list[AccountResult]:
        """All accounts as of now, by strategy and instrument. RuntimeError if the identity fails."""
        return [self._result(self.accounts[key]) for key in sorted(self.accounts)]

    def _result(self, account: Account) -> AccountResult:
        last = account.mid()
        waiting = [fill for fill in self._open if fill.account is account]
        adverse = account.adverse + sum(fill.signed * (last - fill.mid) for fill in waiting)
        carried = account.carried + sum(fill.signed * last for fill in waiting)
        value, stale = account.mark()
        money = Money(
            quote=quote_of(account.slot),
            scale=account.scale,
            cash=account.cash,
            realized=account.cash + account.entry,
            unrealized=value - account.entry,
            fees=account.fees,
            total=account.cash + value - account.fees,
            spread=account.spread,
            adverse=adverse,
            inventory=account.position * last - carried,
            mark_adjustment=value - account.position * last,
        )
        parts = money.spread + money.adverse + money.inventory - money.fees + money.mark_adjustment
        if parts != money.total:
            raise RuntimeError(
                f"PnL identity fails for {account.strategy} in {account.slot.id}: parts {parts},"
                f" total {money.total}"
            )
        return AccountResult(
            strategy=account.strategy,
            instrument=account.slot.id,
            position=account.position,
            size_scale=account.slot.definition.size_scale,
            fills=account.fills,
            fills_without_mid=account.fills_without_mid,
            stale=stale,
            money=money,
        )


@attrs.define
class _OpenFill:
    """A fill whose horizon has not passed: due, account, signed size, mid before it."""

    due_ns: int
    account: Account
    signed: int
    mid: int


def by_quote(results: Iterable[AccountResult]) -> dict[str, Money]:
    """The sums over all accounts of each quote currency, by its name."""
    sums: dict[str, Money] = {}
    for result in results:
        money = result.money
        sums[money.quote] = sums[money.quote].plus(money) if money.quote in sums else money
    return dict(sorted(sums.items()))


def money_scale(definition: Definition) -> int:
    """k of the money unit 10**-k: half a price unit times a size unit is a whole number of them."""
    return definition.price_scale + definition.size_scale + 1


def quote_of(slot: Slot) -> str:
    """The quote currency: as the venue says, else the part of the id behind the last slash."""
    return slot.definition.quote or slot.id.rpartition("/")[2]


def least_scale(value: int, scale: int, at_least: int) -> int:
    """The smallest scale, from ``at_least`` on, that holds an integer at ``scale`` exactly."""
    while scale > at_least and value % 10 == 0:
        value, scale = value // 10, scale - 1
    return max(scale, at_least)
