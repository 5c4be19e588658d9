"""SQL over a store: views with verdicts, and nothing beyond them."""

from __future__ import annotations

import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from toy_store import build_toy, opened, toy_run

from mm_framework.errors import ConfigError, EnvironmentFailed, GateFailed
from mm_framework.store.query import query
from mm_framework.store.reader import Store
from mm_framework.store.settings import StoreSettings

pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("query")
    build_toy(folder / "it's a store", toy_run(folder / "run", disconnect_at=60))
    return opened(folder / "it's a store", folder)


def test_views_hold_the_rows_with_their_verdict(store: Store) -> None:
    table = query(store, "SELECT verdict, count(*) AS n FROM events WHERE seq IS NOT NULL GROUP BY 1")
    assert sum(table["n"].to_pylist()) == store.manifest.rows
    assert set(table["verdict"].to_pylist()) == {one.verdict.status for one in store.manifest.partitions()}


def test_prices_are_exact(store: Store) -> None:
    table = query(store, "SELECT price FROM trades ORDER BY ts_capture, trade_id LIMIT 5")
    trades = store.trades(policy="any").to_arrow()
    expected = trades.sort_by([("ts_capture", "ascending"), ("trade_id", "ascending")])
    assert table["price"].to_pylist() == expected["price"].to_pylist()[:5]


def test_instruments_and_partitions_are_views(store: Store) -> None:
    assert (
        query(store, "SELECT DISTINCT id FROM instruments ORDER BY 1")["id"].to_pylist() == store.instruments
    )
    assert query(store, "SELECT count(*) AS n FROM partitions")["n"].to_pylist() == [4]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "Permission"),
        ("SELECT * FROM '/etc/passwd'", "not usable"),
        ("DROP VIEW trades", "one SELECT"),
        ("COPY (SELECT 1) TO 'x.csv'", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("ATTACH 'x.db'", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("SET memory_limit = '100GB'", "one SELECT"),
        ("", "one SELECT"),
        ("SELEC", "syntax error"),
        ("SELECT * FROM tradez", "trades"),
    ],
)
def test_what_is_no_question_is_refused(store: Store, sql: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        query(store, sql)
    assert not Path("x.csv").exists()


def test_a_query_that_runs_away_is_stopped(store: Store) -> None:
    sql = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
    with pytest.raises(GateFailed, match=r"ran for 0\.5 s"):
        query(store, sql, StoreSettings(query_timeout_s=0.5))


def test_a_query_that_needs_too_much_memory_is_named(store: Store) -> None:
    sql = "SELECT list(a.range) FROM range(100000000) a"
    with pytest.raises(EnvironmentFailed, match="more than 64 MiB"):
        query(store, sql, StoreSettings(memory_mib=64))


def test_a_store_keeps_its_database_for_the_next_question(store: Store, tmp_path: Path) -> None:
    settings = StoreSettings(temp_dir=str(tmp_path))
    query(store, "SELECT 1", settings)
    first = store.database(settings)
    query(store, "SELECT 2", StoreSettings(temp_dir=str(tmp_path), query_timeout_s=1.0))
    assert store.database(settings) is first
    assert store.database(StoreSettings(temp_dir=str(tmp_path), memory_mib=100)) is not first


def test_a_closed_store_leaves_nothing_behind_and_can_be_asked_again(store: Store, tmp_path: Path) -> None:
    settings = StoreSettings(temp_dir=str(tmp_path))
    with store:
        assert store.query("SELECT 1 AS one", settings).to_pylist() == [{"one": 1}]
        assert len(list(tmp_path.iterdir())) == 1
    gc.collect()
    assert not list(tmp_path.iterdir())
    assert store.query("SELECT 1 AS one", settings).to_pylist() == [{"one": 1}]


def test_after_a_query_that_ran_away_the_next_one_is_answered(store: Store) -> None:
    sql = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
    with pytest.raises(GateFailed, match=r"ran for 0\.2 s"):
        query(store, sql, StoreSettings(query_timeout_s=0.2))
    assert query(store, "SELECT count(*) AS n FROM partitions")["n"].to_pylist() == [4]


def test_several_threads_may_ask_one_store(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(query, store, "SELECT count(*) AS n FROM events") for _ in range(12)]
    assert len({one.result()["n"].to_pylist()[0] for one in counts}) == 1


def test_an_asked_store_can_be_sent_to_another_process(store: Store) -> None:
    query(store, "SELECT 1")
    again = pickle.loads(pickle.dumps(store))
    assert again.query("SELECT count(*) AS n FROM partitions").to_pylist() == [{"n": 4}]


def test_a_folder_for_temporary_files_that_is_not_there_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="absent"):
        query(store, "SELECT 1", StoreSettings(temp_dir=str(tmp_path / "absent")))
