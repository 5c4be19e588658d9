"""Events for hftbacktest: its order by both clocks, its flags, exact numbers, books that are lost.

``MM_HFTBACKTEST_PYTHON=PYTHON`` lets hftbacktest itself read a file, in the environment of that Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.errors import ConfigError
from mm_framework.model.events import NULL, Kind, Reason, RowFlag
from mm_framework.model.fixed import text
from mm_framework.replay.cut_levels import CutLevels
from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.replay.hftbacktest import (
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    HftBacktestFile,
    event_dtype,
    in_both_orders,
    nearest_doubles,
    venue_times,
)
from mm_framework.store.reader import Store

ONE = ReplayRequest(("toy:A/B",), policy="any")
Rows = npt.NDArray[Any]
PEER = os.environ.get("MM_HFTBACKTEST_PYTHON")
"""A Python that has hftbacktest, which is not installed beside us."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hftbacktest")
    build_toy(folder / "store", toy_run(folder / "run", disconnect_at=90))
    return folder


@pytest.fixture
def store(folder: Path) -> Store:
    return opened(folder / "store", folder)


def written(store: Store, path: Path, request: ReplayRequest = ONE) -> tuple[Rows, dict[str, Any]]:
    with HftBacktestFile(path) as sink:
        replay_events(store, request, (sink,))
    with np.load(path) as file:
        assert list(file) == ["data"]
        return file["data"], sink.facts


def kinds(data: Rows) -> Rows:
    return np.asarray(data["ev"] & 0xFF)


def in_order(data: Rows) -> bool:
    """What hftbacktest's ``validate_event_order`` asks for."""
    exch, local = data["ev"] & EXCH_EVENT != 0, data["ev"] & LOCAL_EVENT != 0
    sorted_exch = np.all(np.diff(data["exch_ts"][exch]) >= 0)
    return bool(sorted_exch and np.all(np.diff(data["local_ts"][local]) >= 0))


def test_the_layout_is_the_one_of_hftbacktest() -> None:
    assert event_dtype().itemsize == 64
    assert list(event_dtype().names or ()) == [
        "ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval",
    ]  # fmt: skip


def test_each_level_and_trade_stands_in_both_orders_with_its_value(store: Store, tmp_path: Path) -> None:
    """Levels that fall out of the ten of the venue are told, too: as removals that no row speaks of."""
    data, facts = written(store, tmp_path / "x.npz")
    assert in_order(data)
    assert facts["rows"] == len(data)
    selection = store.events(["toy:A/B"], policy="any")
    cut = CutLevels(selection.definitions)
    rows = np.concatenate([cut.told(block) for block in selection.blocks()])
    scales = selection.definitions[0].price_scale, selection.definitions[0].size_scale
    valued = rows[np.isin(rows["kind"], (Kind.LEVEL, Kind.TRADE))]
    expected = [
        (float(text(price, scales[0])), float(text(size, scales[1])), side)
        for price, size, side in zip(valued["price"], valued["size"], valued["side"], strict=True)
    ]
    for clock in (LOCAL_EVENT, EXCH_EVENT):
        mine = data[(data["ev"] & clock != 0) & (kinds(data) != DEPTH_CLEAR_EVENT)]
        sides = np.where(mine["ev"] & BUY_EVENT, 1, np.where(mine["ev"] & SELL_EVENT, -1, 0))
        told = list(zip(mine["px"].tolist(), mine["qty"].tolist(), sides.tolist(), strict=True))
        assert sorted(told) == sorted(expected)
        if clock == LOCAL_EVENT:
            assert told == expected
    assert np.all(data["exch_ts"] < data["local_ts"])


def test_a_loss_and_each_snapshot_clear_both_sides(store: Store, tmp_path: Path) -> None:
    data, _ = written(store, tmp_path / "x.npz")
    local = data[data["ev"] & LOCAL_EVENT != 0]
    clears = np.flatnonzero(kinds(local) == DEPTH_CLEAR_EVENT)
    assert not np.any(local["ev"][clears] & (BUY_EVENT | SELL_EVENT))
    rows = np.concatenate([*store.events(["toy:A/B"], policy="any").blocks()])
    starts = int(np.count_nonzero(rows["kind"] == Kind.SNAPSHOT_START))
    lost = int(np.count_nonzero((rows["kind"] == Kind.GAP) & (rows["aux"] != Reason.TRADE_ID_GAP)))
    assert lost > 0
    assert len(clears) == starts + lost
    followed = [kinds(local)[place + 1] for place in clears if place + 1 < len(local)]
    assert followed.count(DEPTH_SNAPSHOT_EVENT) == starts
    first_delta = np.flatnonzero(kinds(local) == DEPTH_EVENT)[0]
    assert first_delta > clears[0]


