"""Damaged and made-up frames by the thousand through both paths of `Feed`.

By default about 6,000 damaged frames; ``MM_FUZZ=200000`` takes so many.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.kernels.mode import mode

pytest.importorskip("numba")
pytest.importorskip("mm_kraken")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from twin import PLAIN, STRICT, TIME, Market, Twin, kits_with, kraken_log, payloads

FRAMES = int(os.environ.get("MM_FUZZ", "6000"))
SESSION = 150
"""Frames that one pair of feeds reads."""

pytestmark = pytest.mark.timeout(1800)

WORDS = [
    b"null", b"true", b"0", b"1", b"-1", b"1e5", b"0.0", b"01", b"[", b"]", b"{", b"}", b",", b":", b'"',
    b'""', b"\\",
    b"\\u0041", b'"price"', b'"qty"', b'"symbol"', b'"side"', b'"buy"', b'"data"', b'"bids"', b'"asks"',
    b'"channel"',
    b'"checksum"', b'"timestamp"', b'"type"', b'"update"', b'"snapshot"', b'"trade_id"', b'"c"', b'"a"',
    b'"b"', b'"as"',
    b'"bs"', b'"book-10"', b'"book-25"', b'"trade"', b'"ticker"', b'"heartbeat"', b'"BTC/USD"',
    b'"XBT/USD"', b'"s"',
    b'"ETH/USD"', b'"x":1,', b'"x":[{}],', b"{}", b"[]", b",{}", b",[]", b"\x00", b"\n", b" ", b"\xc3",
    b"\xff", b"\xc3\xa9",
    b"18446744073709551616", b"9223372036854775807", b"4294967296", b"0.00000000000000000001",
    b"99999999999", b"-", b".",
    TIME.encode(), b"2026-02-30T00:00:00Z", b"1618678123.5", b'{"price":1,"qty":2},', b'["1","2","3"],',
    b'"price":3,',
]  # fmt: skip


def flip(frame: bytearray, draw: random.Random, other: bytes) -> None:
    frame[draw.randrange(len(frame))] ^= 1 << draw.randrange(8)


def set_byte(frame: bytearray, draw: random.Random, other: bytes) -> None:
    frame[draw.randrange(len(frame))] = draw.choice(b'0123456789.-+eE"{}[],: \\nulltrue\x00\xff')


def insert(frame: bytearray, draw: random.Random, other: bytes) -> None:
    frame.insert(draw.randrange(len(frame) + 1), draw.randrange(256))


def delete(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame))
    del frame[at : at + draw.choice([1, 1, 1, 2, 5, 30])]


def double(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame))
    frame[at:at] = frame[at : at + draw.randrange(1, 60)]


def transplant(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at, there = draw.randrange(len(frame)), draw.randrange(len(other))
    frame[at : at + draw.randrange(40)] = other[there : there + draw.randrange(40)]


def digit(frame: bytearray, draw: random.Random, other: bytes) -> None:
    places = [place for place, c in enumerate(frame) if 48 <= c <= 57]
    for _ in range(draw.choice([1, 1, 3])):
        if places:
            frame[draw.choice(places)] = draw.randrange(48, 58)


def number(frame: bytearray, draw: random.Random, other: bytes) -> None:
    found = list(re.finditer(rb"[0-9][0-9.]*", frame))
    if found:
        start, end = draw.choice(found).span()
        digits = "".join(draw.choices("0123456789", k=draw.choice([0, 1, 2, 7, 8, 9, 16, 17, 18, 19, 40])))
        point = draw.randrange(len(digits) + 1)
        frame[start:end] = (digits[:point] + draw.choice(["", ".", "."]) + digits[point:]).encode()


def word(frame: bytearray, draw: random.Random, other: bytes) -> None:
    at = draw.randrange(len(frame) + 1)
    frame[at : at + draw.choice([0, 0, 1, 4])] = draw.choice(WORDS)


def token(frame: bytearray, draw: random.Random, other: bytes) -> None:
    found = list(re.finditer(rb'"[^"]*"|[0-9.]+|[\[\]{}:,]', frame))
    if found:
        start, end = draw.choice(found).span()
        frame[start:end] = draw.choice([b"", *WORDS, frame[start:end] * 2])


def cut(frame: bytearray, draw: random.Random, other: bytes) -> None:
    del frame[draw.randrange(len(frame)) :]


DAMAGES: list[Callable[[bytearray, random.Random, bytes], None]] = [
    flip, set_byte, insert, delete, double, transplant, digit, digit, number, word, token, cut,
]  # fmt: skip


def damaged(frame: bytes, draw: random.Random, other: bytes) -> bytes:
    changed = bytearray(frame)
    for _ in range(draw.choice([0, 0, 1, 1, 1, 2, 3])):
        if changed:
            draw.choice(DAMAGES)(changed, draw, other)
    return bytes(changed)


def blanks(frame: bytes, draw: random.Random) -> bytes:
    """The frame with blanks between its tokens, where it is one."""
    parts = re.findall(rb'"[^"]*"|[\[\]{}:,]|[^\[\]{}:,"]+', frame)
    return b"".join(part + draw.choice([b"", b"", b" ", b"\t\n"]) for part in parts)


def shuffled(frame: bytes, draw: random.Random) -> bytes:
    """A document with the keys of its objects in another order; numbers may be written otherwise."""

    def mix(value: object) -> object:
        if isinstance(value, dict):
            items = [(key, mix(one)) for key, one in value.items()]
            return dict(draw.sample(items, len(items)))
        return [mix(one) for one in value] if isinstance(value, list) else value

    return json.dumps(mix(json.loads(frame)), separators=(",", ":")).encode()


def several(market: Market, other: Market, draw: random.Random) -> bytes:
    """A book frame of several entries, or trades of several pairs."""
    if draw.random() < 0.2:
        return market.trade().replace(b"]}", f",{other.trades()}]}}".encode())
    entries = [
        one.entry_v2(one.changes(draw, 1)) for one in draw.choices([market, other], k=draw.randint(2, 5))
    ]
    return f'{{"channel":"book","type":"update","data":[{",".join(entries)}]}}'.encode()


def good(markets: list[Market], draw: random.Random) -> bytes:
    """A frame of any shape as the venue would send it, or nearly so."""
    market, other = draw.sample(markets, 2)
    roll = draw.randrange(20)
    if roll < 5:
        return market.update(draw)
    if roll < 8:
        return market.book_v1(market.changes(draw), split=draw.random() < 0.5)
    if roll < 11:
        return market.trade(draw.randint(1, 3))
    if roll < 17:
        return [market.ticker, market.trade_v1, market.ticker_v1][roll % 3]()
    if roll == 17:
        return b'{"channel":"heartbeat"}'
    return shuffled(market.update(draw), draw) if roll == 18 else several(market, other, draw)


RULES = [PLAIN, PLAIN, SyncRules(), SyncRules(crossed="ignore", trade_ids=True), STRICT]


def session(seed: int, frames: int) -> tuple[int, int]:
    """Feed so many frames to a twin; how many, and how many of them the scanner read."""
    draw = random.Random(f"fuzz/{seed}")
    markets = [Market(), Market("MINA/GBP", "0.0500")]
    log = kraken_log(
        live=draw.random() < 0.8,
        untimed=draw.random() < 0.2,
        discover=draw.random() < 0.3,
        depth=draw.choice([10, 25]),
    )
    for market in markets:
        for frame in market.introduction():
            log.frame(frame)
    twin, place = Twin(kits_with(draw.choice(RULES))), 0
    while place < frames:
        for _ in range(draw.choice([1, 2, 5, 20, 40])):
            frame = good(markets, draw)
            frame = blanks(frame, draw) if draw.random() < 0.15 else frame
            log.frame(damaged(frame, draw, good(markets, draw)), after_ns=draw.choice([1, 10**6, 10**8]))
            place += 1
        if draw.random() < 0.1 or set(twin.states().values()) != {"SYNCED"}:
            for market in markets:
                log.frame(market.snapshot())
        block, log.records = log.records, []
        twin.take(block, singly=draw.random() < 0.1)
        if draw.random() < 0.3:
            twin.settle(payloads(block))
    twin.settle()
    counts = twin.compiled.counts
    return counts.frames, counts.frames - twin.slow


def test_damaged_frames_are_read_alike_by_both_paths() -> None:
    frames = fast = seed = 0
    while frames < FRAMES:
        more, read = session(seed, min(SESSION, FRAMES - frames))
        frames, fast, seed = frames + more, fast + read, seed + 1
    assert fast > frames / 5, f"the scanner read {fast} of {frames} frames"
    assert fast < frames


# frames of a grammar

NUMBERS = st.one_of(
    st.sampled_from(
        ["1", "0", "0.0", "1.5", "50000.1", "01", "-1", "1e5", "", "null", '"1"', "1.", "0.1234567890123"]
    ),
    st.decimals(0, 10**6, places=4).map(str),
    st.integers(0, 10**20).map(str),
    st.from_regex(r"\A-?[0-9]{1,20}(\.[0-9]{1,20})?\Z"),
)
BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t  ", "\f"])
TEXTS = st.one_of(st.sampled_from(["", "x", "\\n", "\\u0041", "\u00e9"]), st.text('ab\\" \x7f', max_size=4))
LEAVES = st.one_of(
    NUMBERS, st.sampled_from(["true", "false", "null", "nul"]), TEXTS.map(lambda text: f'"{text}"')
)


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The values themselves, or containers of them."""
    fields = st.tuples(TEXTS, inner).map(lambda field: f'"{field[0]}":{field[1]}')
    return st.one_of(
        inner,
        st.lists(inner, max_size=2).map(lambda items: f"[{','.join(items)}]"),
        st.lists(fields, max_size=2).map(lambda items: f"{{{','.join(items)}}}"),
    )


