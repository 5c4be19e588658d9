"""Hostile frames: each goes through a synced `Feed` by both paths, and the scanner reads no more than it may.

`FAST` frames are read by the scanner, `SLOW` ones are left to the reference path; what comes out is the
same in any case. `EITHER` leaves it open who reads.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence

import attrs
import pytest

from mm_framework.kernels.layout import MAX_DEPTH
from mm_framework.kernels.mode import mode
from mm_framework.model.events import ASK, BID

pytest.importorskip("numba")
pytest.importorskip("mm_kraken")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from twin import PLAIN, STRICT, TIME, Market, Twin, kits_with, kraken_log

FAST, SLOW, EITHER = "fast", "slow", "either"
HEARTBEAT = b'{"channel":"heartbeat"}'

Case = tuple[str, bytes, str]


class Stage:
    """A market, its frames so far and what follows: the same each time."""

    def __init__(self) -> None:
        self.log = kraken_log()
        self.market, self.other = Market(), Market("MINA/GBP", "0.0500")
        for market in (self.market, self.other):
            for frame in market.introduction():
                self.log.frame(frame)
        self.levels = [(BID, "49999.5", "1.25000000"), (ASK, "50000.4", "0.75000000")]

    def change(self) -> Market:
        """The market after the levels of the frames under test."""
        for level in self.levels:
            self.market.change(*level)
        return self.market

    def good(self) -> list[bytes]:
        """Frames that follow."""
        market = self.market
        return [market.update(), HEARTBEAT, market.trade(), self.other.update(), market.snapshot(),
                market.update(), market.book_v1(market.changes(), split=True)]  # fmt: skip


@attrs.frozen
class Hot:
    """A frame of one shape. ``needed`` keys may not be missing, ``free`` ones may.

    ``prices``, ``sizes``: how a number's text stands in the frame, ``{}`` in its place.
    """

    name: str
    frame: bytes
    needed: tuple[str, ...]
    free: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    quoted: bool = False

    def put(self, where: str, text: str | bytes, old: str) -> bytes:
        """The frame with another text at a place where ``old`` stands."""
        before, after = (part.encode() for part in where.split("{}"))
        raw = text.encode() if isinstance(text, str) else text
        place = before + old.encode() + after
        assert self.frame.count(place) == 1, (place, self.frame)
        return self.frame.replace(place, before + raw + after)

    def places(self, wheres: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Each place with what stands there."""
        for where in wheres:
            before, after = (re.escape(part) for part in where.split("{}"))
            found = re.search(f"{before}([0-9.]+){after}", self.frame.decode())
            assert found is not None, (where, self.frame)
            yield where, found[1]


def _shapes() -> list[Hot]:
    stage = Stage()
    market, levels = stage.change(), stage.levels
    return [
        Hot(
            "book v2",
            market.book_v2(levels),
            ("channel", "type", "data", "symbol", "checksum", "price", "qty"),
            ("bids", "asks", "timestamp"),
            ('"bids":[{"price":{}', '"asks":[{"price":{}'),
            ('49999.5,"qty":{}', '50000.4,"qty":{}'),
        ),
        Hot(
            "trade v2",
            market.trade(),
            ("channel", "type", "data", "symbol", "side", "price", "qty", "trade_id"),
            ("ord_type", "timestamp"),
            ('"price":{},',),
            ('"qty":{},',),
        ),
        Hot(
            "ticker v2",
            market.ticker(),
            ("channel", "type", "data", "symbol", "bid", "bid_qty", "ask", "ask_qty"),
            ("last", "volume", "timestamp"),
            ('"bid":{},', '"ask":{},'),
            ('"bid_qty":{},', '"ask_qty":{},'),
        ),
        Hot("heartbeat v2", HEARTBEAT, ("channel",)),
        Hot(
            "book v1",
            market.book_v1(levels),
            ("c",),
            ("a", "b"),
            ('"b":[["{}"', '"a":[["{}"'),
            ('49999.5","{}"', '50000.4","{}"'),
            quoted=True,
        ),
        Hot(
            "book v1 in two",
            market.book_v1(levels, split=True),
            ("c",),
            ("a", "b"),
            ('"b":[["{}"', '"a":[["{}"'),
            ('49999.5","{}"', '50000.4","{}"'),
            quoted=True,
        ),
        Hot("trade v1", market.trade_v1(), (), (), ('[["{}"',), ('","{}","1618678142.557535"',), quoted=True),
        Hot(
            "ticker v1",
            market.ticker_v1(),
            ("a", "b"),
            ("c",),
            ('"a":["{}"', '"b":["{}"'),
            ('35,"{}"', '185,"{}"'),
            quoted=True,
        ),
    ]


SHAPES = _shapes()
BOOK, TRADE, TICKER, BEAT, OLD_BOOK, OLD_BOOKS, OLD_TRADE, OLD_TICKER = SHAPES
each_shape = pytest.mark.parametrize("hot", SHAPES, ids=[hot.name for hot in SHAPES])


def run(cases: Sequence[Case], *, strict: bool = True) -> None:
    """Each case alone, after it and around it good frames; a feed of its own, under both rules."""
    wrong = []
    for name, frame, expected in cases:
        for rules in (PLAIN, STRICT) if strict else (PLAIN,):
            stage, twin = Stage(), Twin(kits_with(rules))
            twin.take(stage.log.records)
            assert set(twin.states().values()) == {"SYNCED"}
            before = twin.slow
            stage.change()
            twin.take([stage.log.frame(frame)])
            if rules is PLAIN and expected != EITHER and (twin.slow == before) != (expected == FAST):
                wrong.append((name, expected, frame, twin.compiled.fallbacks))
            twin.settle([frame])
            good = stage.good()
            twin.take([stage.log.frame(one) for one in (*good[:2], frame, *good[2:])], singly=True)
            twin.settle([frame])
    assert not wrong


