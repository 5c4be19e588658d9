"""Fills that are booked as columns leave the accounts that `Ledger.book` leaves, one by one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.model.fixed import NULL
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Side
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.books import Books
from mm_framework.trading.compiled.memory import Column, Run
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.ledger import Ledger
from mm_framework.trading.market import Slot
from mm_framework.trading.settings import TradingSettings

NAMES = ("a", "b")
STEP_NS, BEHIND = 10, 3
RULES = TradingSettings(adverse_horizon_s=25e-9)
"""A fill each `STEP_NS`; the horizon of one is over as the third behind it comes."""
PRICES = st.one_of(st.integers(1, 1000), st.integers(1, 2**61 - 1))
SIZES = st.one_of(st.integers(1, 50), st.integers(1, 2**61 - 1))


@attrs.frozen
class Market:
    """A venue of two markets that holds still."""

    slots: list[Slot] = attrs.Factory(
        lambda: [Slot(k, Definition(k, 0, f"x:{k}/EUR", f"{k}/EUR", 2, 3), "book") for k in range(2)]
    )

    def pull(self, slot: Slot) -> Slot:
        """Nothing moved."""
        return slot


@st.composite
def fills(draw: Any) -> list[list[int]]:
    """FILLs; a mid that was told once stays told."""
    mids, seen, records = [NULL, NULL], [], []
    for k in range(draw(st.integers(0, 12))):
        slot, price = draw(st.integers(0, 1)), draw(PRICES)
        before = mids[slot]
        if draw(st.booleans()):
            mids[slot] = draw(st.integers(1, 2**20))
        side, strategy, maker = (
            draw(st.sampled_from([1, -1])),
            draw(st.integers(0, 1)),
            draw(st.integers(0, 1)),
        )
        head = [k, STEP_NS * k, strategy, slot, k, side, price, draw(SIZES), maker, before, mids[slot]]
        records.append([*head, 0])
        seen.append(list(mids))
    for k, record in enumerate(records[:-BEHIND]):
        record[11] = seen[k + BEHIND - 1][record[3]]
    return records


def booked_one_by_one(records: list[list[int]], model: FlatFee) -> tuple[Ledger, list[int]]:
    """The reference, and the fees."""
    market, ledger, fees = Market(), Ledger.by(model, RULES), []
    for seq, ts_ns, strategy, slot, order, side, price, size, maker, mid2, then, _ in records:
        ledger.advance(ts_ns)
        where = market.slots[slot]
        where.mid2 = None if then == NULL else then
        told = None if mid2 == NULL else mid2
        fill = Fill(seq, ts_ns, NAMES[strategy], where.id, order, Side(side), price, size, bool(maker), told)
        fees.append(ledger.book(fill, where))
    return ledger, fees


@settings(max_examples=150, deadline=None)
@given(fills(), st.integers(1, 12), st.integers(-(10**9), 10**9), st.none() | st.integers(-500, 500))
@example([[0, 0, 0, 0, 1, 1, 2**61 - 1, 2**61 - 1, 0, NULL, NULL, NULL]] * 3, 12, 100, -1)
def test_columns_of_fills_are_booked_as_the_ledger_books_them(
    records: list[list[int]], at_once: int, fee_bps: int, maker_bps: int | None
) -> None:
    run, market, model = Run(), Market(), FlatFee(FlatFeeSettings(fee_bps, maker_bps))
    column = Column(run, layout.RUN_FILLS, layout.FILL_BYTES, max(1, len(records)))
    books = Books(run, model, RULES, None, column, market, 2, NAMES)  # type: ignore[arg-type]
    for first in range(0, len(records), at_once):
        part = records[first : first + at_once]
        for k, record in enumerate(part, start=first):
            column.table(k, k + 1)[0] = record
        run[layout.RUN_FILLS + layout.COLUMN_COUNT] = first + len(part)
        run[layout.RUN_MARKED] = max(0, first + len(part) - BEHIND)
        books.keep()
    for record in records:
        market.slots[record[3]].mid2 = None if record[10] == NULL else record[10]
    ledger, paid, _ = books.end(1000)
    expected, fees = booked_one_by_one(records, model)
    assert ledger.results() == expected.results()
    assert [one.fee for one in paid] == fees
    assert [one.fill.order for one in paid] == [record[4] for record in records]
