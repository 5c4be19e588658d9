"""Candles, trades and closes of a store against the same by plain Python; a store that is built meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_store import MIDNIGHT_NS, build_toy, toy_run

from mm_framework.contracts.history import Candle
from mm_framework.history.candles import candles_of
from mm_framework.history.local import stored_trades
from mm_framework.serve.past import DAY_MS, LOOK_S, Past, candles_of_table
from mm_framework.store.reader import open_store
from mm_framework.store.schema import TRADES

T0 = MIDNIGHT_NS // 10**6
A = "toy:A/B"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("past")
    build_toy(folder / "store", toy_run(folder / "runs" / "r1"))
    return folder / "store"


@pytest.fixture
def past(built: Path) -> Past:
    return Past(str(built))


def trades_of(built: Path, id: str = A) -> list[tuple[int, Decimal, Decimal]]:
    return stored_trades(open_store(built), id, T0 - DAY_MS, T0 + DAY_MS)


@pytest.mark.parametrize("interval_ms", [1000, 60_000, DAY_MS])
def test_candles_are_those_of_the_trades(built: Path, past: Past, interval_ms: int) -> None:
    trades = trades_of(built)
    assert len(trades) > 5
    found = past.candles(A, interval_ms, T0 - DAY_MS, T0 + DAY_MS, "any")
    assert found == list(candles_of(trades, interval_ms))
    assert len(past.candles(A, 7 * DAY_MS, T0 - DAY_MS, T0 + DAY_MS, "any")) <= 2


def test_closes_of_minutes_are_those_of_the_candles(built: Path, past: Past) -> None:
    day = T0 // DAY_MS
    told = {one.ts_ms: float(one.close) for one in past.candles(A, 60_000, T0, T0 + DAY_MS, "pass")}
    closes = past.closes(A, day)
    assert {T0 + 60_000 * n: one for n, one in enumerate(closes.tolist()) if not math.isnan(one)} == told
    assert told
    assert all(math.isnan(one) for one in past.closes(A, day + 9))


def test_pages_of_trades_join(built: Path, past: Past) -> None:
    whole, end = past.trades(A, T0 - DAY_MS, T0 + DAY_MS, 10_000, "any")
    assert [(one.ts_ms, Decimal(one.price), Decimal(one.size)) for one in whole] == trades_of(built)
    assert end == T0 + DAY_MS
    paged, at_ms = [], T0 - DAY_MS
    while at_ms < end:
        rows, at_ms = past.trades(A, at_ms, end, 2, "any")
        paged += rows
    assert paged == whole


def test_what_is_not_there_is_empty(past: Past, tmp_path: Path) -> None:
    assert past.candles("toy:../..", 1000, T0, T0 + DAY_MS, "any") == []
    assert past.candles(A, 1000, 0, 10**15, "any") != [], "a range of ages costs no more than what is there"
    none = Past(str(tmp_path / "none"))
    assert (none.store(), none.definitions(), none.verdicts()) == (None, {}, [])
    assert none.trades(A, T0, T0 + 1, 5, "any") == ([], T0 + 1)


def test_definitions_and_verdicts_are_those_of_the_manifest(past: Past) -> None:
    assert list(past.definitions()) == [A, "toy:C/D"]
    assert past.definitions()[A].venue_symbol
    dates = [one.date for one in past.verdicts()]
    assert dates == sorted(dates, reverse=True)
    assert {(one.exchange, one.symbol) for one in past.verdicts()} == {("toy", "A/B"), ("toy", "C/D")}


def test_a_store_that_is_built_meanwhile_is_found(tmp_path: Path) -> None:
    now = [0.0]
    past = Past(str(tmp_path / "store"), lambda: now[0])
    assert past.store() is None
    build_toy(tmp_path / "store", toy_run(tmp_path / "r1"))
    assert past.store() is None, "it is not looked at again at once"
    now[0] += LOOK_S
    first = past.store()
    assert first is not None
    now[0] += LOOK_S
    assert past.store() is first, "it did not change"


def table_of(rows: list[tuple[int, int, int, int | None]]) -> pa.Table:
    columns: dict[str, list[object]] = {field.name: [None] * len(rows) for field in TRADES}
    columns["ts_exchange"] = [at * 10**6 for at, *_ in rows]
    columns["ts_capture"] = [10**6] * len(rows)
    columns["price"] = [Decimal(price).scaleb(-2) for _, price, _, _ in rows]
    columns["qty"] = [Decimal(size).scaleb(-3) for _, _, size, _ in rows]
    columns["trade_id"] = [number for *_, number in rows]
    fields = [field.with_nullable(True) for field in TRADES]
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in fields})


trades = st.tuples(
    st.integers(0, 5000), st.integers(1, 900), st.integers(1, 900), st.none() | st.integers(0, 9)
)


@settings(max_examples=80, deadline=None)
@given(st.lists(trades, max_size=25))
def test_order_and_repetition_are_as_in_the_history(rows: list[tuple[int, int, int, int | None]]) -> None:
    """By time, without a number first, then by number; of equal numbers in a ms the last row counts."""
    known = {
        (at, 0 if number is None else 1, place if number is None else number): (at, price, size)
        for place, (at, price, size, number) in enumerate(rows)
    }

    def numbers() -> Iterator[tuple[int, Decimal, Decimal]]:
        for key in sorted(known):
            at, price, size = known[key]
            if 1000 <= at < 4000:
                yield at, Decimal(price).scaleb(-2), Decimal(size).scaleb(-3)

    found: list[Candle] = candles_of_table(table_of(rows), 700, 1000, 4000)
    assert found == list(candles_of(numbers(), 700))