def run_bulk(cases: Sequence[Case]) -> None:
    """Many frames one by one where nothing is proved, then in one block, among good ones, where all is."""
    wrong = []
    stage, twin = Stage(), Twin(kits_with(PLAIN))
    twin.take(stage.log.records)
    market = stage.change()
    for number, (name, frame, expected) in enumerate(cases):
        before = twin.slow
        twin.take([stage.log.frame(frame)])
        if expected != EITHER and (twin.slow == before) != (expected == FAST):
            wrong.append((name, expected, frame))
        if number % 8 == 0 or set(twin.states().values()) != {"SYNCED"}:
            twin.take([stage.log.frame(market.snapshot()), stage.log.frame(market.update())])
    twin.settle()
    stage, twin = Stage(), Twin(kits_with(STRICT))
    market = stage.change()
    for _, frame, _ in cases:
        for one in (frame, market.update(), market.snapshot()):
            stage.log.frame(one)
    twin.take(stage.log.records)
    twin.settle()
    assert not wrong


def value_end(frame: bytes, at: int) -> int:
    """The end of the JSON value that begins at ``at``."""
    depth, text = 0, False
    for place in range(at, len(frame)):
        c = frame[place : place + 1]
        if text:
            text = c != b'"'
        elif c == b'"':
            text = True
        elif c in b"[{":
            depth += 1
        elif c in b"]},":
            if depth == 0:
                return place
            depth -= c != b","
    return len(frame)


def fields(frame: bytes) -> Iterator[tuple[str, int, int, int]]:
    """``(key, begin, value's begin, value's end)`` of every field, wherever it is nested."""
    for match in re.finditer(rb'"(\w+)":', frame):
        yield match[1].decode(), match.start(), match.end(), value_end(frame, match.end())


def tokens(frame: bytes) -> list[bytes]:
    """The tokens of a document without blanks."""
    return re.findall(rb'"[^"]*"|[\[\]{}:,]|[^\[\]{}:,"]+', frame)


@each_shape
def test_the_frame_itself_is_read_by_the_scanner(hot: Hot) -> None:
    run([(hot.name, hot.frame, FAST)])


# numbers

BAD_NUMBERS = [
    "", "-", ".", "+1", "01", "00", "1.", ".5", "1e", "1e5", "1E-3", "1E+2", "0e0", "-0", "-0.0", "-1", "--1",
    "1-", "NaN", "Infinity", "-Infinity", "nan", "1.2.3", "1..2", "0x1", "1_0", "1,5", "1 2", "\uff11",
    "1\x00",
    "\x001", "1a", "1:", "1/", "1" * 19, "1" * 40, "1" * 10 + "." + "1" * 10, "1.\x00",
    "0." + "1" * 40, "1" * 500, "1.5e400", "1" * 8 + "e", "1" * 16 + ".", "12345678.", "123456789012345678",
]  # fmt: skip
WRONG_TYPES = ["null", "true", "false", "[1]", "[]", "{}", '{"a":1}', "[[1]]", "nul", "tru", "nulll"]


@each_shape
def test_only_numbers_of_the_grammar_are_read(hot: Hot) -> None:
    cases = []
    for what, wheres in (("price", hot.prices), ("size", hot.sizes)):
        for where, old in hot.places(wheres):
            for text in BAD_NUMBERS:
                cases.append((f"{what} {text[:20]}", hot.put(where, text, old), SLOW))
            for text in ("1", "1.5", "7.25", "12345678", "123456789.1", "1.50000000000000", "0.00000001"):
                cases.append((f"{what} {text}", hot.put(where, text, old), FAST))
            zero = SLOW if what == "price" or "ticker" in hot.name else FAST
            for text in ("0", "0.0", "0.00000000"):
                cases.append((f"{what} {text}", hot.put(where, text, old), zero))
            inexact = "0.123456789012" if what == "price" else "0.1234567891"
            cases.append((f"{what} of more decimals", hot.put(where, inexact, old), EITHER))
            for text in ("922337203.6854775807", "92233720368.54775807", "922337203.6854775808"):
                cases.append((f"{what} at the limit", hot.put(where, text, old), EITHER))
    # Those that change the scale of an instrument stand behind those that are read at the first one.
    run_bulk(sorted(cases, key=lambda case: case[2] != FAST))


@each_shape
def test_only_numbers_where_numbers_belong_quoted_or_not(hot: Hot) -> None:
    cases = []
    for where, old in hot.places(hot.prices + hot.sizes):
        if hot.quoted:
            bare = where.replace('"{}"', "{}")
            written = f'"{old}"'
            frames = [*WRONG_TYPES, old, f'"{old}', f'{old}"', f'" {old}"', f'"{old} "', f'""{old}""', "''"]
        else:
            bare, written = where, old
            frames = [*WRONG_TYPES, f'"{old}"', '""', f'"{old}', f"'{old}'"]
        for text in frames:
            before, after = (part.encode() for part in bare.split("{}"))
            frame = hot.frame.replace(before + written.encode() + after, before + text.encode() + after)
            assert frame != hot.frame
            cases.append((f"{text} for {old}", frame, SLOW))
    run_bulk(cases)


