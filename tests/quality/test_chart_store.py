"""Charts of a store: best prices as they were, none where the book was lost, verdicts with their reasons."""

from __future__ import annotations

import numpy as np
import pytest
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.errors import ConfigError, StoreError
from mm_framework.quality.chart_depth import view_book
from mm_framework.quality.chart_store import chart_of_store
from mm_framework.report.depth import COLUMNS
from mm_framework.store.reader import Store

MS = 1_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run over midnight that loses its connection before it, and another run three seconds later."""
    folder = tmp_path_factory.mktemp("store")
    runs = [
        toy_run(folder / "one", disconnect_at=60, steps=400),
        toy_run(folder / "two", seed=3, start_ns=MIDNIGHT_NS + 3_000 * MS, steps=200),
    ]
    build_toy(folder / "store", *runs)
    return opened(folder / "store", folder)


def test_the_best_prices_are_those_of_the_store(store: Store) -> None:
    chart = chart_of_store(store, "toy:A/B")
    table = store.bbo(["toy:A/B"], policy="any")
    assert chart.rows == table.num_rows
    shown = dict(zip(chart.tops.ts_ns.tolist(), chart.tops.bid.tolist(), strict=True))
    rows = zip(table["ts_capture"].to_pylist(), table["bid"].to_pylist(), strict=True)
    same = [shown[ts] == float(bid) for ts, bid in rows if bid is not None and not np.isnan(shown[ts])]
    assert all(same)
    assert len(same) > 0.8 * chart.rows
    assert (chart.base, chart.quote, chart.status) == ("A", "B", "QUARANTINE")


def test_no_price_is_drawn_while_the_book_was_lost_and_the_reason_is_told(store: Store) -> None:
    chart = chart_of_store(store, "toy:A/B")
    lost = [one for one in chart.marks if one.kind == "out"]
    assert [one.text.partition(",")[0] for one in lost] == ["reset"]
    inside = (chart.tops.ts_ns >= lost[0].start_ns) & (chart.tops.ts_ns < lost[0].end_ns)
    assert inside.any()
    assert np.isnan(chart.tops.bid[inside]).all()
    after = chart.tops.ts_ns == lost[0].end_ns
    assert not np.isnan(chart.tops.bid[after]).any()


def test_the_time_between_runs_is_marked_and_no_line_leads_over_it(store: Store) -> None:
    chart = chart_of_store(store, "toy:A/B")
    (between,) = [one for one in chart.marks if one.kind == "gap"]
    assert between.text.startswith("not recorded, 2.")
    assert 0 <= between.end_ns - (MIDNIGHT_NS + 3_000 * MS) < 20 * MS
    assert np.isnan(chart.tops.bid[np.searchsorted(chart.tops.ts_ns, between.end_ns) - 1])


def test_midnight_breaks_no_line(store: Store) -> None:
    tops = chart_of_store(store, "toy:A/B").tops
    place = int(np.searchsorted(tops.ts_ns, MIDNIGHT_NS))
    assert not np.isnan(tops.bid[place - 2 : place + 2]).any()


def test_the_map_of_depth_holds_the_book_at_the_end_of_each_column(store: Store) -> None:
    selection = store.events(["toy:C/D"], policy="any")
    start, end = MIDNIGHT_NS, MIDNIGHT_NS + 200 * MS
    depth = view_book(selection, start, end).depth
    assert depth is not None
    place = COLUMNS // 2
    book = store.book_at("toy:C/D", int(depth.ts_ns[place + 1]) - 1)
    inside = [
        size / 10**book.definition.size_scale
        for price, size in (*book.bids, *book.asks)
        if depth.prices[0] <= price / 10**book.definition.price_scale <= depth.prices[-1]
    ]
    assert depth.sizes[:, place].sum() == pytest.approx(sum(inside), rel=1e-5)
    assert sum(inside) > 0


def test_a_part_of_the_time_can_be_asked_for(store: Store) -> None:
    chart = chart_of_store(store, "toy:A/B", MIDNIGHT_NS, MIDNIGHT_NS + 50 * MS)
    start, end = chart.span_ns
    assert MIDNIGHT_NS <= start <= end <= MIDNIGHT_NS + 50 * MS
    with pytest.raises(StoreError, match=r"no best price of toy:A/B in that time"):
        chart_of_store(store, "toy:A/B", MIDNIGHT_NS + 10**12)
    with pytest.raises(ConfigError, match="no instrument"):
        chart_of_store(store, "toy:X/Y")


def test_of_many_best_prices_the_extremes_are_kept(store: Store) -> None:
    whole = chart_of_store(store, "toy:A/B").tops
    chart = chart_of_store(store, "toy:A/B", most_rows=40)
    assert len(chart.tops) < len(whole)
    assert np.nanmax(chart.tops.ask) == np.nanmax(whole.ask)
    assert np.nanmin(chart.tops.bid) == np.nanmin(whole.bid)
