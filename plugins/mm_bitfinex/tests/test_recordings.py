"""Recordings of Bitfinex: what the normalizer reads of them, and what comes of importing them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.sync import RULES
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.feed import VenueKit
from mm_framework.model.book import OrderBook
from mm_framework.model.events import BID, NULL
from mm_framework.model.fixed import parse
from mm_framework.sync.checksum import checksum_text

SEVEN = "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"
LONG = "tBTCUSD_P0_F0_100_trades_session1_20181112.ndjson.gz"
SINGLE = "single_frames_cryptocrawler_a.ndjson"

Verified = Callable[..., dict[str, Any]]


class Watcher:
    """Implements `MessageWriter` with books of its own: counts, and what must not happen."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.numbers: list[int] = []
        self.books: dict[str, tuple[dict[Decimal, str], dict[Decimal, str]]] = {}
        self.tops: dict[str, list[Decimal]] = {}
        self.crossed = self.unknown_deletes = self.deepest = 0
        self.pairs: set[tuple[str, str]] = set()
        self._symbol = ""

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        self.counts[f"{channel} {'snapshot' if snapshot else 'update'}"] += 1
        self._symbol = venue_symbol
        if channel == "book" and snapshot:
            self.books[venue_symbol] = ({}, {})
        return True

    def level(self, side: int, price: str, size: str) -> None:
        levels = self.books[self._symbol][side < 0]
        at = Decimal(price)
        if Decimal(size):
            self.counts["upserts"] += 1
            levels[at] = size
            self.pairs.add((price, size))
        else:
            self.counts["deletes"] += 1
            self.unknown_deletes += levels.pop(at, None) is None
        self._look(side, at)

    def _look(self, side: int, at: Decimal) -> None:
        """Keep the best prices, and look at them after each change."""
        sides = self.books[self._symbol]
        self.deepest = max(self.deepest, len(sides[side < 0]))
        best = self.tops.setdefault(self._symbol, [Decimal(0), Decimal("Infinity")])
        place = int(side < 0)
        pick, least = (min, Decimal("Infinity")) if place else (max, Decimal(0))
        if at in sides[place]:
            best[place] = pick(best[place], at)
        elif best[place] == at:
            best[place] = pick(sides[place], default=least)
        self.crossed += best[0] >= best[1]

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        self.counts["trades"] += 1

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        self.counts["tops"] += 1

    def end(self, **numbers: Any) -> None:
        """Nothing to keep."""

    def sequence(self, number: int) -> None:
        self.numbers.append(number)

    def control(self, event: Any) -> None:
        self.counts[type(event).__name__] += 1


def items(path: Path) -> Iterator[tuple[str, bytes]]:
    """``(direction, payload)`` of each line."""
    with gzip.open(path, "rb") as file:
        for line in file:
            if line.startswith(b'{"ts"'):
                body = json.loads(line)
                yield body["dir"], body.get("raw", "").encode()
            else:
                yield "in", line.rstrip()


def watch(path: Path, line: Any) -> tuple[Counter[str], Watcher]:
    """The classes of all frames, and what was seen."""
    classes: Counter[str] = Counter()
    seen = line.out = Watcher()
    for direction, payload in items(path):
        if direction == "out":
            line.sent(payload)
        elif direction == "in":
            classes[line.take(payload).name] += 1
    return classes, seen


def test_the_numbered_recording_has_no_gap_and_sound_books(shared_data: Path, new_line: Any) -> None:
    classes, seen = watch(shared_data / "bitfinex" / SEVEN, new_line())
    assert classes == {"DATA": 1628, "HEARTBEAT": 42, "CONTROL": 23}
    assert seen.numbers == list(range(1, 1671))
    assert (seen.crossed, seen.unknown_deletes, seen.deepest) == (0, 0, 100)
    assert seen.counts["book snapshot"] == seen.counts["trades snapshot"] == 7
    assert seen.counts["book update"] == 1593
    assert (seen.counts["trades"], seen.counts["tops"]) == (210, 21)
    assert (seen.counts["Requested"], seen.counts["Subscribed"]) == (21, 21)


def test_every_number_of_the_books_is_written_as_the_checksum_prints_it(
    shared_data: Path, new_line: Any
) -> None:
    _, seen = watch(shared_data / "bitfinex" / SEVEN, new_line())
    assert RULES.checksum is not None
    assert any("e-" in price + size for price, size in seen.pairs)
    for price, size in seen.pairs:
        book = OrderBook()
        book.apply(BID, parse(price, 12), parse(size, 12))
        assert checksum_text(RULES.checksum, book, (12, 12), (12, 12)) == f"{price}:{size}"


