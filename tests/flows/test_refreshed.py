"""Markets that walk beyond what a snapshot showed: refreshes under every fault, and what is made of the log.

By default one seed of 60 s; ``MM_SEEDS=100`` runs a hundred, each 300 s of virtual time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from simulated import venue
from sink_runs import replayed, sink_run

from mm_framework.bundle.rows import read_rows
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.segment import iter_encoded
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.slice import Cut, slice_run
from mm_framework.bundle.verify import verify
from mm_framework.feed import Feed, FeedSettings
from mm_framework.feed.output import DepthRefresh
from mm_framework.kernels.loader import active
from mm_framework.model.book import OrderBook
from mm_framework.model.events import Kind, MessageFlag, iter_messages, iter_rows
from mm_framework.model.frame import HEADER, RecordKind, iter_records
from mm_framework.sinks.day_files import DayFiles
from mm_framework.sinks.day_reader import DayReader
from mm_framework.sinks.day_verify import verify_day
from mm_framework.store.builder import Build, build
from mm_framework.store.inputs import find_source
from mm_framework.store.reader import open_store
from mm_framework.store.row_cache import RowCache
from mm_framework.sync.refresh import Joined, Refresh
from mm_framework.testing.oracle import FalseBook
from mm_framework.testing.simulation import Simulation
from mm_framework.testing.twin import compare

SEEDS = int(os.environ.get("MM_SEEDS", "1"))
SECONDS = 300 if SEEDS >= 100 else 60
MARKETS = ("binance", "binance-usdm")
SETTINGS = FeedSettings(stream_idle_s=20.0, stable_s=5.0, refresh_min_interval_s=3.0)

pytestmark = pytest.mark.timeout(300)


def market(name: str, seed: int, seconds: float = SECONDS, faults: str = "", **more: object) -> Simulation:
    """Snapshots show ten levels of forty."""
    return Simulation(
        venue(name, snapshot_limit=10),
        seed=seed,
        seconds=seconds,
        faults=faults,
        channels=("depth",),
        feed_settings=SETTINGS,
        **more,  # type: ignore[arg-type]  # as given by the test
    )


def outcomes(run: Simulation) -> list[str]:
    return [one.outcome for one in run.tape.notices if isinstance(one, DepthRefresh)]


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_under_every_fault_what_is_known_is_true_and_both_paths_agree(name: str, seed: int) -> None:
    run = market(name, seed, faults="all")
    result = run.run()
    assert run.oracle.counts["compared"] > 3 * SECONDS
    assert run.oracle.counts["refreshed"] == result.counts.refreshes_joined
    assert outcomes(run).count("asked") == result.counts.refreshes
    if active():
        compare(run.kits, run.tape.records, seed=seed)


@pytest.mark.parametrize("name", MARKETS)
def test_without_faults_every_request_is_joined_and_the_epoch_stays(name: str) -> None:
    run = market(name, 3, seconds=120)
    counts = run.run().counts
    assert sorted(outcomes(run)) == ["asked"] * counts.refreshes + ["joined"] * counts.refreshes
    assert counts.refreshes_joined == run.oracle.counts["refreshed"] > 4
    assert (counts.gaps, counts.epochs, run.oracle.counts["books lost"]) == (0, 2, 0)
    assert 0 < counts.depth_unproved_messages < run.oracle.counts["compared"] / 10


def test_levels_that_were_altered_on_the_way_are_found_by_a_refresh() -> None:
    """Numbers do not show a changed digit; the snapshot does, where it tells the level."""
    differing = 0
    for seed in range(3):
        run = market("binance", seed, seconds=90, faults="corrupt:0.01")
        differing += run.run().counts.refreshes_differing
    assert differing > 0


# the oracle: it finds out what is joined wrongly


def test_the_oracle_finds_bounds_that_are_moved_without_the_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Refresh, "join", lambda refresh, book, known: Joined([]))
    with pytest.raises(FalseBook, match="is SYNCED in epoch 1 with a false book"):
        market("binance", 3, seconds=120).run()


def test_the_oracle_finds_levels_of_an_old_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels that an update has taken away come back when it is not noted what updates touch."""
    monkeypatch.setattr(Refresh, "touch", lambda refresh, levels, number: None)
    rightly = Refresh.join

    def join(refresh: Refresh, book: OrderBook, known: object) -> Joined:
        told = rightly(refresh, book, known)  # type: ignore[arg-type]
        return told if told.differs is None else Joined(refresh.levels)

    monkeypatch.setattr(Refresh, "join", join)

    def search() -> None:
        for seed in range(20):
            market("binance", seed, seconds=120).run()

    with pytest.raises(FalseBook, match="with a false book"):
        search()


# what is made of the log