JSON = nested(nested(LEAVES))
SYMBOLS = st.sampled_from(["BTC/USD"] * 6 + ["MINA/GBP", "ETH/USD", "XBT/USD", "", "B\\u0054C/USD"])
TIMES = st.one_of(
    st.just(TIME),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.from_regex(r"\A20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,10})?Z?\Z"),
)


@st.composite
def objects(draw: st.DrawFn, **values: st.SearchStrategy[str]) -> str:
    """An object of these fields: mostly all of them, in some order, sometimes one twice or unknown ones."""
    names = draw(st.permutations(list(values)))
    if draw(st.integers(0, 9)) == 0:
        names = draw(st.lists(st.sampled_from(names), max_size=len(names) + 1))
    fields = [f'"{name}"{draw(BLANKS)}:{draw(BLANKS)}{draw(values[name])}' for name in names]
    if draw(st.integers(0, 3)) == 0:
        fields.insert(draw(st.integers(0, len(fields))), f'"{draw(TEXTS)}":{draw(JSON)}')
    return "{" + f"{draw(BLANKS)},".join(fields) + "}"


def arrays(item: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(item, max_size=most).map(lambda items: "[" + ",".join(items) + "]")


def quoted(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return text.map(lambda one: f'"{one}"')


LEVELS = arrays(objects(price=NUMBERS, qty=NUMBERS))
KINDS = st.sampled_from(["update"] * 8 + ["snapshot", "other"])


def documents(channel: str, entry: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return objects(channel=st.just(f'"{channel}"'), type=quoted(KINDS), data=arrays(entry, 2))


BOOKS = documents(
    "book",
    objects(symbol=quoted(SYMBOLS), bids=LEVELS, asks=LEVELS, checksum=NUMBERS, timestamp=quoted(TIMES)),
)
TRADES = documents(
    "trade",
    objects(
        symbol=quoted(SYMBOLS), side=st.sampled_from(['"buy"', '"sell"', '"x"']), price=NUMBERS, qty=NUMBERS,
        ord_type=JSON, trade_id=NUMBERS, timestamp=quoted(TIMES),
    ),
)  # fmt: skip
TICKERS = documents(
    "ticker",
    objects(
        symbol=quoted(SYMBOLS),
        bid=NUMBERS,
        bid_qty=NUMBERS,
        ask=NUMBERS,
        ask_qty=NUMBERS,
        timestamp=quoted(TIMES),
    ),
)
SECONDS = st.one_of(st.just("1618678123.481570"), NUMBERS)
OLD_LEVELS = arrays(
    st.tuples(quoted(NUMBERS), quoted(NUMBERS), quoted(SECONDS), st.sampled_from(["", "", ',"r"', ",1"])).map(
        lambda parts: f"[{','.join(parts[:3])}{parts[3]}]"
    )
)
OLD_NAMES = st.sampled_from(["XBT/USD"] * 5 + ["MINA/GBP", "ETH/USD"])
OLD_BOOKS = st.tuples(
    JSON,
    st.lists(
        st.one_of(objects(a=OLD_LEVELS, c=quoted(NUMBERS)), objects(b=OLD_LEVELS), objects(a=OLD_LEVELS)),
        max_size=2,
    ),
    st.sampled_from(["book-10", "book-25", "book-7"]),
    OLD_NAMES,
).map(lambda parts: f'[{",".join([parts[0], *parts[1]])},"{parts[2]}","{parts[3]}"]')
OLD_TRADES = st.tuples(
    JSON,
    arrays(
        st.tuples(
            quoted(NUMBERS), quoted(NUMBERS), quoted(SECONDS), st.sampled_from(['"b"', '"s"', '"x"'])
        ).map(lambda parts: f"[{','.join(parts)}]")
    ),
    OLD_NAMES,
).map(lambda parts: f'[{parts[0]},{parts[1]},"trade","{parts[2]}"]')
BEST = st.tuples(quoted(NUMBERS), JSON, quoted(NUMBERS)).map(lambda parts: f"[{','.join(parts)}]")
OLD_TICKERS = st.tuples(JSON, objects(a=BEST, b=BEST), OLD_NAMES).map(
    lambda parts: f'[{parts[0]},{parts[1]},"ticker","{parts[2]}"]'
)
DOCUMENTS = st.one_of(
    BOOKS, TRADES, TICKERS, OLD_BOOKS, OLD_TRADES, OLD_TICKERS, objects(channel=st.just('"heartbeat"'))
)


@given(st.lists(DOCUMENTS, min_size=1, max_size=12), st.booleans())
@settings(max_examples=max(40, FRAMES // 150), deadline=None)
def test_documents_of_a_grammar_are_read_alike_by_both_paths(frames: list[str], plain: bool) -> None:
    markets, log = [Market(), Market("MINA/GBP", "0.0500")], kraken_log()
    for market in markets:
        for frame in market.introduction():
            log.frame(frame)
    for text in frames:
        log.frame(text.encode("utf-8", "surrogatepass"))
    twin = Twin(kits_with(PLAIN if plain else SyncRules(trade_ids=True)))
    twin.take(log.records)
    twin.settle(payloads(log.records))
