"""A result read back is the run that was written: the same columns, the same summary, the same page."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pytest

from mm_framework.errors import StoreError
from mm_framework.model.events import NULL
from mm_framework.results import bundle
from mm_framework.results.bundle import Result, read_result
from mm_framework.results.columns import RunColumns
from mm_framework.results.reading import columns_of_result
from mm_framework.results.summary import summarize
from tests.support.quoted_run import walk, written


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunColumns, Result]:
    return written(walk(300), tmp_path_factory.mktemp("reading") / "one")


def same(one: Any, two: Any) -> bool:
    names = [field.name for field in attrs.fields(type(one))]
    return all(
        np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name == "ahead") for name in names
    )


def test_columns_come_back_as_they_were(both: tuple[RunColumns, Result]) -> None:
    run, result = both
    found = columns_of_result(result)
    assert len(run.fills) > 20
    assert same(run.fills, found.fills)
    assert same(run.reports, found.reports)
    assert found.results == run.results
    assert found.accounts == run.accounts
    assert {account: marks.equity.tolist() for account, marks in found.marks.items()} == {
        account: marks.equity.tolist() for account, marks in run.marks.items()
    }


def test_the_summary_of_a_result_read_back_is_the_one_that_it_holds(both: tuple[RunColumns, Result]) -> None:
    _, result = both
    again = summarize(columns_of_result(result))
    assert json.loads(json.dumps(again)) == result.document["summary"]


def test_what_is_not_known_is_null(both: tuple[RunColumns, Result]) -> None:
    _, result = both
    fills = result.fills
    without = fills.set_column(
        fills.schema.get_field_index("mid"), "mid", pa.nulls(len(fills), fills["mid"].type)
    )
    found = columns_of_result(attrs.evolve(result, tables={"fills": without}))
    assert (found.fills.mid2 == NULL).all()


def test_a_number_that_its_instrument_does_not_hold_is_refused(both: tuple[RunColumns, Result]) -> None:
    _, result = both
    (instrument,) = result.document["instruments"]
    coarse = {**result.document, "instruments": [{**instrument, "price_scale": 1}]}
    with pytest.raises(StoreError, match="not as `mm backtest` writes it: a number has more decimals"):
        columns_of_result(attrs.evolve(result, document=coarse))


def test_a_bundle_without_a_table_is_refused(tmp_path: Path, both: tuple[RunColumns, Result]) -> None:
    _, result = both
    (tmp_path / "result.json").write_text(json.dumps(result.document), encoding="utf-8")
    with pytest.raises(StoreError, match=r"reports\.parquet is missing"):
        columns_of_result(read_result(tmp_path))


def test_tables_are_read_some_rows_at_a_time(
    both: tuple[RunColumns, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, result = both
    assert result.path is not None
    monkeypatch.setattr(bundle, "_BATCH_ROWS", 7)
    found = columns_of_result(read_result(result.path))
    ((name, path),) = run.paths.items()
    columns = ("ts_ns", "bid", "bid_size", "ask", "ask_size", "trusted")
    assert all(np.array_equal(getattr(found.paths[name], one), getattr(path, one)) for one in columns)
    assert len(path) > 7
    assert same(run.marks[0], found.marks[0])
    assert same(run.fills, found.fills)


def test_equity_beyond_64_bits_is_exact(both: tuple[RunColumns, Result]) -> None:
    run, result = both
    equity = result.equity
    most = 10**30
    amounts = pa.array([Decimal(most)] * len(equity), equity["equity"].type)
    table = equity.set_column(equity.schema.get_field_index("equity"), "equity", amounts)
    found = columns_of_result(attrs.evolve(result, tables={"equity": table}))
    scale = run.path(0).instrument.money_scale
    assert found.marks[0].equity.tolist() == [most * 10**scale] * len(equity)


@pytest.mark.parametrize("strategy", ["nobody", None])
def test_equity_of_nobody_is_refused(both: tuple[RunColumns, Result], strategy: str | None) -> None:
    _, result = both
    equity = result.equity
    names = pa.array([strategy] * len(equity), pa.string())
    table = equity.set_column(equity.schema.get_field_index("strategy"), "strategy", names)
    with pytest.raises(StoreError, match="not as `mm backtest` writes it"):
        columns_of_result(attrs.evolve(result, tables={"equity": table}))