WHOLE_NUMBERS = [
    ("0", FAST), ("1", FAST), ("4294967295", FAST), ("4294967296", SLOW), ("-1", SLOW), ("-0", SLOW),
    ("1.0", SLOW), ("1e3", SLOW), ("01", SLOW), ("", SLOW), ("9" * 19, SLOW), ("9" * 30, SLOW), ("+1", SLOW),
    ("99999999999", SLOW), ("1.", SLOW), (" ", SLOW),
]  # fmt: skip


@pytest.mark.parametrize("hot", [BOOK, OLD_BOOK, OLD_BOOKS], ids=lambda hot: hot.name)
def test_checksums_are_whole_numbers_of_32_bits(hot: Hot) -> None:
    place = re.search(rb'"(?:checksum|c)":("?)([0-9]+)', hot.frame)
    assert place is not None
    head, tail = hot.frame[: place.start(2)], hot.frame[place.end(2) :]
    cases = [(text, head + text.encode() + tail, expected) for text, expected in WHOLE_NUMBERS]
    end = value_end(hot.frame, place.start(1))
    head, tail = hot.frame[: place.start(1)], hot.frame[end:]
    other = place[2].decode() if place[1] else f'"{place[2].decode()}"'
    cases += [(text, head + text.encode() + tail, SLOW) for text in [*WRONG_TYPES, other]]
    run(cases)


def test_trade_numbers_are_whole_and_not_negative() -> None:
    place = re.search(rb'"trade_id":([0-9]+)', TRADE.frame)
    assert place is not None
    texts = [
        (text, expected) for text, expected in WHOLE_NUMBERS if not text.startswith(("42", "99999999999"))
    ]
    texts += [
        ("9" * 18, FAST),
        ("4294967296", FAST),
        ("9223372036854775807", SLOW),
        ("9223372036854775808", SLOW),
    ]
    texts += [(text, SLOW) for text in [*WRONG_TYPES, '"1"']]
    run([(text, TRADE.frame.replace(place[0], b'"trade_id":' + text.encode()), e) for text, e in texts])


# times

TIMES = [
    ("2026-09-21T10:00:00Z", FAST), ("2026-09-21T10:00:00.1Z", FAST), ("2026-09-21T10:00:00.123456789Z",
    FAST),
    ("1970-01-01T00:00:00.000000001Z", FAST), ("2000-02-29T23:59:59.999999999Z", FAST),
    ("2199-12-31T23:59:59Z", FAST), ("1970-01-01T00:00:00Z", SLOW), ("1969-12-31T23:59:59Z", SLOW),
    ("2026-09-21T10:00:00+02:00", SLOW), ("2026-09-21T10:00:00.5+02:00", SLOW), ("2026-09-21T10:00:00.5z",
    SLOW),
    ("2026-09-21T10:00:00.5", SLOW), ("2026-09-21T10:00:00", SLOW), ("2026-09-21T10:00:00.1234567890Z", SLOW),
    ("2026-09-21T10:00:00.Z", SLOW), ("2026-09-21T10:00:60Z", SLOW), ("2026-09-21T10:60:00Z", SLOW),
    ("2026-09-21T24:00:00Z", SLOW), ("2026-13-21T10:00:00Z", SLOW), ("2026-00-21T10:00:00Z", SLOW),
    ("2026-02-30T10:00:00Z", SLOW), ("2026-02-29T10:00:00Z", SLOW), ("2100-02-29T10:00:00Z", SLOW),
    ("2026-04-31T10:00:00Z", SLOW), ("2026-09-00T10:00:00Z", SLOW), ("2026-09-21 10:00:00Z", SLOW),
    ("2026-09-21t10:00:00Z", SLOW), ("0001-01-01T00:00:00Z", SLOW), ("9999-12-31T23:59:59Z", SLOW),
    ("2262-04-11T23:47:16Z", EITHER), ("2262-04-12T00:00:00Z", EITHER), ("0000-00-00T00:00:00Z", SLOW),
    ("", SLOW), ("Z", SLOW), ("2026", SLOW), ("2026-09-21", SLOW), ("2026-09-21T10:00:00ZZ", SLOW),
    ("2026-09-21T10:00:00Z ", SLOW), (" 2026-09-21T10:00:00Z", SLOW), ("2026-9-21T10:00:00Z", SLOW),
    ("2026-09-21T10:00:0Z", SLOW), ("2026/09/21T10:00:00Z", SLOW), ("2026-09-21T10.00.00Z", SLOW),
    ("+026-09-21T10:00:00Z", SLOW), ("-026-09-21T10:00:00Z", SLOW), ("2026-09-21T1 :00:00Z", SLOW),
    ("\x00" * 16 + ":05Z", SLOW), ("\x00" * 16 + ":05.5Z", SLOW), ("2026-09-21T10:00\\u003a00Z", SLOW),
    ("2026-09-21T10:00:00.12345\u0663Z", SLOW), ("2026-W39-1T10:00:00Z", SLOW), ("2026-09-21T10:00:00.1 Z",
    SLOW),
]  # fmt: skip


