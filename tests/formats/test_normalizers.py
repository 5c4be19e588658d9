"""The normalizers of file formats: exact texts, sides, times; what cannot be is malformed."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass
from mm_framework.errors import MalformedFrame
from mm_framework.formats.binance_data import BinanceLines, time_ns
from mm_framework.formats.lines import file_url, kind_of, number_or_null, symbol_of
from mm_framework.formats.tardis import TardisLines
from mm_framework.model.events import NULL


class Told:
    """A `MessageWriter` that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin(
        self, channel: str, carries: str, symbol: str, *, snapshot: bool = False, wire: Any = None
    ) -> bool:
        self.calls.append(("begin", channel, carries, symbol, snapshot))
        return True

    def level(self, *level: Any) -> None:
        self.calls.append(("level", *level))

    def trade(self, *trade: Any) -> None:
        self.calls.append(("trade", *trade))

    def top(self, *top: Any) -> None:
        self.calls.append(("top", *top))

    def end(self, **numbers: Any) -> None:
        self.calls.append(("end", numbers))

    def sequence(self, number: int) -> None:
        raise AssertionError(number)

    def control(self, event: Any) -> None:
        raise AssertionError(event)


def decoded(normalizer: Any, kind: str, *lines: str) -> list[tuple[Any, ...]]:
    out = Told()
    info = ConnectionInfo(0, file_url("x", kind, "some-file.csv", "BTCUSDT"))
    assert normalizer.decode("\n".join(lines).encode(), info, out) is FrameClass.DATA
    return out.calls


def test_a_url_says_what_is_in_a_file() -> None:
    info = ConnectionInfo(0, file_url("binance-zip", "trades", "a/b#c.zip", "BTC"))
    assert (kind_of(info), symbol_of(info)) == ("trades", "BTC")
    assert TardisLines().decode(b"x", ConnectionInfo(0, "elsewhere"), Told()) is FrameClass.UNKNOWN


def test_a_book_message_of_tardis() -> None:
    head = "kraken,XBT/USD,1700000000000001,1700000000000005,true"
    assert decoded(TardisLines(), "incremental_book_L2", f"{head},bid,100.10,0", f"{head},ask,1e2,5E-7") == [
        ("begin", "incremental_book_L2", "book", "XBT/USD", True),
        ("level", 1, "100.10", "0"),
        ("level", -1, "1e2", "5E-7"),
        ("end", {"ts_venue_ns": 1_700_000_000_000_001_000}),
    ]


def test_the_best_prices_of_binance_keep_their_numbers_and_times() -> None:
    assert decoded(BinanceLines(), "bookTicker", "77,1.10,2,1.20,3,1700000000001,1700000000002") == [
        ("begin", "bookTicker", "ticker", "BTCUSDT", False),
        ("top", "1.10", "2", "1.20", "3"),
        ("end", {"last": 77, "ts_venue_ns": 1_700_000_000_002_000_000}),
    ]


@pytest.mark.parametrize(
    ("normalizer", "kind", "line"),
    [
        (TardisLines(), "incremental_book_L2", "x,y,1,2,true,Bid,1,1"),
        (TardisLines(), "trades", "x,y,1,2,3,buy,1"),
        (TardisLines(), "trades", "x,y,1,2,3,buy,1,1,1"),
        (TardisLines(), "trades", "x,y,1,2,3,bu\xff,1,1"),
        (BinanceLines(), "aggTrades", "1,1,1,1,1,1700000000000,maybe"),
        (BinanceLines(), "trades", "1,1,1,1,1700000000000"),
    ],
)
def test_what_no_such_file_holds_is_malformed(normalizer: Any, kind: str, line: str) -> None:
    with pytest.raises(MalformedFrame, match="found"):
        decoded(normalizer, kind, line)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", NULL), ("", NULL), ("-1", NULL),
     ("1.0", NULL), ("\u0661", NULL), ("7" * 40, NULL)],
)  # fmt: skip
def test_a_number_is_one_or_null(text: str, number: int) -> None:
    assert number_or_null(text) == number


def test_times_are_told_by_their_length() -> None:
    assert time_ns("1735689599999") == 1_735_689_599_999_000_000
    assert time_ns("1735689600000001") == 1_735_689_600_000_001_000
    assert time_ns("now") == NULL
