"""Levels of a book by hand, beside the best prices of the same rows, and blind to what comes later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pytest
import toy_store
from research_markets import T0_NS, columns

from mm_framework.model.events import ASK, BID, Kind, RowFlag, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.research.columns import Columns, read_columns
from mm_framework.research.features import flow, sample
from mm_framework.research.levels import Levels, LevelWalk
from mm_framework.store.reader import Store

S, MS = 10**9, 10**6
NOTHING = (0, 0, 0)


def walked(messages: Sequence[tuple[int, Sequence[tuple[int, int, int]]]], k: int = 2) -> Levels:
    """``(time, [(side, price, size)])``: messages of one book, sizes in hundredths, on a grid of 100 ms."""
    rows = np.zeros(sum(len(levels) for _, levels in messages), row_dtype())
    place = 0
    for ts_ns, levels in messages:
        for side, price, size in levels:
            row = rows[place]
            row["kind"] = Kind.SNAPSHOT_START if (side, price, size) == NOTHING else Kind.LEVEL
            row["side"], row["price"], row["size"], row["ts_recv_ns"] = side, price, size, ts_ns
            place += 1
        rows["flags"][place - 1] |= RowFlag.LAST
    walk = LevelWalk([Definition(0, 0, "toy:A/B", "A/B", 0, 2)], k, 100 * MS)
    for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        walk.feed(half)
    return walk.levels()


BOOK = [NOTHING, (BID, 100, 300), (BID, 99, 100), (BID, 98, 700), (ASK, 102, 100), (ASK, 103, 200)]


def test_what_the_best_two_levels_hold_and_how_it_flows() -> None:
    found = walked(
        [
            (T0_NS, BOOK),
            (T0_NS + 110 * MS, [(BID, 99, 150)]),  # rank 2 grew by 0.5
            (T0_NS + 120 * MS, [(BID, 98, 1)]),  # rank 3 is not looked at
            (T0_NS + 199 * MS, [(ASK, 102, 0)]),  # 1 taken at rank 1, then 2 at rank 2: 103 is alone
            (T0_NS + 300 * MS, [(ASK, 101, 50)]),  # a better ask: rank 1 gets 0.5, rank 2 the 2 of 103
        ]
    )
    assert found.ts_ns.tolist() == [T0_NS, T0_NS + 200 * MS, T0_NS + 300 * MS]
    assert found.bids.tolist() == [4.0, 4.5, 4.5]
    assert found.asks.tolist() == [3.0, 2.0, 2.5]
    assert found.fewest.tolist() == [2, 1, 2]
    assert found.changes.tolist() == [1, 2, 1]
    assert found.flow[1:].tolist() == [[1.0, 0.5 + 2.0], [-0.5, -2.0]]
    times = T0_NS + MS * np.array([-100, 0, 100, 200, 300, 400])
    assert found.imbalance(times)[1:].tolist() == pytest.approx([1 / 7, 1 / 7, 2.5 / 6.5, 2 / 7, 2 / 7])
    flows = found.flows(times - 200 * MS, times)
    assert np.isnan(flows[:3]).all(), "nothing was known at the beginning of the window"
    # the mean of a level in the window: (4.5 + 3)/4 and (4.5 + 2)/4; with (4.5 + 2.5)/4; then that alone
    one, two = (7.5 + 6.5) / 8, (7.5 + 6.5 + 7.0) / 12
    assert flows[3].tolist() == pytest.approx([1.0 / one, 2.5 / one])
    assert flows[4].tolist() == pytest.approx([0.5 / two, 0.5 / two])
    assert flows[5].tolist() == pytest.approx([-0.5 / (7 / 4), -2.0 / (7 / 4)])


def test_a_book_without_levels_has_no_features() -> None:
    nothing = walked([])
    times = np.array([T0_NS])
    assert len(nothing) == 0
    assert np.isnan(nothing.imbalance(times)).all()
    assert np.isnan(nothing.flows(times - 1, times)).all()
    bare = sample(attrs.evolve(columns(rows(60)), levels=nothing), 100 * MS, S, 0, S)
    assert "imbalance_k" not in bare.values
    assert not bare.shallow.any()


def rows(count: int) -> list[tuple[int, float, float, float, float]]:
    return [(T0_NS + n * 100 * MS, 100.0, 1.0, 101.0, 1.0) for n in range(count)]


def test_samples_have_the_levels_of_their_time_and_none_before() -> None:
    levels = walked([(T0_NS + 1050 * MS, BOOK), (T0_NS + 2000 * MS, [(BID, 99, 0), (BID, 98, 0)])])
    found = sample(attrs.evolve(columns(rows(60)), levels=levels), 100 * MS, S, 0, S)
    assert found.ts_ns[0] == T0_NS + 2100 * MS, "one window after the first level"
    assert found.dropped["no levels"] == 11
    assert found.shallow.all()
    assert set(found.values) > {"imbalance_k", "ofi_1", "ofi_2"}
    assert found.values["imbalance_k"][0] == 0.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    run = toy_store.toy_run(folder / "one", start_ns=toy_store.MIDNIGHT_NS + S, disconnect_at=60)
    toy_store.build_toy(folder / "store", run)
    found: Store = toy_store.opened(folder / "store", folder)
    return found


def read(store: Store, **options: Any) -> Columns:
    return read_columns(store, "toy:A/B", policy="any", deep=(3, MS), **options)[0]


def test_the_flow_of_the_first_rank_is_that_of_the_best_prices(store: Store) -> None:
    whole = read(store)
    assert whole.levels is not None
    sums = np.concatenate([[0.0], np.cumsum(flow(whole))])
    found = sample(whole, MS, 4 * MS, 0, 10 * MS)
    assert len(found) > 50
    now, before = whole.at(found.ts_ns), whole.at(found.ts_ns - 10 * MS)
    ours = whole.levels
    deep = np.concatenate([[0.0], np.cumsum(ours.flow[:, 0])])
    mine = deep[ours.at(found.ts_ns) + 1] - deep[ours.at(found.ts_ns - 10 * MS) + 1]
    assert mine == pytest.approx(sums[now + 1] - sums[before + 1])
    assert (np.sign(found.values["ofi_1"]) == np.sign(mine)).all()


def test_features_know_nothing_of_what_comes_later(store: Store) -> None:
    whole = sample(read(store), MS, 4 * MS, 0, 10 * MS)
    border = int(whole.ts_ns[len(whole) // 2])
    early = sample(read(store, to_ns=border + 10 * MS), MS, 4 * MS, 0, 10 * MS)
    assert 0 < len(early) < len(whole)
    same = whole.ts_ns <= early.ts_ns[-1]
    for name, values in early.values.items():
        assert values.tobytes() == whole.values[name][same].tobytes(), name