@pytest.mark.parametrize("hot", [BOOK, TRADE, TICKER], ids=lambda hot: hot.name)
def test_only_times_in_utc_of_the_calendar_are_read(hot: Hot) -> None:
    run_bulk([(text, hot.frame.replace(TIME.encode(), text.encode()), expected) for text, expected in TIMES])
    quoted = f'"{TIME}"'.encode()
    texts = [*WRONG_TYPES, "1790000000", TIME, f'"{TIME}', f'["{TIME}"]']
    run_bulk([(text, hot.frame.replace(quoted, text.encode()), SLOW) for text in texts])


def test_the_first_time_of_a_feed_may_be_no_text() -> None:
    for text in ("\x00" * 16 + ":05Z", "\x00" * 16 + ":05.5Z", "\x00" * 27, ":05Z"):
        stage, twin = Stage(), Twin(kits_with(PLAIN))
        start = [*stage.log.records[:2], stage.log.frame(Market().snapshot())]
        twin.take([*start, stage.log.frame(BOOK.frame.replace(TIME.encode(), text.encode()))])
        twin.settle()
        assert twin.slow == 2


SECONDS = [
    ("1618678123", FAST), ("1618678123.1", FAST), ("1618678123.123456789", EITHER), ("0.000000001", FAST),
    ("1", FAST), ("161867812.123456789", FAST), ("", SLOW), ("0", SLOW), ("0.0", SLOW), ("-1", SLOW),
    ("1e9", SLOW), ("1618678123.1234567890", SLOW), ("9223372036", FAST), ("9223372037", SLOW),
    ("9223372036.854775807", EITHER), ("9223372036.854775808", SLOW), ("1618678123.", SLOW), (".5", SLOW),
    ("01", SLOW), ("1618678123Z", SLOW), (" 1618678123", SLOW), ("1618678123 ", SLOW), ("+1618678123", SLOW),
    ("9" * 18, SLOW), ("9" * 19, SLOW), ("9" * 40, SLOW), ("1.\x00", SLOW), ("nan", SLOW),
]  # fmt: skip


@pytest.mark.parametrize("hot", [OLD_BOOK, OLD_BOOKS, OLD_TRADE], ids=lambda hot: hot.name)
def test_only_decimal_seconds_are_read(hot: Hot) -> None:
    place = re.search(rb'"(16186781[0-9.]+)"', hot.frame)
    assert place is not None
    head, tail = hot.frame[: place.start(1)], hot.frame[place.end(1) :]
    run_bulk([(text, head + text.encode() + tail, expected) for text, expected in SECONDS])
    texts = [*WRONG_TYPES, "1618678123.5", '"1618678123.5']
    run_bulk([(text, head[:-1] + text.encode() + tail[1:], SLOW) for text in texts])


# symbols and words

SYMBOLS = [
    ("ETH/USD", SLOW), ("", SLOW), ("BTC/USD ", SLOW), (" BTC/USD", SLOW), ("BTC\\/USD", SLOW), ("btc/usd",
    EITHER),
    ("BTC/US", SLOW), ("BTC/USDT", SLOW), ("B" * 64, SLOW), ("B" * 65, SLOW), ("B" * 2000, SLOW),
    ("BTC/USD\\u0000", SLOW), ("BTC/USD\x00", SLOW), ("\\u0042TC/USD", SLOW), ("BTC/USD\\n", SLOW),
    ("B\u00e9", SLOW), ("BTC/USD\n", SLOW), ('BTC/USD"', SLOW), ("XBTUSD", EITHER), ("MINA/GBP", FAST),
]  # fmt: skip


@pytest.mark.parametrize("hot", [hot for hot in SHAPES if hot is not BEAT], ids=lambda hot: hot.name)
def test_only_names_that_are_known_are_read(hot: Hot) -> None:
    name = b"XBT/USD" if hot.quoted else b"BTC/USD"
    assert hot.frame.count(b'"%s"' % name) == 1
    run_bulk([(text, hot.frame.replace(name, text.encode()), expected) for text, expected in SYMBOLS])
    quoted = b'"%s"' % name
    cases = [
        (text, hot.frame.replace(quoted, text.encode()), SLOW) for text in [*WRONG_TYPES, "1", '["BTC/USD"]']
    ]
    cases += [
        ("Latin 1", hot.frame.replace(quoted, b'"BTC/USD\xe9"'), SLOW),
        ("half a character", hot.frame.replace(quoted, b'"BTC/USD\xc3"'), SLOW),
    ]
    run_bulk(cases)


WORDS = [
    (b'"update"', [b'"snapshot"', b'"Update"', b'"updat"', b'"updates"', b'"update "', b'"upd\\u0061te"',
        b'""',
                   b"null", b"1", b"[]", b"update", b'"upd\x00te"']),
    (b'"buy"', [b'"BUY"', b'"hold"', b'"bu"', b'"buyy"', b'"b\\u0075y"', b"null", b"true", b"1", b'["buy"]',
        b'""']),
    (b'"sell"', [b'"sel"', b'"sells"', b'"s"', b"null"]),
    (b',"s"', [b',"x"', b',"bs"', b',"S"', b',""', b",null", b",1", b',"\\u0073"', b',["s"]', b',"s\x00"']),
    (b'"channel":"', [b'"channel":"x', b'"channel":" ', b'"Channel":"', b'"channel" "']),
    (b'"book-10"', [b'"book-11"', b'"book-1"', b'"book"', b'"book-010"', b'"book-10 "', b"null",
        b'"book-100000"',
                    b'"boo\\u006b-10"', b'["book-10"]', b'"spread"', b'"ohlc-5"']),
    (b'"trade",', [b'"trades",', b'"Trade",', b'"tr\\u0061de",', b"null,"]),
    (b'"ticker",', [b'"tickers",', b"1,", b'"tick\\u0065r",']),
]  # fmt: skip


