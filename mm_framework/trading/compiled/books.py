"""Ledger and equity of a compiled run: fills come as columns, and are booked many at a time.

Exact as `trading.ledger` is: products of a fill are int64 where none can leave it, else Python's integers;
sums are Python's integers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.kernels.memory import Buffer
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.orders import Fill, Side
from mm_framework.trading.backtest import Paid
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.lazy import Lazy
from mm_framework.trading.compiled.memory import Column, Half, Run
from mm_framework.trading.equity import EquityGrid, EquityPoints
from mm_framework.trading.fees import FlatFee
from mm_framework.trading.ledger import Account, Ledger, entry_after, money_scale
from mm_framework.trading.settings import TradingSettings

__all__ = ["Books"]

Numbers = npt.NDArray[Any]
"""int64, or Python's integers as objects."""

WAITING: Final = 1 << 14
"""Fills that are kept for one booking."""
POINTS_ROOM: Final = 1 << 13

_FIELDS: Final = (
    *("SEQ", "TS", "STRATEGY", "SLOT", "ORDER", "SIDE", "PRICE", "SIZE", "MAKER"),
    *("MID2", "MID2_THEN", "MID2_LATER"),
)
_AT: Final = {name: getattr(layout, f"FILL_{name}") // 8 for name in _FIELDS}
_POINT: Final = {name: getattr(layout, f"POINT_{name}") // 8 for name in ("HELD", "FILLS")}


@attrs.frozen(eq=False)
class _Fills:
    """Fills of one account; prices and mids in the ledger's unit, ten times the instrument's integers."""

    signed: Numbers
    price: Numbers
    mid2: Numbers
    then: Numbers

    @classmethod
    def of(cls, table: Numbers, fallback: int) -> _Fills:
        """Those of some records; ``fallback``: a price that is used beside theirs."""
        prices = table[:, (_AT["PRICE"], _AT["MID2"], _AT["MID2_THEN"], _AT["MID2_LATER"])]
        if 2 * max(fallback, 10 * int(prices.max())) * int(table[:, _AT["SIZE"]].max()) > MAX:
            table = table.astype(object)
        signed = table[:, _AT["SIDE"]] * table[:, _AT["SIZE"]]
        return cls(signed, table[:, _AT["PRICE"]] * 10, table[:, _AT["MID2"]], table[:, _AT["MID2_THEN"]])

    def mid(self, fallback: int) -> Numbers:
        """The mid before each, else that at its booking, else the price that stands in for both."""
        return _mid(np.where(self.mid2 == NULL, self.then, self.mid2), fallback)


def _mid(mid2: Numbers, fallback: int) -> Numbers:
    told = mid2 != NULL
    return np.where(told, np.where(told, mid2, 0) * 5, fallback)


def _sum(numbers: Numbers) -> int:
    """Exact: halves of int64s are added up, which leaves room for 2**31 of them."""
    if numbers.dtype == object:
        return int(numbers.sum())
    return (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFFFFFF).sum())


def _flat_fees(model: FlatFee, table: Numbers) -> list[int]:
    """`FlatFee.fee` of each fill."""
    price, size, maker = (table[:, _AT[name]] for name in ("PRICE", "SIZE", "MAKER"))
    most_bps = max(abs(model.fee_bps), abs(model.maker_bps), 1)
    if 10 * int(price.max()) * int(size.max()) * most_bps > MAX:
        price = price.astype(object)
    share = np.where(maker != 0, model.maker_bps, model.fee_bps)
    fees: list[int] = (-(-(price * 10 * size) * share // 10_000)).tolist()
    return fees


def _hold(account: Account, fills: _Fills) -> None:
    """Position and entry after several fills. Whatever opens a position anew forgets what was before it."""
    after = account.position + np.cumsum(fills.signed)
    before = after - fills.signed
    opened = np.flatnonzero(np.sign(before) != np.sign(after))
    held, entry, first = account.position, account.entry, 0
    if len(opened):
        last = opened[-1]
        held, first = int(after[last]), int(last) + 1
        entry = held * int(fills.price[last])
    for signed, price in zip(fills.signed[first:].tolist(), fills.price[first:].tolist(), strict=True):
        entry = entry_after(held, entry, signed, price)
        held += signed
    account.position, account.entry = held, entry


def _enter(account: Account, fills: _Fills, fees: Sequence[int]) -> None:
    """`Ledger.book` of several fills of one account, in their order."""
    untold = np.flatnonzero(fills.mid2 == NULL)
    if len(untold):
        account.fills_without_mid += len(untold)
        account.fallback = account.fallback or int(fills.price[untold[0]])
    _hold(account, fills)
    value = fills.signed * fills.price
    account.cash -= _sum(value)
    account.turnover += _sum(abs(value))
    account.fees += sum(fees)
    account.fills += len(fees)
    account.spread += _sum(fills.signed * fills.mid(account.fallback)) - _sum(value)


class Books:
    """Fed with the fills that the loop left in ``fills``; the markets are those of the venue, at most
    ``markets``.
    """

    def __init__(
        self,
        run: Run,
        fee_model: FeeModel,
        settings: TradingSettings,
        grid_ns: int | None,
        fills: Column,
        venue: Half,
        markets: int,
        names: Sequence[str],
    ) -> None:
        self._run, self._column, self._venue, self._names = run, fills, venue, names
        self.ledger = Ledger.by(fee_model, settings)
        self._equity = None if grid_ns is None else EquityGrid(self.ledger, grid_ns)
        self._fees: list[int] = []
        self._marked = 0
        self._points = Column(run, layout.RUN_POINTS, layout.POINT_BYTES, POINTS_ROOM)
        self._held = Buffer(max(1, len(names) * markets) * layout.HELD_BYTES)
        run[layout.RUN_HELD], run[layout.RUN_HELD_SLOTS] = self._held.address, markets
        run[layout.RUN_HELD_COUNT] = len(names) * markets
        run[layout.RUN_AT_MID] = int(self.ledger.at_mid)
        run[layout.RUN_HORIZON], run[layout.RUN_GRID] = self.ledger.horizon_ns, grid_ns or 0

    @property
    def waiting(self) -> int:
        """How many fills are not booked yet."""
        return self._column.count - len(self._fees)

    def keep(self) -> None:
        """Book the fills since the last call, then the mids of those whose horizon is over."""
        booked, before = len(self._fees), self._paid_so_far()
        if self.waiting:
            self._book(self._column.table(booked, self._column.count))
        if self._points.count:
            self._tell(booked, before)
        first, self._marked = self._marked, self._run[layout.RUN_MARKED]
        for account, table, _ in self._by_account(self._column.table(first, self._marked)):
            fills, later = _Fills.of(table, account.fallback), table[:, _AT["MID2_LATER"]]
            later = _mid(later.astype(fills.signed.dtype), account.fallback)
            carried = _sum(fills.signed * later)
            account.carried += carried
            account.adverse += carried - _sum(fills.signed * fills.mid(account.fallback))

    def reach_grid(self, now_ns: int) -> None:
        """Time is beyond the next time of the grid."""
        assert self._equity is not None
        self.keep()
        self._pull()
        self._equity.reach(now_ns)
        self._run[layout.RUN_NEXT_GRID] = self._equity.next_ns

    @property
    def fees(self) -> Sequence[int]:
        """Of the fills that are booked, in the money unit of each."""
        return self._fees

    def end(self, end_ns: int) -> tuple[Ledger, Sequence[Paid], EquityPoints]:
        """The run is over."""
        self.keep()
        self._pull()
        if self._equity is not None:
            self._equity.end(end_ns)
        for account, table, _ in self._by_account(self._column.table(self._marked, self._column.count)):
            fills, times = _Fills.of(table, account.fallback), table[:, _AT["TS"]].tolist()
            mids = fills.mid(account.fallback).tolist()
            for ts_ns, signed, mid in zip(times, fills.signed.tolist(), mids, strict=True):
                self.ledger.wait(ts_ns, account, signed, mid)
        count = len(self._fees)
        paid = Lazy(lambda: count, self._paid)
        return self.ledger, paid, EquityPoints() if self._equity is None else self._equity.points

    def _book(self, table: Numbers) -> None:
        if self._equity is not None and not self._fees:
            self._equity.reach(int(table[0, _AT["TS"]]))
        fees = self._charge(table)
        self._fees += fees
        for account, rows, places in self._by_account(table):
            own = fees if len(places) == len(fees) else [fees[place] for place in places.tolist()]
            _enter(account, _Fills.of(rows, account.fallback), own)

    def _charge(self, table: Numbers) -> list[int]:
        """The fee of each fill, asked for in their order."""
        if (flat := self.ledger.fees.flat) is not None:
            return _flat_fees(flat, table)
        asked = (_AT["SLOT"], _AT["PRICE"], _AT["SIZE"], _AT["MAKER"])
        charged = self.ledger.fees.charged
        told = [(slot.definition, money_scale(slot.definition)) for slot in self._venue.slots]
        return [
            charged(price, size, *told[slot], maker=bool(maker))
            for slot, price, size, maker in zip(*(table[:, field].tolist() for field in asked), strict=True)
        ]

    def _by_account(self, table: Numbers) -> Iterator[tuple[Account, Numbers, Numbers]]:
        """Accounts, their records and the places of these in the table."""
        if not len(table):
            return
        keys = table[:, _AT["STRATEGY"]] * len(self._venue.slots) + table[:, _AT["SLOT"]]
        for key in np.unique(keys).tolist():
            strategy, slot = divmod(key, len(self._venue.slots))
            places = np.flatnonzero(keys == key)
            rows = table if len(places) == len(table) else table[places]
            yield self.ledger.account(self._names[strategy], self._venue.slots[slot]), rows, places

    def _paid(self) -> list[Paid]:
        records = self._column.table(0, len(self._fees)).tolist()
        return [Paid(self._fill(record), fee) for record, fee in zip(records, self._fees, strict=True)]

    def _fill(self, record: list[int]) -> Fill:
        seq, ts_ns, strategy, slot, order, side, price, size, maker, mid2 = record[:10]
        told = None if mid2 == NULL else mid2
        name, instrument = self._names[strategy], self._venue.slots[slot].id
        return Fill(seq, ts_ns, name, instrument, order, Side(side), price, size, bool(maker), told)

    def _paid_so_far(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Cash and fees of each account."""
        return {key: (account.cash, account.fees) for key, account in self.ledger.accounts.items()}

    def _tell(self, booked: int, before: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """The points that the loop left, with cash and fees: those ``before``, when ``booked`` fills were
        booked, and what the fills since then changed.
        """
        assert self._equity is not None
        points, found = self._points.table(0, self._points.count), []
        unit = 5 if self.ledger.at_mid else 10
        fills, paid = self._column.table(booked, len(self._fees)), self._fees[booked:]
        for place in np.unique(points[:, _POINT["HELD"]]).tolist():
            strategy, slot = divmod(place, self._run[layout.RUN_HELD_SLOTS])
            key = (self._names[strategy], self._venue.slots[slot].id)
            told = points[points[:, _POINT["HELD"]] == place]
            of_account = (fills[:, _AT["STRATEGY"]] == strategy) & (fills[:, _AT["SLOT"]] == slot)
            own = np.flatnonzero(of_account)
            cash, fees = before.get(key, (0, 0))
            values = fills[own][:, (_AT["SIDE"], _AT["SIZE"], _AT["PRICE"])].tolist()
            spent = [0, *itertools.accumulate(side * size * price * 10 for side, size, price in values)]
            charged = [0, *itertools.accumulate(paid[one] for one in own.tolist())]
            done = np.searchsorted(own + booked, told[:, _POINT["FILLS"]]).tolist()
            for many, point in zip(done, told.tolist(), strict=True):
                ts_ns, _, position, low, high, stale, mid2, _ = point
                value = ((high << 62) + low) * (unit if position > 0 else -unit)
                numbers = (position, cash - spent[many], fees + charged[many], value, stale, mid2)
                found.append((ts_ns, key, numbers))
        for ts_ns, key, numbers in sorted(found):
            self._equity.points.add(ts_ns, key, *numbers)
        self._points.drop(len(points))
        self._equity.go_on(self._run[layout.RUN_NEXT_GRID])

    def _pull(self) -> None:
        for slot in self._venue.slots:
            self._venue.pull(slot)
