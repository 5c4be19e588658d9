"""Tables of a run: each order's fate, exact amounts, nulls for what never happened."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from random_tapes import IDS, random_tape, restless
from scripted_orders import WALL0_NS, cancel, place, replace, scripted

from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.results.tables import RunTables, tables_of
from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant, Interpolated, Measured
from mm_framework.trading.settings import LimitSettings

MS = 1_000_000


def played(market: Tape, *actions: Any, **options: Any) -> RunTables:
    fees = FlatFee(FlatFeeSettings(fee_bps=10))
    options = {"entry": Constant(5 * MS), "response": Constant(5 * MS), **options}
    run = Backtest({"s": scripted(*actions)}, fees, grid_ns=10**9, **options)
    outcome = run.run(market.messages(), WALL0_NS + market.steps[-1].mono_ns)
    return tables_of(outcome, definitions(market), {"test:A/B": "B"})


def definitions(market: Tape) -> list[Definition]:
    last = {one.definition.id: one.definition for one in market.messages() if one.definition is not None}
    return list(last.values())


def book() -> Tape:
    return tape().book(bids=[("99", "2")], asks=[("101", "5")])


def order(tables: RunTables, number: int = 1) -> dict[str, Any]:
    found: list[dict[str, Any]] = [row for row in tables.orders.to_pylist() if row["order"] == number]
    assert len(found) == 1
    return found[0]


def at(ms: float) -> int:
    return WALL0_NS + round(ms * MS)


def test_a_taker_is_accepted_filled_and_known_each_at_its_time() -> None:
    buy = place(10, Side.BUY, 10100, 1500, tif=TimeInForce.IOC, urgency=Urgency.TAKER)
    tables = played(book().at(100).update(bids=[("99", "3")]), buy)
    one = order(tables)
    assert (one["sent_ns"], one["accepted_ns"], one["known_ns"]) == (at(10), at(15), at(20))
    assert (one["state"], one["ended_ns"], one["filled"], one["fills"]) == (
        "filled",
        at(15),
        Decimal("1.5"),
        1,
    )
    assert (one["refusal"], one["refused_by"], one["too_late"]) == (None, None, False)
    (fill,) = tables.fills.to_pylist()
    assert (fill["price"], fill["size"], fill["mid"]) == (101, Decimal("1.5"), 100)
    assert fill["fee"] == Decimal("0.1515"), "10 bps of 151.5"
    assert (fill["ts_ns"], fill["known_ns"], fill["position"]) == (at(15), at(20), Decimal("1.5"))
    assert tables.reports["fill"].to_pylist() == [None, 0]


def test_an_order_that_rests_knows_what_was_ahead_and_is_open_at_the_end() -> None:
    tables = played(book().at(100).update(asks=[("101", "3")]), place(10, Side.BUY, 9900, 1000))
    one = order(tables)
    assert (one["state"], one["ended_ns"], one["ahead"]) == ("open", None, 2000.0)


def test_a_request_that_is_under_way_at_the_end_was_sent() -> None:
    one = order(played(book().at(100).update(asks=[("101", "3")]), place(99, Side.BUY, 9900, 1000)))
    assert (one["state"], one["accepted_ns"], one["known_ns"]) == ("sent", None, None)


def test_a_cancel_that_finds_the_order_filled_is_too_late() -> None:
    market = book().at(30).update(asks=[("98", "9"), ("101", "0")], bids=[("99", "0")])
    tables = played(market.at(100).update(asks=[("98", "8")]), place(5, Side.BUY, 9900, 1000), cancel(28, 1))
    one = order(tables)
    assert (one["state"], one["too_late"], one["cancel_sent_ns"]) == ("filled", True, at(28))
    assert tables.reports.to_pylist()[-1]["refusal"] == "unknown order"


def test_replacements_are_counted_and_the_first_price_is_kept() -> None:
    actions = (place(5, Side.BUY, 9900, 1000), replace(30, 1, 9800, 700), cancel(60, 1))
    tables = played(book().at(100).update(asks=[("101", "3")]), *actions)
    one = order(tables)
    assert (one["price"], one["size"], one["replaces"]) == (99, 1, 1)
    assert (one["state"], one["ended_ns"], one["cancel_sent_ns"]) == ("cancelled", at(65), at(60))
    replaced = tables.reports.to_pylist()[1]
    assert (replaced["request"], replaced["price"], replaced["leaves"]) == ("replace", 98, Decimal("0.7"))


def test_a_maker_that_would_take_was_refused_by_the_venue() -> None:
    one = order(played(book().at(100).update(bids=[("99", "3")]), place(5, Side.BUY, 10100, 1000)))
    assert (one["state"], one["refusal"], one["refused_by"]) == ("rejected", "would take", "venue")
    assert one["accepted_ns"] is None


def test_what_the_allocator_refuses_never_left() -> None:
    limits = LimitSettings(order_size="0.5")
    one = order(
        played(book().at(100).update(bids=[("99", "3")]), place(5, Side.BUY, 9900, 1000), limits=limits)
    )
    assert (one["state"], one["refused_by"]) == ("rejected", "allocator")
    assert one["refusal"] == "order too large"


def test_a_request_that_never_arrived_says_so() -> None:
    lost = Interpolated([Measured(WALL0_NS, 0, WALL0_NS + 7 * MS)], "entry")
    one = order(played(book().at(100).update(bids=[("99", "3")]), place(5, Side.BUY, 9900, 1000), entry=lost))
    assert (one["state"], one["refusal"], one["refused_by"]) == ("rejected", "not delivered", "venue")


def random_outcome(seed: int) -> tuple[Outcome, RunTables]:
    market = random_tape(seed)
    run = Backtest({"r": restless()}, FlatFee(FlatFeeSettings()), entry=Constant(MS), grid_ns=10**9)
    outcome = run.run(market.messages())
    finest: dict[str, Definition] = {}
    for one in definitions(market):
        finest[one.id] = one
    return outcome, tables_of(outcome, finest.values(), {name: name.rpartition("/")[2] for name in IDS})


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_the_tables_of_any_run_agree_with_each_other_and_with_the_ledger(seed: int) -> None:
    outcome, tables = random_outcome(seed)
    placed = [one for one in outcome.intents if one.kind.name == "PLACE"]
    assert tables.orders.num_rows == len(placed)
    assert tables.reports.num_rows == len(outcome.reports)
    fills, orders = tables.fills.to_pylist(), tables.orders.to_pylist()
    assert sum(one["fills"] for one in orders) == len(fills)
    assert [one for one in tables.reports["fill"].to_pylist() if one is not None] == list(range(len(fills)))
    ended = [one for one in orders if one["state"] == "filled"]
    assert all(one["ended_ns"] is not None and one["fills"] for one in ended)
    assert all(one["accepted_ns"] is None or one["accepted_ns"] >= one["sent_ns"] for one in orders)
    last = {row["instrument"]: row for row in tables.equity.table().to_pylist()}
    for account in outcome.accounts:
        if account.fills:
            exact = Decimal(account.money.total).scaleb(-account.money.scale)
            assert last[account.instrument]["equity"] == exact