@each_shape
def test_only_words_that_are_declared_are_read(hot: Hot) -> None:
    run_bulk(
        [
            (repr(word), hot.frame.replace(old, word, 1), SLOW)
            for old, words in WORDS
            if old in hot.frame
            for word in words
        ]
    )


# the document

BEHIND = [
    (b"", FAST), (b" ", FAST), (b"\n", FAST), (b"\r\n\t ", FAST), (b"}", SLOW), (b"]", SLOW), (b"\x00", SLOW),
    (b",", SLOW), (b"\x0c", SLOW), (b"\x0b", SLOW), (b"\xa0", SLOW), (b"{}", SLOW), (b"[]", SLOW), (b" 1",
    SLOW),
    (b'"', SLOW), (b"//", SLOW), (b"\xef\xbb\xbf", SLOW), (b"null", SLOW), (b" \x00", SLOW), (b"\n\x1a",
        SLOW),
]  # fmt: skip


@each_shape
def test_nothing_stands_before_or_behind_a_document(hot: Hot) -> None:
    cases = [(f"behind {text!r}", hot.frame + text, expected) for text, expected in BEHIND]
    cases += [("twice", hot.frame * 2, SLOW), ("two lines", hot.frame + b"\n" + hot.frame, SLOW)]
    for text in (b" ", b"\n", b"\t", b"\xef\xbb\xbf", b"\x00", b",", b"[", b"{", b"\x0c", b'"', b"}"):
        expected = EITHER if text in b" \n\t" else SLOW
        cases.append((f"before {text!r}", text + hot.frame, expected))
    run_bulk(cases)


@each_shape
def test_a_frame_that_ends_early_is_not_read(hot: Hot) -> None:
    run_bulk([(f"{n} bytes", hot.frame[:n], SLOW) for n in range(len(hot.frame))])


@each_shape
def test_a_byte_that_is_missing_or_doubled(hot: Hot) -> None:
    frame = hot.frame
    cases = [(f"without {n}", frame[:n] + frame[n + 1 :], EITHER) for n in range(len(frame))]
    cases += [(f"doubled {n}", frame[:n] + frame[n : n + 1] + frame[n:], EITHER) for n in range(len(frame))]
    run_bulk(cases)


@each_shape
def test_brackets_commas_and_colons_are_where_they_belong(hot: Hot) -> None:
    frame, cases = hot.frame, []
    other = {b"[": b"{", b"{": b"[", b"]": b"}", b"}": b"]", b",": b":", b":": b","}
    at = 0
    for token in tokens(frame):
        if token in other:
            head, tail = frame[:at], frame[at + 1 :]
            for new in (b"", other[token], token * 2, b" ", b"\x00", b";", b"(", b'"'):
                cases.append((f"{new!r} for {token!r} at {at}", head + new + tail, SLOW))
        at += len(token)
    run_bulk(cases)


@each_shape
def test_blanks_between_tokens_are_read_and_other_bytes_are_not(hot: Hot) -> None:
    parts, cases = tokens(hot.frame), []
    for blank in (b" ", b"\t", b"\n", b"\r", b" \r\n\t ", b" " * 70):
        cases.append((f"{blank!r} everywhere", blank.join(parts) + blank, FAST))
    for place in range(1, len(parts)):
        head, tail = b"".join(parts[:place]), b"".join(parts[place:])
        cases.append((f"blank at {place}", head + b" " + tail, FAST))
        for byte in (b"\x0c", b"\x00", b"\x0b", b"\x1f", b"\xa0", b"/**/"):
            cases.append((f"{byte!r} at {place}", head + byte + tail, SLOW))
    run_bulk(cases)


# keys


@each_shape
def test_a_leaf_that_is_missing_doubled_or_escaped_is_not_read(hot: Hot) -> None:
    frame, cases = hot.frame, []
    closed = "book v1" in hot.name
    for key, begin, value, end in fields(frame):
        declared = key in hot.needed or (key in hot.free and key not in ("last", "volume"))
        may_miss = key in hot.free
        if "ticker v1" in hot.name and key == "c":
            declared = False
        pair, text = frame[begin:end], frame[value:end]
        comma = frame[end : end + 1] == b","
        without = frame[:begin] + frame[end + 1 :] if comma else frame[:begin].rstrip(b",") + frame[end:]
        cases.append((f"without {key}", without, FAST if may_miss else SLOW))
        for again in (pair, b'"%s":null' % key.encode(), b'"%s":0' % key.encode()):
            doubled = SLOW if declared else FAST
            cases.append((f"{key} twice", frame[:begin] + again + b"," + frame[begin:], doubled))
            cases.append((f"{key} twice", frame[:end] + b"," + again + frame[end:], doubled))
        escaped = b'"\\u%04x%s"' % (ord(key[0]), key[1:].encode())
        cases.append((f"{key} escaped", frame[:begin] + escaped + frame[value - 1 :], SLOW))
        renamed = FAST if may_miss and not closed else SLOW
        for name in (key[:-1] + "~", key + "x", key.upper() + "_", "_" * 60 + key):
            cases.append(
                (f"{key} named {name}", frame[:begin] + f'"{name}"'.encode() + frame[value - 1 :], renamed)
            )
        for name in (key.encode() + b"\x00", key.encode() + b"\xc3", b"\xff", key.encode() + b"\n"):
            cases.append(
                (f"{key} named {name!r}", frame[:begin] + b'"' + name + b'"' + frame[value - 1 :], SLOW)
            )
        for raw in (
            b"null",
            b"true",
            b'"x"',
            b"1",
            b"-1",
            b"[]",
            b"{}",
            b"[[]]",
            b'{"a":1}',
            b'""',
            b"0",
            b'[""]',
        ):
            cases.append((f"{raw!r} for {key}", frame[:value] + raw + frame[end:], EITHER))
        inner = b"[" + text + b"]"
        cases.append((f"{key} in an array", frame[:value] + inner + frame[end:], SLOW if declared else FAST))
    run_bulk([(name, changed, EITHER if "ord_type" in name else e) for name, changed, e in cases])


