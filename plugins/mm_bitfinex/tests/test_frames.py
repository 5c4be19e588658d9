"""Arrays of a channel: books, trades, tickers, checksums, heartbeats, and what stands at their end."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.normalizer import Alive, FrameClass
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import NULL

MS = 1_000_000


# --- book


def test_the_first_array_of_a_book_is_its_snapshot_and_tells_its_channel_number(line: Any) -> None:
    frame = "[7,[[6443,5,5.26056135],[6442.9,2,1.17073057],[6443.1,1,-0.5]]]"
    assert line.take(frame) is FrameClass.DATA
    assert line.out.messages == [
        {
            "channel": "book",
            "symbol": "tBTCUSD",
            "snapshot": True,
            "wire": "7",
            "rows": [(1, "6443", "5.26056135"), (1, "6442.9", "1.17073057"), (-1, "6443.1", "0.5")],
        }
    ]


@pytest.mark.parametrize(
    ("row", "level"),
    [
        ("[2e-8,3,640000]", (1, "2e-8", "640000")),
        ("[2e-8,0,1]", (1, "2e-8", "0")),
        ("[2e-8,0,-1]", (-1, "2e-8", "0")),
        ("[5,0,0]", (1, "5", "0")),
        ("[5,1,0]", (1, "5", "0")),
        ("[5,1,-0.0]", (-1, "5", "0.0")),
        ("[215350,1,-1.1e-7]", (-1, "215350", "1.1e-7")),
        ("[0.068965,12,0.00000001]", (1, "0.068965", "0.00000001")),
        ("[5,1,2,null,{}]", (1, "5", "2")),
    ],
)
def test_a_single_level_is_set_or_removed_by_its_count_and_its_side_is_the_sign(
    line: Any, row: str, level: object
) -> None:
    line.take("[7,[[5,1,1]]]")
    assert line.take(f"[7,{row}]") is FrameClass.DATA
    assert line.rows[1] == [level]
    assert line.out.messages[1]["snapshot"] is False


def test_an_empty_book_has_a_snapshot_without_rows(line: Any) -> None:
    line.take("[7,[]]")
    line.take("[7,[5,1,1]]")
    assert line.rows == [[], [(1, "5", "1")]]
    assert [message["snapshot"] for message in line.out.messages] == [True, False]


def test_several_levels_are_an_update_with_the_bulk_flag_and_else_another_snapshot(new_line: Any) -> None:
    for flags, second in ((536870912, False), (0, True)):
        line = new_line(new_line.CONF % flags, new_line.BOOK)
        line.take("[7,[[5,1,1]]]")
        line.take("[7,[[5,0,1],[6,1,-2]]]")
        assert [message["snapshot"] for message in line.out.messages] == [True, second]
        assert line.rows[1] == [(1, "5", "0"), (-1, "6", "2")]


def test_a_new_subscription_of_a_book_begins_with_a_snapshot_and_ends_the_old_number(line: Any) -> None:
    line.take("[7,[[5,1,1]]]")
    line.take(line.BOOK.replace('"chanId":7', '"chanId":17'))
    assert line.take("[7,[5,1,2]]") is FrameClass.UNKNOWN
    line.take("[17,[[6,1,1]]]")
    assert [(m["wire"], m["snapshot"]) for m in line.out.messages] == [("7", True), ("17", True)]


def test_an_instrument_that_nobody_follows_is_read_and_not_written(new_line: Any) -> None:
    line = new_line(new_line.BOOK, followed=lambda symbol: False)
    assert line.take("[7,[[5,1,1]]]") is FrameClass.DATA
    assert line.take("[7,[5,0,1]]") is FrameClass.DATA
    assert line.out.messages == []


@pytest.mark.parametrize("precision", ["P1", "P2", "P3", "P4"])
def test_coarser_books_are_checked_and_left_out(new_line: Any, precision: str) -> None:
    line = new_line(new_line.BOOK.replace('"P0"', f'"{precision}"'))
    for frame in ("[7,[[6440,5,5.2]]]", "[7,[6440,0,1]]", '[7,"cs",-5]'):
        assert line.take(frame) is FrameClass.DATA
    with pytest.raises(MalformedFrame):
        line.take("[7,[6440,0]]")
    assert line.out.messages == []


def test_a_checksum_is_a_message_without_levels(numbered: Any) -> None:
    assert numbered.take('[7,"cs",-1175357890,5,1618677543951]') is FrameClass.DATA
    (message,) = numbered.out.messages
    assert (message["channel"], message["rows"]) == ("book", [])
    assert (message["checksum"], message["ts_venue_ns"]) == (-1175357890, 1618677543951 * MS)
    assert numbered.out.numbers == [5]


# --- trades


def test_trades_are_written_at_te_and_their_tu_adds_nothing(line: Any) -> None:
    for frame in (
        '[8,"te",[5690221201,1734237017719,0.00991467,102570]]',
        '[8,"te",[5690221202,1734237017704,-0.01925285,102560]]',
        '[8,"tu",[5690221201,1734237017719,0.00991467,102570]]',
        '[8,"tu",[5690221202,1734237017704,-0.01925285,102560]]',
    ):
        assert line.take(frame) is FrameClass.DATA
    assert line.rows == [
        [(1, "102570", "0.00991467", 5690221201, 1734237017719 * MS)],
        [(-1, "102560", "0.01925285", 5690221202, 1734237017704 * MS)],
    ]
    assert line.out.messages[0]["ts_venue_ns"] == 1734237017719 * MS
    assert line.out.messages[0]["wire"] == "8"


def test_a_tu_whose_te_was_missed_is_the_trade(line: Any) -> None:
    line.take('[8,"tu",[31,1734237017719,2,102570]]')
    line.take('[8,"te",[31,1734237017719,2,102570]]')
    line.take('[8,"tu",[31,1734237017719,2,102570]]')
    assert line.rows == [[(1, "102570", "2", 31, 1734237017719 * MS)]]


def test_the_snapshot_of_trades_is_written_oldest_first_and_covers_late_tu(line: Any) -> None:
    line.take("[8,[[12,1618677543002,-1,11],[11,1618677543001,2,10]]]")
    line.take('[8,"tu",[12,1618677543002,-1,11]]')
    line.take('[8,"te",[13,1618677543003,1,12]]')
    assert line.rows == [
        [(1, "10", "2", 11, 1618677543001 * MS), (-1, "11", "1", 12, 1618677543002 * MS)],
        [(1, "12", "1", 13, 1618677543003 * MS)],
    ]
    assert [message["snapshot"] for message in line.out.messages] == [True, False]


def test_the_snapshot_of_a_new_subscription_repeats_no_trade(line: Any) -> None:
    line.take('[8,"te",[12,1618677543002,-1,11]]')
    line.take('{"event":"unsubscribed","status":"OK","chanId":8}')
    line.take(line.TRADES.replace('"chanId":8', '"chanId":18'))
    line.take("[18,[[13,1618677543003,1,10],[12,1618677543002,-1,11]]]")
    assert line.rows[1] == [(1, "10", "1", 13, 1618677543003 * MS)]


def test_an_empty_snapshot_of_trades_is_a_message(line: Any) -> None:
    line.take("[8,[]]")
    assert line.rows == [[]]


def test_a_thousand_trades_stay_known_only_as_long_as_they_may_be_confirmed(line: Any) -> None:
    for number in range(1, 1001):
        line.take(f'[8,"te",[{number},1618677543001,1,1]]')
    assert line.info.memo["trades"] == {"tBTCUSD": list(range(489, 1001))}


@pytest.mark.parametrize("word", ["fte", "ftu", "bu"])
def test_words_of_other_channels_are_unknown_but_numbered(numbered: Any, word: str) -> None:
    assert numbered.take(f'[8,"{word}",[1,2,3,4],77,1618677543951]') is FrameClass.UNKNOWN
    assert numbered.out.numbers == [77]
    assert numbered.out.messages == []


# --- ticker


def test_a_ticker_tells_prices_but_no_sizes_since_they_are_sums_over_25_levels(numbered: Any) -> None:
    frame = (
        "[9,[278200,1.7023900800000002,282030,2.2626931299999997,-66440,-0.1903,282780,32.2,402510,231840]"
        ",3,1618677543951]"
    )
    for _ in range(2):
        assert numbered.take(frame) is FrameClass.DATA
    assert numbered.rows == [[("278200", None, "282030", None)]] * 2
    assert [message["snapshot"] for message in numbered.out.messages] == [True, False]
    assert numbered.out.messages[0]["ts_venue_ns"] == 1618677543951 * MS


@pytest.mark.parametrize("empty", ["null", "0"])
def test_a_ticker_without_a_side(line: Any, empty: str) -> None:
    line.take(f"[9,[{empty},{empty},2e-8,5,0,0,0,0,0,0]]")
    assert line.rows == [[(None, None, "2e-8", None)]]


# --- the end of an array


@pytest.mark.parametrize("flags", [0, 65536, 229376])
@pytest.mark.parametrize(
    ("tail", "number", "time_ns"),
    [
        ("", None, None),
        (",42", 42, None),
        (",1618677543951", None, 1618677543951 * MS),
        (",42,1618677543951", 42, 1618677543951 * MS),
        (",42,1618677543951123", 42, 1618677543951123000),
        (',"new field",{},42,1618677543951', 42, 1618677543951 * MS),
        (',"new field"', None, None),
        (",999999999999", 999_999_999_999, None),
        (",-1", None, None),
        (",1.5", None, None),
        (",null,1618677543951", None, 1618677543951 * MS),
        (",99999999999999", None, None),
    ],
)
def test_number_and_time_are_found_from_the_end_whatever_the_flags(
    new_line: Any, flags: int, tail: str, number: int | None, time_ns: int | None
) -> None:
    line = new_line(new_line.CONF % flags, new_line.BOOK)
    for body in ("[5,1,1]", '"hb"', '"cs",5'):
        line.take(f"[7,{body}{tail}]")
    assert line.out.numbers == ([] if number is None else [number] * 3)
    assert [message.get("ts_venue_ns") for message in line.out.messages] == [time_ns] * 2


def test_a_heartbeat_may_come_before_its_channel_is_acknowledged(numbered: Any) -> None:
    assert numbered.take('[99,"hb",1,1618677543951]') is FrameClass.HEARTBEAT
    assert numbered.take('[7,"hb",2,1618677543952]') is FrameClass.HEARTBEAT
    assert numbered.take('[0,"hb",3,1618677543953]') is FrameClass.HEARTBEAT
    assert numbered.out.numbers == [1, 2, 3]


def test_a_heartbeat_says_which_channel_lives(new_line: Any) -> None:
    line = new_line(new_line.BOOK)
    line.out.controls.clear()
    assert line.take('[7,"hb"]') is FrameClass.HEARTBEAT
    assert line.out.controls == [Alive("book", "tBTCUSD")]
    for other in ('[99,"hb"]', '["7","hb"]'):
        assert line.take(other) is FrameClass.HEARTBEAT
    assert len(line.out.controls) == 1


def test_data_of_an_unknown_channel_is_numbered_and_not_read(numbered: Any) -> None:
    assert numbered.take("[99,[[5,1,1]],1,1618677543951]") is FrameClass.UNKNOWN
    assert numbered.out.numbers == [1]
    assert numbered.out.messages == []


@pytest.mark.parametrize(
    "frame",
    [
        '[0,"wu",["exchange","BTC",1.5,0,null]]',
        '["7",[5,1,1]]',
        '[{"symbol":"tBTCUST","channel":"trades"},"te",[637771130,1615232733897,0.11546588,51350]]',
        "[[23144,3,0.87789],[23142,3,0.27991505]]",
    ],
)
def test_arrays_without_a_channel_number_are_unknown(line: Any, frame: str) -> None:
    assert line.take(frame) is FrameClass.UNKNOWN


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "[7]",
        "[7,",
        "[7,5]",
        "[7,null]",
        "[7,{}]",
        "[7,[5]]",
        "[7,[5,1]]",
        "[7,[[5,1,1],5]]",
        "[7,[[5,1,1],[5,1]]]",
        "[7,[0,1,1]]",
        "[7,[-5,1,1]]",
        "[7,[0e5,1,1]]",
        '[7,["5",1,1]]',
        "[7,[5,1.5,1]]",
        "[7,[5,-1,1]]",
        "[7,[5,0,null]]",
        "[7,[01,1,1]]",
        '[7,"cs"]',
        '[7,"cs","5"]',
        '[7,"cs",5.0]',
        '[7,"cs",2147483648]',
        '[7,"cs",-2147483649]',
        '[8,"te"]',
        '[8,"te",[1,2,3]]',
        '[8,"te",[1,1618677543001,0,4]]',
        '[8,"te",[1,1618677543001,3,0]]',
        '[8,"te",[-1,1618677543001,3,4]]',
        '[8,"te",[1.5,1618677543001,3,4]]',
        '[8,"te",[1,"1618677543001",3,4]]',
        '[8,"te",[1,161867754300,3,4]]',
        '[8,"te",[1,9999999999999,3,4]]',
        "[7,[5,1,1],42,9999999999999]",
        "[8,[[1,2,3]]]",
        "[8,5]",
        "[9,[1,2,3]]",
        '[9,["1",2,3,4]]',
        "[9,[-1,2,3,4]]",
        b"[7,\xff]",
        '[7,"\\ud800"',
        "[" * 100_000,
    ],
)
def test_arrays_that_break_the_rules_are_malformed_and_leave_no_trace(line: Any, frame: str | bytes) -> None:
    before = repr(line.info.memo)
    with pytest.raises(MalformedFrame):
        line.take(frame)
    assert repr(line.info.memo) == before
    assert line.out.messages == []
    assert NULL not in line.out.numbers
