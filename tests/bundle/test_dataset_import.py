"""Data sets of other tools become bundles: named, in the order of their times, exact, and unproved."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_sets import (
    AGG_HEADER,
    BOOK_HEADER,
    T0_US,
    TICKER_HEADER,
    TRADE_HEADER,
    archive,
    book_lines,
    gz,
    trade_lines,
)

from mm_framework.bundle.dataset_import import DatasetRequest, import_dataset
from mm_framework.bundle.datasets import Named
from mm_framework.bundle.importer import ImportReport
from mm_framework.bundle.rows import RunRows, read_rows
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.verify import verify
from mm_framework.errors import ConfigError, StoreError
from mm_framework.feed.file_kits import FILE_KITS
from mm_framework.model.events import NULL, Kind, Reason
from mm_framework.model.fixed import text

DAY_US = 86_400_000_000
Import = Callable[..., tuple[ImportReport, Run, RunRows]]


@pytest.fixture
def do_import(tmp_path: Path) -> Import:
    """Imports files into the run ``out``; the report, the bundle and its rows."""

    def run(*files: Path, out: str = "out", container: str = "tardis-csv", **options: Any) -> Any:
        path = tmp_path / "runs" / out
        request = DatasetRequest(files, container, path, **options)

        def namer(venue: str) -> Callable[[str], Named]:
            return lambda symbol: Named(f"{venue}:{symbol}", ("BTC", "USD"))

        report = import_dataset(request, namer, created="2026-11-21T00:00:00Z", made_by="test")
        opened = open_run(path)
        return report, opened, read_rows(opened, FILE_KITS)

    return run


def told(read: RunRows, kind: Kind) -> list[tuple[Any, ...]]:
    """Rows of a kind as a file tells them: times in microseconds, exact numbers."""
    scales = {one.number: (one.price_scale, one.size_scale) for one in read.definitions}
    found = []
    for row in read.rows[read.rows["kind"] == kind]:
        price, size = scales[int(row["instrument"])]
        venue = None if row["ts_venue_ns"] == NULL else int(row["ts_venue_ns"]) // 1000
        numbers = Decimal(text(int(row["price"]), price)), Decimal(text(int(row["size"]), size))
        found.append((venue, int(row["ts_recv_ns"]), int(row["side"]), *numbers))
    return found


def test_lines_of_a_book_become_its_rows_at_their_times(tmp_path: Path, do_import: Import) -> None:
    lines = book_lines(50)
    report, run, read = do_import(gz(tmp_path / "book.csv.gz", BOOK_HEADER, lines))
    assert report.instruments == ("deribit:BTC-PERPETUAL",)
    assert not report.untimed
    cells = [line.split(",") for line in lines]
    expected = [
        (int(c[2]), int(c[3]) * 1000, 1 if c[5] == "bid" else -1, Decimal(c[6]), Decimal(c[7])) for c in cells
    ]
    assert told(read, Kind.LEVEL) == expected
    verified = verify(run, FILE_KITS)
    assert verified.ok
    assert verified.unproved_channels == ("incremental_book_L2",)
    assert (verified.counts.epochs, verified.counts.gaps) == (1, 0)
    (definition,) = read.definitions
    assert (definition.venue_symbol, definition.base, definition.quote) == ("BTC-PERPETUAL", "BTC", "USD")


def test_trades_stand_before_the_book_at_the_same_time(tmp_path: Path, do_import: Import) -> None:
    book = gz(tmp_path / "book.csv.gz", BOOK_HEADER, book_lines(20))
    trades = gz(tmp_path / "trades.csv.gz", TRADE_HEADER, trade_lines(20))
    _, _, read = do_import(book, trades)
    kinds = [int(kind) for kind in read.rows["kind"]]
    first = kinds.index(Kind.SNAPSHOT_START)
    assert kinds[first - 2] == Kind.TRADE or kinds[first - 1] == Kind.TRADE
    prints = read.rows[read.rows["kind"] == Kind.TRADE]
    assert prints["aux"].tolist() == list(range(700, 720))
    assert prints["side"].tolist() == [(1, -1, 0)[n % 3] for n in range(20)]
    for at_us in range(T0_US + 1000, T0_US + 20_000, 1000):
        mine = [row for row in read.rows if 0 <= int(row["ts_recv_ns"]) - at_us * 1000 < 1000]
        assert [row["kind"] for row in mine][:2] == [Kind.TRADE, Kind.LEVEL]


def test_a_snapshot_behind_updates_is_a_loss_and_begins_an_epoch(tmp_path: Path, do_import: Import) -> None:
    _, run, read = do_import(gz(tmp_path / "book.csv.gz", BOOK_HEADER, book_lines(30, snapshots=(0, 20))))
    verified = verify(run, FILE_KITS)
    assert (verified.counts.epochs, verified.counts.gaps) == (2, 1)
    gaps = read.rows[read.rows["kind"] == Kind.GAP]
    assert gaps["aux"].tolist() == [Reason.DROPPED]
    starts = read.rows[read.rows["kind"] == Kind.SNAPSHOT_START]
    assert starts["epoch"].tolist() == [1, 2]


def test_a_snapshot_over_several_times_is_one(tmp_path: Path, do_import: Import) -> None:
    lines = [
        *(line.replace(str(T0_US), str(T0_US + n)) for n, line in enumerate(book_lines(1))),
        *book_lines(2, start_us=T0_US + 5000, snapshots=()),
    ]
    _, _, read = do_import(gz(tmp_path / "book.csv.gz", BOOK_HEADER, lines))
    starts = read.rows[read.rows["kind"] == Kind.SNAPSHOT_START]
    assert starts["size"].tolist() == [20]
    assert starts["ts_recv_ns"].tolist() == [(T0_US + 19) * 1000]


def test_days_that_follow_each_other_are_one_book_and_a_missing_day_is_a_loss(
    tmp_path: Path, do_import: Import
) -> None:
    def day(number: int) -> Path:
        lines = book_lines(20, seed=number, start_us=T0_US + number * DAY_US)
        return gz(tmp_path / f"day{number}.csv.gz", BOOK_HEADER, lines)

    def trades(number: int) -> Path:
        return gz(
            tmp_path / f"t{number}.csv.gz", TRADE_HEADER, trade_lines(5, start_us=T0_US + number * DAY_US)
        )

    report, run, read = do_import(day(1), day(0), trades(0), trades(1), out="joined")
    verified = verify(run, FILE_KITS)
    assert verified.ok
    assert (verified.counts.epochs, verified.counts.gaps) == (1, 0)
    assert report.counts["foreign_frames"] == 0
    assert report.counts["trades"] == 10
    assert report.steps_back == 0
    _, run, read = do_import(day(0), day(2), out="parted")
    assert read.rows[read.rows["kind"] == Kind.GAP]["aux"].tolist() == [Reason.DROPPED]


def test_a_time_that_repeats_the_receive_time_is_none(tmp_path: Path, do_import: Import) -> None:
    lines = [f"deribit,X,{T0_US},{T0_US},,buy,1.5,2", f"deribit,X,{T0_US},{T0_US + 3},a-b,sell,1.5,2"]
    _, _, read = do_import(gz(tmp_path / "trades.csv.gz", TRADE_HEADER, lines))
    prints = read.rows[read.rows["kind"] == Kind.TRADE]
    assert prints["ts_venue_ns"].tolist() == [NULL, T0_US * 1000]
    assert prints["aux"].tolist() == [NULL, NULL]


def test_only_the_symbols_that_are_wanted(tmp_path: Path, do_import: Import) -> None:
    lines = [*trade_lines(3, symbol="A"), *trade_lines(3, symbol="B", start_us=T0_US + 9000)]
    file = gz(tmp_path / "trades.csv.gz", TRADE_HEADER, lines)
    report, _, _ = do_import(file, symbols=("deribit:B",))
    assert report.instruments == ("deribit:B",)
    with pytest.raises(ConfigError, match="no data of C"):
        do_import(file, out="none", symbols=("C",))
    assert not (tmp_path / "runs" / "none").exists()


@pytest.mark.parametrize(
    ("header", "line", "error"),
    [
        ("a,b", "1,2", "found the header 'a,b', expected that of incremental_book_L2"),
        (TRADE_HEADER, "deribit,X,1,2", "line 2: 4 columns, expected 8"),
        (TRADE_HEADER, "deribit,X,1,soon,1,buy,1,1", "line 2: found .*local_timestamp"),
        (BOOK_HEADER, f"deribit,X,1,{T0_US},maybe,bid,1,1", "line 2: is_snapshot is 'maybe'"),
        (TRADE_HEADER, "", "no lines but its header"),
    ],
)
def test_a_file_of_another_form_is_named_with_its_line(
    tmp_path: Path, do_import: Import, header: str, line: str, error: str
) -> None:
    with pytest.raises(StoreError, match=error):
        do_import(gz(tmp_path / "x.csv.gz", header, [line]))
    assert not (tmp_path / "runs" / "out").exists()


@pytest.mark.parametrize("line", ["bid,1e,1", "middle,1,1", "bid,0,1", "bid,1,-1"])
def test_a_value_that_cannot_be_is_a_malformed_frame(tmp_path: Path, do_import: Import, line: str) -> None:
    bad = f"deribit,BTC-PERPETUAL,{T0_US},{T0_US + 500},false,{line}"
    lines = [*book_lines(1), bad, *book_lines(3, start_us=T0_US + 1000, snapshots=())]
    report, run, _ = do_import(gz(tmp_path / "book.csv.gz", BOOK_HEADER, lines))
    assert report.counts["malformed"] == 1
    assert not verify(run, FILE_KITS).ok


def test_files_that_do_not_go_together_are_refused(tmp_path: Path, do_import: Import) -> None:
    one = gz(tmp_path / "one.csv.gz", TRADE_HEADER, trade_lines(5))
    other = gz(tmp_path / "other.csv.gz", TRADE_HEADER, trade_lines(5, exchange="bitmex"))
    with pytest.raises(ConfigError, match=r"of deribit and .* of bitmex: import them as two runs"):
        do_import(one, other)
    again = gz(tmp_path / "again.csv.gz", TRADE_HEADER, trade_lines(5, start_us=T0_US + 500))
    with pytest.raises(StoreError, match="overlap in time with trades of BTC-PERPETUAL"):
        do_import(one, again)
    with pytest.raises(ConfigError, match="has receive times: leave out --assume-receive"):
        do_import(one, assume_receive="venue")
    assert list((tmp_path / "runs").iterdir()) == []


def spot(folder: Path, kind: str = "aggTrades", *, missing: int = -1) -> Path:
    """A spot file of 2025: microseconds, no header, more columns than futures have."""
    quote = "7,7" if kind == "aggTrades" else "300.5"
    lines = [
        f"{100 + n},94000.10,0.0{1 + n % 9}0,{quote},{T0_US + n // 2 * 1500},{bool(n % 2)},True"
        for n in range(100)
        if n != missing
    ]
    return archive(folder / "spot", f"BTCUSDT-{kind}-2025-01-01", lines)


@pytest.mark.parametrize("kind", ["aggTrades", "trades"])
def test_trades_of_a_zip_have_exact_numbers_and_proved_ids(
    tmp_path: Path, do_import: Import, kind: str
) -> None:
    report, run, read = do_import(spot(tmp_path, kind), container="binance-zip", assume_receive="venue")
    assert report.instruments == ("binance:BTCUSDT",)
    prints = read.rows[read.rows["kind"] == Kind.TRADE]
    assert prints["aux"].tolist() == list(range(100, 200))
    assert prints["side"].tolist() == [1, -1] * 50
    assert told(read, Kind.TRADE)[3][3:] == (Decimal("94000.10"), Decimal("0.040"))
    assert prints["ts_venue_ns"].tolist() == [(T0_US + n // 2 * 1500) * 1000 for n in range(100)]
    verified = verify(run, FILE_KITS)
    assert verified.ok
    assert verified.unproved_channels == ()
    assert run.manifest.assume_receive == "venue"
    assert run.manifest.source is not None
    assert run.manifest.source["checksums"] == [f"BTCUSDT-{kind}-2025-01-01.zip"]


def test_a_missing_trade_of_a_zip_is_declared(tmp_path: Path, do_import: Import) -> None:
    _, run, _ = do_import(spot(tmp_path, missing=50), container="binance-zip")
    verified = verify(run, FILE_KITS)
    assert [failure.reason for failure in verified.failures] == ["TRADE_ID_GAP"]


def test_zips_without_a_rule_are_untimed_and_in_the_order_of_the_venue(
    tmp_path: Path, do_import: Import
) -> None:
    ms = T0_US // 1000
    ticker = archive(
        tmp_path / "um", "BTCUSDT-bookTicker-2024-01-01",
        [f"{n},10.1,1,10.2,2,{ms + n},{ms + n + 1}" for n in range(20)], header=TICKER_HEADER,
    )  # fmt: skip
    trades = archive(
        tmp_path / "um", "BTCUSDT-aggTrades-2024-01-01",
        [f"{n},10.1,1,{n},{n},{ms + n},true" for n in range(20)], header=AGG_HEADER,
    )  # fmt: skip
    report, run, read = do_import(ticker, trades, container="binance-zip", out="untimed")
    assert report.untimed
    assert report.instruments == ("binance-usdm:BTCUSDT",)
    assert set(read.rows["ts_recv_ns"].tolist()) == {NULL}
    told_ns = read.rows["ts_venue_ns"][read.rows["ts_venue_ns"] != NULL]
    assert told_ns.tolist() == sorted(told_ns.tolist())
    assert verify(run, FILE_KITS).unproved_channels == ("bookTicker",)
    _, run, read = do_import(
        ticker, trades, container="binance-zip", out="fixed", assume_receive="fixed:1700000000000000000"
    )
    frames = sorted({int(at) for at in read.rows[read.rows["kind"] == Kind.TRADE]["ts_recv_ns"]})
    assert len(frames) == 20
    assert frames[0] > 1_700_000_000_000_000_000


def test_trades_of_futures_may_leave_out_numbers(tmp_path: Path, do_import: Import) -> None:
    lines = [f"{n},10.1,1,10.1,{T0_US // 1000 + n},true" for n in range(20) if n % 7]
    file = archive(
        tmp_path / "um",
        "BTCUSDT-trades-2024-01-01",
        lines,
        header="id,price,qty,quote_qty,time,is_buyer_maker",
    )
    _, run, _ = do_import(file, container="binance-zip")
    verified = verify(run, FILE_KITS)
    assert verified.ok
    assert verified.unproved_channels == ("trade",)


def test_the_same_trades_twice_are_refused(tmp_path: Path, do_import: Import) -> None:
    with pytest.raises(ConfigError, match="say the same twice"):
        do_import(spot(tmp_path), spot(tmp_path, "trades"), container="binance-zip")


def test_a_market_is_named_or_told_by_the_folders(tmp_path: Path, do_import: Import) -> None:
    lines = [f"{n},10.1,1,{n},{n},{T0_US // 1000 + n},true" for n in range(3)]
    file = archive(tmp_path / "loose", "BTCUSD_PERP-aggTrades-2024-01-01", lines)
    with pytest.raises(ConfigError, match="name it with --venue"):
        do_import(file, container="binance-zip")
    report, _, _ = do_import(file, container="binance-zip", venue="binance-coinm")
    assert report.instruments == ("binance-coinm:BTCUSD_PERP",)