VALUES = [
    b"0", b"-1", b"1.5", b"1e5", b"-0.0E+10", b'""', b'"text"', b"true", b"false", b"null", b"[]", b"{}",
    b"[1,2,[]]",
    b'{"a":{"b":[1,{"c":null}]}}', b'[ 1 , "}" , { "]" : "[" } ]', b"1" * 60, b"0." + b"1" * 60,
]  # fmt: skip
NO_VALUES = [
    b"", b"nul", b"TRUE", b"tru", b"nulls", b"01", b"+1", b".5", b"1.", b"1e", b"1e+", b"-", b"NaN",
    b"Infinity",
    b"[1,]", b"[,1]", b"{,}", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{1:2}", b"[1 2]", b"[}", b"{]", b"'x'",
    b'"', b'"\n"',
    b'"\xff"', b'"\\"', b'"\x00"', b"]", b"}", b"1 2", b"[[]", b"undefined", b"\x00", b'{"a":1 "b":2}',
    b'{"\xc3":1}',
    b'"\\x"', b'"\\ud800"', b'"\\u12"', b'["\x1f"]', b"0x1", b"--1", b"1.e5",
]  # fmt: skip


@pytest.mark.parametrize("hot", [BOOK, TRADE, TICKER, BEAT, OLD_TICKER], ids=lambda hot: hot.name)
def test_unknown_keys_are_skipped_if_they_are_json(hot: Hot) -> None:
    cases = []
    places = [match.end() for match in re.finditer(rb"\{", hot.frame)]
    for number, at in enumerate(places):
        head, tail = hot.frame[:at], hot.frame[at:]
        for value in VALUES:
            for key in (b"x", b"", b"a key", b"pric", b"pricey", b"k" * 200):
                cases.append((f"{value!r} in {number}", head + b'"%s":%s,' % (key, value) + tail, FAST))
        for value in NO_VALUES:
            cases.append((f"{value!r} in {number}", head + b'"x":%s,' % value + tail, SLOW))
        for text in (
            b'"\xc3\xa9"',
            b'"\\n"',
            b'"\\u0041"',
            b"1e308",
            b"1e309",
            b"-1e400",
            b"1E99",
            b"9" * 400 + b".5",
        ):
            cases.append((f"{text!r} in {number}", head + b'"x":%s,' % text + tail, EITHER))
        cases.append(("a key not of ASCII", head + b'"\xc3\xa9":1,' + tail, EITHER))
        cases.append(("a key that is no text", head + b"x:1," + tail, SLOW))
    run_bulk(cases)


@pytest.mark.parametrize("hot", [OLD_BOOK, OLD_BOOKS, OLD_TRADE, OLD_TICKER], ids=lambda hot: hot.name)
def test_the_number_of_a_channel_may_be_any_json_value(hot: Hot) -> None:
    end = hot.frame.index(b",")
    huge = [
        b"9" * 400 + b".5",
        b"9" * 400,
        b"1e99",
        b"1e308",
        b"1e309",
        b"9" * 300 + b"e90",
        b"0." + b"0" * 400 + b"1",
    ]
    cases = [(repr(value), b"[" + value + hot.frame[end:], FAST) for value in VALUES]
    cases += [(repr(value), b"[" + value + hot.frame[end:], SLOW) for value in NO_VALUES]
    cases += [(repr(value[:20]), b"[" + value + hot.frame[end:], EITHER) for value in huge]
    run_bulk(cases)


@each_shape
def test_what_is_skipped_may_be_nested_up_to_a_limit(hot: Hot) -> None:
    cases = []
    for deep in range(1, 201):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            inner = b"" if opening == b"[" else b"1"
            nested = opening * deep + inner + closing * deep
            if hot.quoted:
                frame = b"[" + nested + hot.frame[hot.frame.index(b",") :]
            else:
                frame = b'{"x":' + nested + b"," + hot.frame[1:]
            cases.append((f"{deep} deep", frame, FAST if deep <= MAX_DEPTH else SLOW))
    run_bulk(cases)


# orders of keys