def test_the_long_recording_is_read_to_the_last_trade(shared_data: Path, new_line: Any) -> None:
    classes, seen = watch(shared_data / "bitfinex" / LONG, new_line())
    assert classes == {"DATA": 912_462, "HEARTBEAT": 4_898, "CONTROL": 3}
    assert seen.numbers == []
    assert (seen.crossed, seen.unknown_deletes, seen.deepest) == (0, 0, 100)
    assert [len(side) for side in seen.books["tBTCUSD"]] == [100, 100]
    assert seen.counts["upserts"] == 617_801 + 200
    assert seen.counts["deletes"] == 287_051
    assert seen.counts["trades"] == 30 + 3_807, "3,801 tu add nothing"


def test_single_frames_of_a_crawler_name_no_channel_number(shared_data: Path, new_line: Any) -> None:
    lines = (shared_data / "bitfinex" / SINGLE).read_text().splitlines()
    line = new_line()
    assert Counter(line.take(json.loads(one)["raw"]).name for one in lines) == {"UNKNOWN": 11}


# imported and verified


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    """Imports a file and gives the document of `mm verify --json` for the run."""
    kit = VenueKit(BitfinexAdapter(), BitfinexNormalizer(), RULES)

    def run(path: Path, **options: Any) -> dict[str, Any]:
        request = ImportRequest((path,), "bitfinex", tmp_path / "runs" / "run", **options)
        import_recording(request, kit, created="2026-11-21T00:00:00Z", made_by="test")
        return verify(open_run(request.out), {"bitfinex": kit}).to_json()

    return run


def test_the_numbered_recording_verifies(shared_data: Path, verified: Verified, new_line: Any) -> None:
    path = shared_data / "bitfinex" / SEVEN
    document = verified(path)
    assert document["ok"], document["failures"]
    counts = document["counts"]
    assert (counts["sequence_applied"], counts["sequence_breaks"], counts["sequence_dropped"]) == (1670, 0, 0)
    assert (counts["frames"], counts["heartbeats"], counts["malformed"], counts["unknown"]) == (
        1693,
        42,
        0,
        0,
    )
    assert (counts["gaps"], counts["unknown_deletes"], counts["crossed"], counts["epochs"]) == (0, 0, 0, 7)
    assert (counts["trades"], counts["tops"]) == (210, 21)
    _, seen = watch(path, new_line())
    assert document["instruments"].keys() == {
        BitfinexAdapter().instrument_id(symbol) for symbol in seen.books
    }
    for symbol, (bids, asks) in seen.books.items():
        shown = document["instruments"][BitfinexAdapter().instrument_id(symbol)]
        assert (Decimal(shown["bid"]), Decimal(shown["ask"])) == (max(bids), min(asks))
        assert Decimal(shown["bid_size"]) == Decimal(bids[max(bids)])
        assert Decimal(shown["ask_size"]) == Decimal(asks[min(asks)])
        assert shown["levels"] == len(bids) + len(asks)


@pytest.mark.parametrize("symbol", ["bitfinex:TESTBTC/TESTUSD", "tTESTBTC:TESTUSD", "bitfinex:MANA/BTC"])
def test_one_pair_can_be_imported_alone(shared_data: Path, verified: Verified, symbol: str) -> None:
    document = verified(shared_data / "bitfinex" / SEVEN, symbols=(symbol,))
    assert document["ok"], document["failures"]
    assert list(document["instruments"]) == [
        BitfinexAdapter().instrument_id(symbol.removeprefix("bitfinex:"))
    ]
    assert document["counts"]["sequence_applied"] == 1670


def damaged(path: Path, out: Path, damage: str) -> Path:
    """The recording with one numbered frame in the middle dropped, swapped with the next, or repeated."""
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    place = next(
        place
        for place, line in enumerate(lines)
        if place > 900 and b'"raw":"[' in line and b"hb" not in line and b'"raw":"[' in lines[place + 1]
    )
    first, second = json.loads(lines[place]), json.loads(lines[place + 1])
    if damage == "swap":
        first["raw"], second["raw"] = second["raw"], first["raw"]
    changed = {
        "drop": [second],
        "swap": [first, second],
        "repeat": [first, first, second],
    }[damage]
    body = b"".join(json.dumps(one).encode() + b"\n" for one in changed)
    out.write_bytes(b"".join(lines[:place]) + body + b"".join(lines[place + 2 :]))
    return out


@pytest.mark.parametrize(("damage", "breaks", "dropped"), [("drop", 1, 0), ("swap", 1, 1), ("repeat", 0, 1)])
def test_a_damaged_recording_is_found_at_the_next_frame(
    shared_data: Path, tmp_path: Path, verified: Verified, damage: str, breaks: int, dropped: int
) -> None:
    path = damaged(shared_data / "bitfinex" / SEVEN, tmp_path / "damaged", damage)
    document = verified(path)
    counts = document["counts"]
    assert (counts["sequence_breaks"], counts["sequence_dropped"]) == (breaks, dropped)
    lost = 0 if damage == "repeat" else 7
    assert counts["gaps"] >= lost, "every book of the connection is lost"
    assert (counts["orphan_deltas"] > 0) == bool(lost)