@pytest.fixture(scope="module", params=MARKETS)
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Simulation]:
    """A run with losses and refreshes, and a checkpoint every half second."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    often = BundleSettings(checkpoint_interval_s=0.5)
    faults = "drop:0.002,stale:0.3,5xx:0.2"
    run = market(request.param, 5, seconds=90, faults=faults, record=folder, bundle_settings=often)
    run.run()
    return open_run(folder), run


def test_the_log_verifies_with_its_checkpoints_of_which_some_await_an_answer(
    recorded: tuple[Run, Simulation],
) -> None:
    bundle, run = recorded
    records = [record for block in bundle.shards[0].blocks() for record in iter_records(block)]
    states = [bytes(one.payload) for one in records if one.kind == RecordKind.CHECKPOINT]
    assert sum(b'"refresh":{' in state for state in states) > 1
    report = verify(bundle, run.kits).to_json()
    assert report["totals"]["errors"] == 0
    for name in ("refreshes", "refreshes_joined", "refreshes_failed", "stale_snapshots", "gaps"):
        assert report["counts"][name] == getattr(run.result.counts, name)
    assert report["counts"]["refreshes_joined"] > 2


def test_rows_rebuild_the_books(recorded: tuple[Run, Simulation]) -> None:
    bundle, run = recorded
    feed, books = Feed(run.kits), dict[int, OrderBook]()
    news = 0
    for block in bundle.shards[0].blocks():
        for row in iter_rows(feed.feed(block).rows):
            book = books.setdefault(row.instrument, OrderBook())
            if row.kind == Kind.SNAPSHOT_START:
                book.clear()
            elif row.kind == Kind.LEVEL:
                book.apply(row.side, row.price, row.size)
            news += row.kind == Kind.KNOWN_DEPTH
        for view in feed.instruments():
            told = books[view.definition.number]
            assert (told.bids(), told.asks()) == (view.book.bids(), view.book.asks())
    assert news == run.result.counts.refreshes_joined


def test_a_slice_from_the_midst_of_a_refresh_goes_on_alike(
    recorded: tuple[Run, Simulation], tmp_path: Path
) -> None:
    bundle, run = recorded
    whole = read_rows(bundle, run.kits).rows
    feed, places = Feed(run.kits), []
    for block in bundle.shards[0].blocks():
        for record in iter_encoded(block):
            feed.feed(record)
            if b'"asking":true' in feed.checkpoint():
                places.append(HEADER.unpack_from(record)[5] + 1)
    assert places
    for n, place in enumerate(places[:: max(1, len(places) // 4)]):
        out = tmp_path / f"cut{n}"
        slice_run(bundle, run.kits, out, Cut(start=place, by_index=True))
        assert verify(open_run(out), run.kits).to_json()["totals"]["errors"] == 0
        part = read_rows(open_run(out), run.kits).rows
        assert part.tobytes() == whole[whole["frame"] >= place].tobytes()


def test_a_store_has_the_books_at_any_time(recorded: tuple[Run, Simulation], tmp_path: Path) -> None:
    bundle, run = recorded
    plan = Build(lambda venues: run.kits, lambda venues: dict.fromkeys(venues, "1"), "tests", None)
    build(str(tmp_path / "store"), [find_source(bundle.path)], plan)
    store = open_store(tmp_path / "store", cache=RowCache(tmp_path / "cache"))
    rows = read_rows(bundle, run.kits)
    assert store.events(policy="any").digest() == rows.digest()
    joined = rows.rows[rows.rows["kind"] == Kind.KNOWN_DEPTH]
    feed = Feed(run.kits)
    at = {int(row["frame"]): (rows.ids[int(row["instrument"])], int(row["ts_recv_ns"])) for row in joined}
    checked = 0
    for block in bundle.shards[0].blocks():
        for record in iter_encoded(block):
            feed.feed(record)
            index = HEADER.unpack_from(record)[5]
            if index in at:
                name, ts_ns = at[index]
                (view,) = [one for one in feed.instruments() if one.id == name]
                found = store.book_at(name, ts_ns)
                assert (found.bids, found.asks) == (view.book.bids(), view.book.asks())
                checked += 1
    assert checked == len(joined) > 2


def test_a_day_folder_has_the_book_that_a_refresh_told(
    recorded: tuple[Run, Simulation], tmp_path: Path
) -> None:
    _, run = recorded
    replayed(run.tape.records, run.venue.kits, DayFiles(), sink_run(run.kits, tmp_path))
    told = 0
    for schema in tmp_path.glob("*/*/*/schema.json"):
        report = verify_day(DayReader(schema.parent), run.venue.rules)
        assert report.n_found == len(report.declared) or report.ok
        assert report.frames_different == 0
        assert report.frames_compared > 100
        told += len(list((schema.parent / "snapshots").glob("*_refresh_*.csv")))
    feed, news = Feed(run.kits), 0
    for record in run.tape.records:
        for message in iter_messages(feed.feed(record).messages):
            news += message.kind == Kind.LEVEL and bool(message.flags & MessageFlag.SNAPSHOT)
    assert told == news > 2
