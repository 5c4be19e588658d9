"""A sweep: the same table on any executor, nothing played twice, failures told in their rows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import dask_cluster
from l1_store import l1_store
from toy_plugins import slow_toy_plugins, toy_plugins
from toy_store import opened

from mm_framework.errors import EnvironmentFailed
from mm_framework.plugins import Plugins
from mm_framework.replay.events import ReplayRequest
from mm_framework.results.setup import SECTIONS, values_of
from mm_framework.results.sweep import Point, SweepData, play_point, sweep, table_of_points, write_sweep
from mm_framework.settings import section_of
from mm_framework.store.dask_pool import dask_executor
from mm_framework.store.row_cache import RowCache

SIZES = ("0.1", "0.2", "0.3")


def points(
    folder: Path,
    sizes: tuple[str, ...] = SIZES,
    strategy: str = "trader",
    make: Callable[[], Plugins] = toy_plugins,
) -> list[Point]:
    store = opened(folder / "store", folder)
    data = SweepData(
        store.root.url, RowCache(folder / "cache"), ReplayRequest(policy="any"), "book", (), "digest"
    )
    found = []
    for number, size in enumerate(sizes):
        mine = {"size": size, "side": "both"} if strategy == "trader" else {}
        configuration: dict[str, Any] = {
            "strategies": {strategy: mine},
            "fee_model": {"name": "free", "settings": {}},
            **{section_of(cls): values_of(cls()) for cls in SECTIONS},
        }
        configuration["trading"]["slippage_bps"] = 0
        found.append(Point(number, {"size": size}, configuration, data, make))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    l1_store(tmp_path)
    return tmp_path


class Reversed(Executor):
    """Plays the tasks last first."""

    def __init__(self) -> None:
        self.todo: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.todo.append((future, arguments[0]))
        if len(self.todo) == 3:
            for one, task in reversed(self.todo):
                one.set_result(function(task))
        return future


def test_the_table_is_the_same_whatever_the_executor(folder: Path) -> None:
    todo = points(folder)
    serial = sweep(todo, folder / "serial")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        processes = sweep(todo, folder / "processes", pool)
    backwards = sweep(todo, folder / "backwards", Reversed())
    tables = [table_of_points(one.points) for one in (serial, processes, backwards)]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert tables[0]["EUR total"].to_pylist() == ["0.5", "1", "1.5"]
    for name, table in zip(("serial", "processes"), tables, strict=False):
        write_sweep(folder / name, {"points": list(serial.points)}, table)
    for file in ("table.csv", "table.parquet", "sweep.json"):
        assert (folder / "serial" / file).read_bytes() == (folder / "processes" / file).read_bytes()


def test_what_is_done_is_not_played_again(folder: Path) -> None:
    assert sweep(points(folder, ("0.1", "0.2")), folder / "kept").played == 2
    told: list[int] = []
    more = sweep(points(folder), folder / "kept", progress=told.append)
    assert more.played == 1
    assert told == [2, 1]
    assert [one["point"] for one in more.points] == [0, 1, 2]


def test_a_point_that_is_kept_but_damaged_is_played_again(folder: Path) -> None:
    todo = points(folder, ("0.1",))
    before = sweep(todo, folder / "kept").points
    (folder / "kept" / f"{todo[0].key}.json").write_text("{")
    again = sweep(todo, folder / "kept")
    assert (again.played, again.points) == (1, before)


def test_other_settings_and_other_data_are_other_keys(folder: Path) -> None:
    one, two, _ = points(folder)
    assert one.key != two.key
    assert one.key == points(folder)[0].key


def test_a_strategy_that_fails_has_a_row_that_says_where(folder: Path) -> None:
    table = table_of_points([play_point(points(folder, ("1",), "failing")[0])])
    row = table.to_pylist()[0]
    assert not row["ok"]
    assert "ValueError at event" in row["error"]
    assert row["fills"] == 0


def test_a_point_that_cannot_be_built_has_a_row_without_numbers(folder: Path) -> None:
    played = [play_point(points(folder, ("1",), name)[0]) for name in ("unbuilt", "trader")]
    bad, good = table_of_points(played).to_pylist()
    assert not bad["ok"]
    assert "cannot be built" in bad["error"]
    assert bad["fills"] is bad["EUR total"] is None
    assert good["ok"]


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_loses_a_worker_gives_the_same_table(folder: Path) -> None:
    pytest.importorskip("distributed")
    sizes = tuple(f"0.{k}" for k in range(1, 9))
    expected = table_of_points(sweep(points(folder, sizes), folder / "serial").points)
    done: list[int] = []
    with dask_cluster(folder) as (address, workers), dask_executor(address) as pool:

        def kill_one_half_way(count: int) -> None:
            done.append(count)
            if len(done) == 4:
                workers[0].kill()

        swept = sweep(points(folder, sizes, make=slow_toy_plugins), folder / "dask", pool, kill_one_half_way)
        assert workers[0].wait(10) == -9
    assert table_of_points(swept.points).equals(expected)


class Broken(Executor):
    """Loses its workers."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        from concurrent.futures.process import BrokenProcessPool

        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future


def test_a_lost_worker_is_told_and_nothing_is_lost(folder: Path) -> None:
    todo = points(folder)
    sweep(todo[:1], folder / "kept")
    with pytest.raises(EnvironmentFailed, match="run the same command again"):
        sweep(todo, folder / "kept", Broken())
    assert sweep(todo, folder / "kept").played == 2
