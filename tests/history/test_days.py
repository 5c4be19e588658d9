"""Files of history: what they cover, what is put into them, and pages that wait."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mm_framework.bundle.disk import replace_file
from mm_framework.contracts.history import Candle, HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import ConfigError, StoreError
from mm_framework.history.days import DAY_MS, HistoryFiles, days_of

DAY = 1_795_046_400_000  # 2026-11-19
MINUTE = 60_000


def files(root: Path, kind: str = "candles") -> HistoryFiles:
    if kind == "candles":
        return HistoryFiles(root, "kraken:BTC/EUR", "BTC/EUR", "candles", "1m")
    return HistoryFiles(root, "kraken:BTC/EUR", "BTC/EUR", "trades")


def query(begin: int, end: int, kind: str = "candles") -> HistoryQuery:
    interval = "1m" if kind == "candles" else ""
    return HistoryQuery("candles" if kind == "candles" else "trades", "kraken:BTC/EUR", begin, end, interval)


def candles(*minutes: int) -> list[Candle]:
    return [Candle(DAY + one * MINUTE, "1.50", "2", "1", "2", "0.1") for one in minutes]


def test_a_file_has_the_columns_and_the_place_of_the_contract(tmp_path: Path) -> None:
    asked = query(DAY, DAY + 2 * MINUTE)
    (path,) = files(tmp_path).put(asked, candles(0, 1), [(asked.from_ms, asked.to_ms)])
    assert path == tmp_path / "kraken/BTCEUR/20261119/history/candles_1m_BTCEUR_20261119.csv.gz"
    assert gzip.decompress(path.read_bytes()).decode().splitlines() == [
        "ts_ms,open,high,low,close,volume,exchange,symbol,interval",
        f"{DAY},1.50,2,1,2,0.1,kraken,BTC/EUR,1m",
        f"{DAY + MINUTE},1.50,2,1,2,0.1,kraken,BTC/EUR,1m",
    ]


def test_trades_keep_their_number_and_their_nanoseconds(tmp_path: Path) -> None:
    there = files(tmp_path, "trades")
    made = PastTrade(DAY * 1_000_000 + 123, "4711", "1.0", "2.50", "sell")
    (path,) = there.put(query(DAY, DAY + 1, "trades"), [made], [(DAY, DAY + 1)])
    assert path.name == "trades_BTCEUR_20261119.ndjson.gz"
    assert json.loads(gzip.decompress(path.read_bytes())) == {
        "ts_ms": DAY,
        "ts_ns": DAY * 1_000_000 + 123,
        "trade_id": "4711",
        "price": "1.0",
        "qty": "2.50",
        "side": "sell",
        "exchange": "kraken",
        "symbol": "BTC/EUR",
    }
    assert list(there.read(DAY, DAY + 1)) == [made]
    assert list(there.read(DAY + 1, DAY + DAY_MS)) == []


def test_what_is_covered_is_not_missing_and_parts_join(tmp_path: Path) -> None:
    there = files(tmp_path)
    assert there.missing(DAY, DAY + 3 * DAY_MS) == [(DAY, DAY + 3 * DAY_MS)]
    for begin, end in ((0, 10), (20, 30), (10, 20)):
        span = (DAY + begin * MINUTE, DAY + end * MINUTE)
        there.put(query(*span), candles(begin), [span])
    assert there.covers(DAY) == [(DAY, DAY + 30 * MINUTE)]
    assert there.missing(DAY, DAY + 30 * MINUTE) == []
    assert there.missing(DAY, DAY + 31 * MINUTE) == [(DAY, DAY + 31 * MINUTE)]
    assert [one.ts_ms for one in there.rows(DAY)] == [DAY + at * MINUTE for at in (0, 10, 20)]


def test_what_the_venue_did_not_tell_stays_missing(tmp_path: Path) -> None:
    there = files(tmp_path)
    asked = query(DAY, DAY + 5 * MINUTE)
    there.put(asked, candles(3, 4), [(DAY + 3 * MINUTE, DAY + 5 * MINUTE)])
    assert there.missing(DAY + 3 * MINUTE, asked.to_ms) == []
    assert there.missing(DAY, asked.to_ms) == [(DAY, asked.to_ms)]


def test_a_range_over_midnight_has_a_file_a_day(tmp_path: Path) -> None:
    there = files(tmp_path)
    asked = query(DAY - MINUTE, DAY + MINUTE)
    paths = there.put(asked, candles(-1, 0), [(asked.from_ms, asked.to_ms)])
    assert [path.parent.parent.name for path in paths] == ["20261118", "20261119"]
    assert [len(there.rows(day)) for day, _ in days_of(asked.from_ms, asked.to_ms)] == [1, 1]


def test_a_file_that_came_another_way_is_not_overwritten(tmp_path: Path) -> None:
    there = files(tmp_path)
    path = there.path(DAY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(ConfigError, match="was not written by mm history"):
        there.put(query(DAY, DAY + MINUTE), candles(0), [(DAY, DAY + MINUTE)])
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize(
    "damage",
    [b"", b"no gzip", gzip.compress(b"head\nx,y\n", mtime=0), gzip.compress(b"h\n", mtime=0)[:-3]],
    ids=["empty", "no gzip", "no candle", "cut"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: bytes) -> None:
    there = files(tmp_path)
    (path,) = there.put(query(DAY, DAY + MINUTE), candles(0), [(DAY, DAY + MINUTE)])
    path.write_bytes(damage)
    with pytest.raises(StoreError, match="delete it, and the day is fetched again"):
        list(there.read(DAY, DAY + MINUTE))


def test_a_damaged_cover_is_named(tmp_path: Path) -> None:
    there = files(tmp_path)
    (path,) = there.put(query(DAY, DAY + MINUTE), candles(0), [(DAY, DAY + MINUTE)])
    path.with_name(f"{path.name}.covers.json").write_text("{")
    with pytest.raises(StoreError, match=r"covers\.json cannot be read"):
        there.missing(DAY, DAY + MINUTE)


class TestPages:
    asked = query(DAY, DAY + MINUTE, "trades")
    trade = PastTrade(DAY * 1_000_000, "1", "1", "1", "")

    def test_they_are_there_again_with_the_cursor(self, tmp_path: Path) -> None:
        log = files(tmp_path, "trades").pages(self.asked)
        assert not log.read().begun
        log.add(HistoryPage(trades=(self.trade,), cursor="7"))
        log.add(HistoryPage(trades=(self.trade,), cursor=None))
        kept = files(tmp_path, "trades").pages(self.asked).read()
        assert (kept.begun, kept.cursor, kept.trades) == (True, None, [self.trade, self.trade])
        log.remove()
        assert not list(tmp_path.rglob("*.pages.ndjson"))

    def test_every_cut_leaves_the_whole_pages(self, tmp_path: Path) -> None:
        log = files(tmp_path, "trades").pages(self.asked)
        for number in range(3):
            log.add(HistoryPage(trades=(self.trade,), cursor=str(number)))
        whole = log.path.read_bytes()
        ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
        for cut in range(len(whole)):
            log.path.write_bytes(whole[:cut])
            pages = max(0, sum(end <= cut for end in ends) - 1)
            kept = log.read()
            assert len(kept.trades) == pages
            assert kept.cursor == (str(pages - 1) if pages else None)
            log.add(HistoryPage(trades=(self.trade,), cursor="x"))
            assert len(log.read().trades) == pages + 1, f"cut at {cut}"
            log.remove()

    def test_those_of_another_query_are_left(self, tmp_path: Path) -> None:
        log = files(tmp_path, "trades").pages(self.asked)
        log.add(HistoryPage(trades=(self.trade,), cursor="7"))
        other = files(tmp_path, "trades").pages(query(DAY, DAY + 2 * MINUTE, "trades"))
        assert not other.read().begun


def test_a_fetch_that_is_cut_off_between_file_and_cover_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, asked = files(tmp_path), query(DAY, DAY + 2 * MINUTE)
    covered = [(asked.from_ms, asked.to_ms)]

    def killed(path: Path, data: bytes) -> None:
        if b"[[" in data:
            raise KeyboardInterrupt
        replace_file(path, data)

    monkeypatch.setattr("mm_framework.history.days.replace_file", killed)
    with pytest.raises(KeyboardInterrupt):
        there.put(asked, candles(0, 1), covered)
    monkeypatch.undo()
    assert there.missing(asked.from_ms, asked.to_ms) == covered
    there.put(asked, candles(0, 1), covered)
    assert there.missing(asked.from_ms, asked.to_ms) == []
    assert list(there.read(asked.from_ms, asked.to_ms)) == candles(0, 1)