def entry_of(frame: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The first object in ``data``: what is before, its fields, what is behind."""
    begin = frame.index(b'"data":[{') + 9
    parts, at = [], begin
    while True:
        end = value_end(frame, frame.index(b":", at) + 1)
        parts.append(frame[at:end])
        if frame[end : end + 1] == b"}":
            return frame[:begin], parts, frame[end:]
        at = end + 1


@pytest.mark.parametrize("hot", [BOOK, TRADE, TICKER], ids=lambda hot: hot.name)
def test_keys_may_stand_in_any_order(hot: Hot) -> None:
    head, parts, tail = entry_of(hot.frame)
    parts = [part for part in parts if not part.startswith((b'"last"', b'"volume"', b'"ord_type"'))]
    stage, twin = Stage(), Twin(kits_with(PLAIN))
    twin.take(stage.log.records)
    before = twin.slow
    orders = [head + b",".join(order) + tail for order in itertools.permutations(parts)]
    twin.take([stage.log.frame(frame) for frame in orders])
    assert twin.slow == before
    twin.settle()
    orders = random.Random(1).sample(orders, 12)
    run([("an order", frame, FAST) for frame in orders])


@pytest.mark.parametrize("hot", [BOOK, TRADE, TICKER, BEAT], ids=lambda hot: hot.name)
def test_keys_of_the_document_may_stand_in_any_order(hot: Hot) -> None:
    parts = [
        hot.frame[begin:end] for key, begin, _, end in fields(hot.frame) if key in ("channel", "type", "data")
    ]
    frames = [b"{" + b",".join(order) + b"}" for order in itertools.permutations(parts)]
    run([(repr(frame[:30]), frame, FAST) for frame in frames])


def test_levels_may_name_their_size_first_and_sides_may_be_missing_or_empty() -> None:
    swapped = re.sub(rb'\{("price":[0-9.]+),("qty":[0-9.]+)\}', rb"{\2,\1}", BOOK.frame)
    one = re.sub(rb'\{("price":[0-9.]+),("qty":[0-9.]+)\}', rb"{\2,\1}", BOOK.frame, count=1)
    cases = [("both", swapped, FAST), ("one", one, FAST)]
    for frame in (BOOK.frame, OLD_BOOK.frame, OLD_BOOKS.frame):
        for key, _, value, end in fields(frame):
            if key in ("bids", "asks", "a", "b"):
                cases.append((f"empty {key}", frame[:value] + b"[]" + frame[end:], FAST))
        empty = re.sub(rb'"(bids|asks|a|b)":\[.*?\]{1,2}(?=[,}])', rb'"\1":[]', frame)
        assert empty.count(b":[]") == 2
        cases.append(("both empty", empty, EITHER))
    run(cases)


# several messages, many rows


def test_frames_of_several_entries() -> None:
    stage = Stage()
    market, other = stage.change(), stage.other
    here = market.entry_v2(stage.levels)
    level = other.best(BID)[0][0]
    other.change(BID, level, "3.00000000")
    there = other.entry_v2([(BID, level, "3.00000000")])

    def book(*entries: str, kind: str = "update") -> bytes:
        return f'{{"channel":"book","type":"{kind}","data":[{",".join(entries)}]}}'.encode()

    def trades(*entries: str) -> bytes:
        return f'{{"channel":"trade","type":"update","data":[{",".join(entries)}]}}'.encode()

    broken = here.replace('"price":49999.5', '"price":-1')
    stranger = there.replace("MINA/GBP", "ETH/USD")
    first, second = market.trades(), market.trades(3)
    foreign = other.trades(2)
    run(
        [
            ("two pairs", book(here, there), FAST),
            ("two pairs, the other way", book(there, here), FAST),
            ("one pair twice", book(here, here), FAST),
            ("one pair thrice and another", book(here, there, here, here), FAST),
            ("the second is bad", book(there, broken), SLOW),
            ("the first is bad", book(broken, there), SLOW),
            ("the second is a stranger", book(here, stranger), SLOW),
            ("the second is bad and of a stranger", book(here, stranger.replace("3.0", "-3.0")), SLOW),
            ("none", book(), EITHER),
            ("none, and a comma", book().replace(b"[]", b"[,]"), SLOW),
            ("a comma behind", book(here).replace(b"]}", b",]}"), SLOW),
            ("null in data", book(here, "null"), SLOW),
            ("an array in data", book(here, "[]"), SLOW),
            ("snapshot of one", book(here, kind="snapshot"), SLOW),
            ("snapshot of two", book(here, there, kind="snapshot"), SLOW),
            ("several trades", trades(first, second), FAST),
            ("trades of two pairs", trades(first, foreign), SLOW),
            ("trades of two pairs, in turn", trades(first, foreign, second), SLOW),
            ("trades of a stranger", trades(first, second.replace("BTC/USD", "ETH/USD")), SLOW),
            ("no trades", trades(), SLOW),
            ("two tickers", TICKER.frame.replace(b"}]}", b"},")[:-1] + b"," + TICKER.frame[44:], EITHER),
        ]
    )


@pytest.mark.parametrize("count", [1, 2, 16, 63, 64, 65, 300])
def test_frames_of_very_many_entries(count: int) -> None:
    stage = Stage()
    market = stage.change()
    entry = market.entry_v2(stage.levels)
    tops = entry_of(TICKER.frame)
    ticker = tops[0] + b",".join(tops[1]) + b"},{".join([b"", *[b",".join(tops[1])] * (count - 1)]) + tops[2]
    frames = [f'{{"channel":"book","type":"update","data":[{",".join([entry] * count)}]}}'.encode(), ticker]
    run([(f"{count} entries", frame, FAST if count <= 64 else SLOW) for frame in frames])


@pytest.mark.parametrize("count", [100, 1023, 1025, 2500])
def test_frames_of_very_many_rows(count: int) -> None:
    market = Stage().change()
    bids = [(BID, f"{40000 - n / 10:.1f}", f"{n + 1}.5") for n in range(count)]
    asks = [(ASK, f"{60000 + n / 10:.1f}", f"{n + 1}.5") for n in range(count)]
    turned = market.book_v2([*bids, *asks])
    head, parts, tail = entry_of(turned)
    turned = head + b",".join(reversed(parts)) + tail
    frames = [market.book_v2([*bids, *asks]), turned, market.book_v1([*bids, *asks]), market.trade(count)]
    run([("rows", frame, FAST) for frame in frames], strict=count == 1025)


def test_a_price_that_comes_twice_keeps_the_order_of_the_frame() -> None:
    market = Stage().change()
    levels = [(BID, "49999.0", "1.00000000"), (BID, "49999.0", "0.00000000"), (BID, "49999.0", "2.00000000")]
    levels += [(ASK, "50001.0", "0"), (ASK, "50001.0", "0"), (ASK, "50001.00", "1"), (ASK, "50001", "2.5")]
    run([("v2", market.book_v2(levels), FAST), ("v1", market.book_v1(levels), FAST)])


def test_extra_elements_of_a_row_are_skipped_if_they_are_json() -> None:
    cases = []
    for hot in (OLD_BOOK, OLD_BOOKS, OLD_TRADE):
        end = hot.frame.index(b"]")
        for value in (b'"r"', b"null", b"1", b"[1,{}]", b'"a","b",3'):
            cases.append((repr(value), hot.frame[:end] + b"," + value + hot.frame[end:], FAST))
        for value in NO_VALUES:
            cases.append((repr(value), hot.frame[:end] + b"," + value + hot.frame[end:], SLOW))
        cases.append(("a comma", hot.frame[:end] + b"," + hot.frame[end:], SLOW))
    run_bulk(cases)


def test_documents_of_version_1_with_more_or_fewer_elements() -> None:
    cases = []
    for hot in (OLD_BOOK, OLD_BOOKS, OLD_TRADE, OLD_TICKER):
        cases += [
            ("more behind", hot.frame[:-1] + b",1]", SLOW),
            ("more before", b"[1," + hot.frame[1:], SLOW),
            ("no number", b"[" + hot.frame[hot.frame.index(b",") + 1 :], EITHER),
            ("no name", hot.frame[: hot.frame.rindex(b",")] + b"]", SLOW),
            ("an object", b"{" + hot.frame[1:-1] + b"}", SLOW),
        ]
    book = OLD_BOOK.frame
    side = book[book.index(b"{") : book.rindex(b"}") + 1]
    bare = b'{"c":"1"}'
    cases += [
        ("a side twice", book.replace(side, side + b"," + side), SLOW),
        ("three parts", book.replace(side, bare + b"," + side + b"," + bare), SLOW),
        ("a checksum of its own", book.replace(side, side.replace(b'"c"', b'"x"') + b"," + bare), SLOW),
        ("no side", book.replace(side, bare), EITHER),
        ("a snapshot", book.replace(b'"a"', b'"as"').replace(b'"b"', b'"bs"'), SLOW),
        ("half a snapshot", book.replace(b'"a"', b'"as"'), SLOW),
        ("a snapshot beside", book.replace(b'{"a"', b'{"bs":[],"a"'), SLOW),
        ("other keys", book.replace(b'{"a"', b'{"x":1,"a"'), SLOW),
        ("sides as null", book.replace(side, b'{"a":null,"b":null,"c":"1"}'), SLOW),
    ]
    run(cases)


# what is counted


@pytest.mark.parametrize(
    ("reason", "frame"),
    [
        ("missing", BOOK.frame.replace(b'"qty":1.25000000', b'"qt":1.25000000')),
        ("doubled", BOOK.frame.replace(b'"price":49999.5', b'"price":49999.5,"price":49999.5')),
        ("key", BOOK.frame.replace(b'"checksum"', b'"\\u0063hecksum"')),
        ("number", BOOK.frame.replace(b"49999.5", b"-1")),
        ("sign", BOOK.frame.replace(b"49999.5", b"0.0")),
        ("time", BOOK.frame.replace(b"456Z", b"456+02:00")),
        ("text", BOOK.frame.replace(b'"BTC/USD"', b'"BTC\\/USD"')),
        ("trailing", BOOK.frame + b"}"),
        ("syntax", BOOK.frame[:-1] + b"]"),
        ("choice", BOOK.frame.replace(b"update", b"updates")),
    ],
)
def test_a_refusal_is_counted_with_its_reason(reason: str, frame: bytes) -> None:
    stage, twin = Stage(), Twin(kits_with(PLAIN))
    twin.take(stage.log.records)
    assert not twin.compiled.fallbacks
    twin.take([stage.log.frame(frame)])
    assert twin.compiled.fallbacks == {reason: 1}
    assert twin.compiled.counts.fallback_frames == 1


def test_what_is_no_fallback_is_not_counted_as_one() -> None:
    stage, twin = Stage(), Twin(kits_with(PLAIN))
    twin.take(stage.log.records)
    market = stage.change()
    frames = [
        market.snapshot(),
        b'{"channel":"status","type":"update","data":[]}',
        b'{"method":"pong"}',
        b"[]",
        b"{",
    ]
    frames += [BOOK.frame.replace(b"BTC/USD", b"ETH/USD"), OLD_TICKER.frame.replace(b"XBT/USD", b"ETH/USD")]
    twin.take([stage.log.frame(frame) for frame in frames])
    twin.settle()
    assert not twin.compiled.fallbacks
