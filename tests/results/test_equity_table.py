"""The equity of a run as a table: exact, whatever the scales and however large the numbers."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pyarrow as pa
import pytest

from mm_framework.model.fixed import NULL
from mm_framework.model.instrument import Definition
from mm_framework.results.equity_table import amounts_of, equity_parts
from mm_framework.testing.strategies import tape
from mm_framework.trading.equity import EquityPoints
from mm_framework.trading.ledger import money_scale


def definitions() -> dict[str, Definition]:
    """Prices of 2 decimals and sizes of 3, and of one less each."""
    market = tape().book(bids=[("99", "1")], asks=[("101", "1")]).messages()
    fine = next(one.definition for one in market if one.definition is not None)
    coarse = attrs.evolve(
        fine, id="test:C/B", price_scale=fine.price_scale - 1, size_scale=fine.size_scale - 1
    )
    return {fine.id: fine, coarse.id: coarse}


@pytest.mark.parametrize("cash", [7, 2**62, 2**63 - 1, 10**37, 10**60])
def test_numbers_are_exact_at_the_finest_scales(cash: int) -> None:
    known, points = definitions(), EquityPoints()
    rows = [(1, "test:A/B", cash, NULL), (2, "test:C/B", -cash, 20001), (3, "test:C/B", 12, 2**61)]
    for ts_ns, name, money, mid2 in rows:
        points.add(ts_ns, ("s", name), -4, money, 3, money, ts_ns % 2, mid2)
    table = equity_parts(points, known, dict.fromkeys(known, "B")).table()
    for (_, name, money, mid2), row in zip(rows, table.to_pylist(), strict=True):
        unit = money_scale(known[name])
        assert row["cash"] == row["value"] == Decimal(money).scaleb(-unit)
        assert row["equity"] == Decimal(f"{2 * money - 3}e-{unit}")
        assert row["fees"] == Decimal(3).scaleb(-unit)
        assert row["position"] == Decimal(-4).scaleb(-known[name].size_scale)
        assert row["mid"] == (None if mid2 == NULL else Decimal(f"{mid2 * 5}e-{known[name].price_scale + 1}"))
    assert [row["stale"] for row in table.to_pylist()] == [True, False, True]
    assert table["strategy"].to_pylist() == ["s"] * 3
    assert table["quote"].to_pylist() == ["B"] * 3
    wide = pa.types.is_decimal256(table.schema.field("cash").type)
    assert wide == (cash > 10**36)
    amounts = [amount for part in points.parts() for amount in amounts_of(part).tolist()]
    assert amounts == [2 * money - 3 for _, _, money, _ in rows]


def test_a_run_without_points_has_an_empty_table() -> None:
    known = definitions()
    table = equity_parts(EquityPoints(), known, dict.fromkeys(known, "B")).table()
    assert table.num_rows == 0
    assert table.schema.field("equity").type == pa.decimal128(38, max(map(money_scale, known.values())))