@pytest.mark.parametrize("known", [True, False])
def test_what_a_policy_leaves_out_has_no_book(store: Store, tmp_path: Path, known: bool) -> None:
    """A SYNTHETIC state within a day follows an interval that was cut out; then its book, if it is known."""
    selection = store.events(["toy:A/B"], policy="any")
    rows = np.concatenate([*selection.blocks()])
    day = rows[rows["ts_recv_ns"] >= MIDNIGHT_NS]
    middle = len(day) // 2
    again = np.array(day[:2])
    again["kind"] = Kind.SYNC_CHANGE, Kind.SNAPSHOT_START
    again["flags"] = RowFlag.SYNTHETIC, RowFlag.SYNTHETIC | RowFlag.SNAPSHOT
    again["ts_recv_ns"] = day["ts_recv_ns"][middle]
    with HftBacktestFile(tmp_path / "x.npz") as sink:
        sink.begin({}, selection.definitions)
        sink.rows(day[:middle])
        sink.rows(np.concatenate([again[: 1 + known], day[middle + 1 :]]))
    with np.load(tmp_path / "x.npz") as file:
        local = file["data"][file["data"]["ev"] & LOCAL_EVENT != 0]
    clears = local["local_ts"][kinds(local) == DEPTH_CLEAR_EVENT].tolist()
    assert day["ts_recv_ns"][middle - 1] in clears
    assert (day["ts_recv_ns"][middle] in clears) == known


def test_the_same_request_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        written(store, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_more_than_one_instrument_is_refused_and_nothing_is_left(store: Store, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"one instrument a file, found 2 \(toy:A/B, toy:C/D\)"),
        HftBacktestFile(tmp_path / "x.npz") as sink,
    ):
        replay_events(store, ReplayRequest(policy="any"), (sink,))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"ends with \.npz"):
        HftBacktestFile(tmp_path / "x.npy")


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 18)), min_size=1, max_size=20))
def test_a_double_is_the_one_nearest_to_the_exact_text(numbers: list[tuple[int, int]]) -> None:
    values = np.array([value for value, _ in numbers], dtype=np.int64)
    scales = np.array([scale for _, scale in numbers], dtype=np.int64)
    expected = [float(Decimal(value).scaleb(-scale)) for value, scale in numbers]
    assert nearest_doubles(values, scales).tolist() == expected


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.one_of(st.none(), st.integers(-30, 60)),
            st.sampled_from([DEPTH_EVENT, TRADE_EVENT]),
        ),
        max_size=40,
    )
)
def test_both_clocks_are_in_order_whatever_the_venue_said(told: list[tuple[int, int | None, int]]) -> None:
    events = np.zeros(len(told), dtype=event_dtype())
    local = np.cumsum([step for step, _, _ in told]) * 1_000_000 + 10**18
    events["local_ts"] = local
    events["ev"] = [kind for _, _, kind in told]
    events["px"] = range(len(told))
    events["exch_ts"] = [
        NULL if age is None else int(at) - age * 1_000_000
        for at, (_, age, _) in zip(local, told, strict=True)
    ]
    said = events["exch_ts"] != NULL
    lead = int(np.max(events["exch_ts"][said] - local[said], initial=-1))
    times, shift_ns = venue_times(events, 5_000_000)
    assert shift_ns == (lead + 500_000 if lead >= 0 else 0)
    assert np.all(times <= local - 1000)
    events["exch_ts"] = times
    data = in_both_orders(events)
    assert in_order(data)
    for clock in (LOCAL_EVENT, EXCH_EVENT):
        mine = data[data["ev"] & clock != 0]
        assert sorted(mine["px"]) == sorted(events["px"])
    assert np.all(data["ev"] & (LOCAL_EVENT | EXCH_EVENT) != 0)


def test_hftbacktest_itself_takes_the_file(store: Store, tmp_path: Path, repository: Path) -> None:
    if not PEER:
        pytest.skip("MM_HFTBACKTEST_PYTHON names no Python that has hftbacktest")
    written(store, tmp_path / "x.npz")
    definition = store.events(["toy:A/B"]).definitions[0]
    tick, lot = 10.0**-definition.price_scale, 10.0**-definition.size_scale
    script = repository / "benchmarks" / "peers" / "hftbacktest_reads.py"
    run = subprocess.run(
        [PEER, script, tmp_path / "x.npz", str(tick), str(lot)],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    told = json.loads(run.stdout)
    *_, block = store.events(["toy:A/B"], policy="any").blocks()
    book = store.book_at("toy:A/B", int(block["ts_recv_ns"][-1]))
    assert told["best_bid"] == pytest.approx(float(text(book.bids[0][0], definition.price_scale)), rel=1e-12)
    assert told["best_ask"] == pytest.approx(float(text(book.asks[0][0], definition.price_scale)), rel=1e-12)
