"""What a run did as Arrow tables, exact: fills, orders, reports, equity. Pure.

Prices, sizes and money are decimals at the finest scales of the run's instruments; times are int64
nanoseconds; null is what nobody knows or never happened. The columns stand in the reference of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

import attrs
import pyarrow as pa

from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Intent, IntentKind, OrderState, Refusal
from mm_framework.results.equity_table import equity_parts
from mm_framework.results.parts import TableParts
from mm_framework.trading.backtest import Outcome, Sent
from mm_framework.trading.ledger import money_scale
from mm_framework.trading.matching import Report
from mm_framework.trading.order_states import ENDED

__all__ = ["RunTables", "tables_of"]


@attrs.frozen(eq=False)
class RunTables:
    """The tables of a run; ``equity`` is made part by part."""

    fills: pa.Table
    orders: pa.Table
    reports: pa.Table
    equity: TableParts


def tables_of(outcome: Outcome, definitions: Iterable[Definition], quotes: Mapping[str, str]) -> RunTables:
    """The tables of a run whose scales never changed, as on tapes of a store (`replay.splice`).

    ``definitions``: the last of each instrument, ``quotes``: its quote currency.
    """
    last = {one.id: one for one in definitions}
    scales = _Scales(last, quotes)
    orders = _orders(outcome)
    fills, sent = _fills_table(outcome, scales, orders), _orders_table(orders, scales)
    del orders  # a long run has many
    reports, equity = _reports_table(outcome, scales), equity_parts(outcome.equity, last, quotes)
    return RunTables(fills, sent, reports, equity)


class _Scales:
    """Integers of single instruments as decimals at common scales."""

    def __init__(self, definitions: Mapping[str, Definition], quotes: Mapping[str, str]) -> None:
        self.quotes = quotes
        self._price = {name: one.price_scale for name, one in definitions.items()}
        self._size = {name: one.size_scale for name, one in definitions.items()}
        self._money = {name: money_scale(one) for name, one in definitions.items()}

    def price(self, rows: Sequence[tuple[str, int | None]]) -> pa.Array:
        """``(instrument, price)``."""
        return _decimals(rows, self._price, 0)

    def mid(self, rows: Sequence[tuple[str, int | None]]) -> pa.Array:
        """``(instrument, bid + ask)``."""
        return _decimals([(name, None if mid2 is None else mid2 * 5) for name, mid2 in rows], self._price, 1)

    def size(self, rows: Sequence[tuple[str, int | None]]) -> pa.Array:
        """``(instrument, size)``."""
        return _decimals(rows, self._size, 0)

    def money(self, rows: Sequence[tuple[str, int | None]]) -> pa.Array:
        """``(instrument, money)``."""
        return _decimals(rows, self._money, 0)


def _decimals(rows: Sequence[tuple[str, int | None]], scales: Mapping[str, int], more: int) -> pa.Array:
    """Integers at the scale of their instrument, plus ``more``, as decimals at the largest."""
    scale = max(scales.values(), default=0)
    factors = {name: 10 ** (scale - own) for name, own in scales.items()}
    values = [None if value is None else value * factors[name] for name, value in rows]
    most = max((abs(value) for value in values if value is not None), default=0)
    width, kind = (16, pa.decimal128) if most < 10**38 else (32, pa.decimal256)
    data = b"".join((value or 0).to_bytes(width, "little", signed=True) for value in values)
    known = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
    digits = 38 if width == 16 else 76
    return pa.Array.from_buffers(kind(digits, scale + more), len(values), [known, pa.py_buffer(data)])


@attrs.define
class _Order:
    """One order as it goes by."""

    intent: Intent
    sent: Sent
    instrument: str
    accepted_ns: int | None = None
    known_ns: int | None = None
    ahead: float | None = None
    replaces: int = 0
    cancel_sent_ns: int | None = None
    too_late: bool = False
    filled: int = 0
    fills: int = 0
    state: OrderState | None = None
    refusal: Refusal | None = None
    ended_ns: int | None = None

    def told(self, report: Report, known_ns: int | None) -> None:
        """What the venue said of it."""
        if report.kind is IntentKind.PLACE:
            self.known_ns, self.refusal = known_ns, report.refusal
            self.accepted_ns = report.ts_ns if report.refusal is None else None
            self.ahead = None if report.ahead is None else float(report.ahead)
        elif report.refusal is Refusal.UNKNOWN_ORDER and self.state is OrderState.FILLED:
            self.too_late = True
        if report.refusal is not None and report.kind is not IntentKind.PLACE and not self._rejected(report):
            return
        self.state = report.state
        if report.fill is not None:
            self.filled += report.fill.size
            self.fills += 1
        if report.state in ENDED:
            self.ended_ns = report.ts_ns

    @staticmethod
    def _rejected(report: Report) -> bool:
        """A replacement that would have taken ends its order."""
        return report.kind is IntentKind.REPLACE and (
            report.state is OrderState.REJECTED and report.refusal is Refusal.WOULD_TAKE
        )


def _orders(outcome: Outcome) -> dict[tuple[str, int], _Order]:
    orders: dict[tuple[str, int], _Order] = {}
    for intent, sent in zip(outcome.intents, outcome.sent, strict=True):
        key = intent.strategy, intent.order
        if intent.kind is IntentKind.PLACE and intent.instrument is not None:
            orders[key] = _Order(intent, sent, intent.instrument)
        elif (one := orders.get(key)) is not None:
            one.replaces += intent.kind is IntentKind.REPLACE
            if intent.kind is IntentKind.CANCEL and one.cancel_sent_ns is None:
                one.cancel_sent_ns = sent.ts_ns
    for report, known_ns in zip(outcome.reports, outcome.known_ns, strict=True):
        if (one := orders.get((report.strategy, report.order))) is not None:
            one.told(report, known_ns)
    for report in outcome.undelivered:
        if report.kind is IntentKind.PLACE:
            orders[report.strategy, report.order].told(report, None)
    return orders


def _fills_table(outcome: Outcome, scales: _Scales, orders: Mapping[tuple[str, int], _Order]) -> pa.Table:
    fills = [paid.fill for paid in outcome.fills]
    known_ns = [
        known
        for report, known in zip(outcome.reports, outcome.known_ns, strict=True)
        if report.fill is not None
    ]
    held: dict[tuple[str, str], int] = {}
    position = []
    for one in fills:
        key = one.strategy, one.instrument
        held[key] = held.get(key, 0) + one.side * one.size
        position.append((one.instrument, held[key]))
    columns = {
        "fill": pa.array(range(len(fills)), pa.int64()),
        "seq": pa.array([one.seq for one in fills], pa.int64()),
        "ts_ns": pa.array([one.mono_ns for one in fills], pa.int64()),
        "known_ns": pa.array(known_ns, pa.int64()),
        "strategy": pa.array([one.strategy for one in fills], pa.string()),
        "instrument": pa.array([one.instrument for one in fills], pa.string()),
        "order": pa.array([one.order for one in fills], pa.int64()),
        "tag": pa.array([orders[one.strategy, one.order].intent.tag for one in fills], pa.string()),
        "side": pa.array([int(one.side) for one in fills], pa.int8()),
        "maker": pa.array([one.maker for one in fills], pa.bool_()),
        "price": scales.price([(one.instrument, one.price) for one in fills]),
        "size": scales.size([(one.instrument, one.size) for one in fills]),
        "fee": scales.money([(paid.fill.instrument, paid.fee) for paid in outcome.fills]),
        "quote": pa.array([scales.quotes[one.instrument] for one in fills], pa.string()),
        "mid": scales.mid([(one.instrument, one.mid2) for one in fills]),
        "position": scales.size(position),
    }
    return pa.table(columns)


def _orders_table(orders: Mapping[tuple[str, int], _Order], scales: _Scales) -> pa.Table:
    rows = list(orders.values())
    intents = [one.intent for one in rows]
    refusals = [one.sent.refusal or one.refusal for one in rows]
    columns = {
        "strategy": pa.array([one.strategy for one in intents], pa.string()),
        "instrument": pa.array([one.instrument for one in rows], pa.string()),
        "order": pa.array([one.order for one in intents], pa.int64()),
        "side": pa.array([None if one.side is None else int(one.side) for one in intents], pa.int8()),
        "tif": pa.array([_word(one.tif) for one in intents], pa.string()),
        "urgency": pa.array([_word(one.urgency) for one in intents], pa.string()),
        "tag": pa.array([one.tag for one in intents], pa.string()),
        "price": scales.price([(one.instrument, one.intent.price) for one in rows]),
        "size": scales.size([(one.instrument, one.intent.size) for one in rows]),
        "seq": pa.array([one.seq for one in intents], pa.int64()),
        "sent_ns": pa.array([one.sent.ts_ns for one in rows], pa.int64()),
        "accepted_ns": pa.array([one.accepted_ns for one in rows], pa.int64()),
        "known_ns": pa.array([one.known_ns for one in rows], pa.int64()),
        "ahead": pa.array([one.ahead for one in rows], pa.float64()),
        "replaces": pa.array([one.replaces for one in rows], pa.int64()),
        "cancel_sent_ns": pa.array([one.cancel_sent_ns for one in rows], pa.int64()),
        "too_late": pa.array([one.too_late for one in rows], pa.bool_()),
        "filled": scales.size([(one.instrument, one.filled) for one in rows]),
        "fills": pa.array([one.fills for one in rows], pa.int64()),
        "state": pa.array([_state(one) for one in rows], pa.string()),
        "ended_ns": pa.array([one.ended_ns for one in rows], pa.int64()),
        "refusal": pa.array([None if one is None else one.text for one in refusals], pa.string()),
        "refused_by": pa.array([_refused_by(one) for one in rows], pa.string()),
    }
    return pa.table(columns)


def _state(one: _Order) -> str:
    """``open`` at the end of the run; ``sent`` when the venue had not got it by then."""
    if one.sent.refusal is not None:
        return "rejected"
    if one.state is None:
        return "sent"
    return one.state.name.lower() if one.state in ENDED else "open"


def _refused_by(one: _Order) -> str | None:
    if one.sent.refusal is not None:
        return "allocator"
    return None if one.refusal is None else "venue"


def _reports_table(outcome: Outcome, scales: _Scales) -> pa.Table:
    reports = outcome.reports
    numbers = iter(range(len(outcome.fills)))
    columns = {
        "report": pa.array(range(len(reports)), pa.int64()),
        "ts_ns": pa.array([one.ts_ns for one in reports], pa.int64()),
        "known_ns": pa.array(outcome.known_ns, pa.int64()),
        "strategy": pa.array([one.strategy for one in reports], pa.string()),
        "instrument": pa.array([one.instrument for one in reports], pa.string()),
        "order": pa.array([one.order for one in reports], pa.int64()),
        "request": pa.array([_word(one.kind) for one in reports], pa.string()),
        "state": pa.array([_word(one.state) for one in reports], pa.string()),
        "refusal": pa.array(
            [None if one.refusal is None else one.refusal.text for one in reports], pa.string()
        ),
        "price": scales.price([(one.instrument, one.price) for one in reports]),
        "size": scales.size([(one.instrument, one.size) for one in reports]),
        "leaves": scales.size([(one.instrument, one.leaves) for one in reports]),
        "fill": pa.array([None if one.fill is None else next(numbers) for one in reports], pa.int64()),
        "ahead": pa.array([None if one.ahead is None else float(one.ahead) for one in reports], pa.float64()),
    }
    return pa.table(columns)


def _word(value: IntEnum | None) -> str | None:
    return None if value is None else value.name.lower()
