"""The declared shapes say what the normalizer says: both paths of `Feed` on the same frames."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from toy_venue import ToyLog

from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.emulator import BitfinexDialect
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.sync import RULES
from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedConfig, VenueKit
from mm_framework.kernels import loader

pytest.importorskip("numba")
if not loader.active():
    pytest.skip("the kernels are off or not compiled", allow_module_level=True)

from twin import Twin, twin_over  # only where there are kernels

OPEN = [
    b'{"event":"conf","status":"OK","flags":229376}',
    b'{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25"}',
    b'{"event":"subscribed","channel":"trades","chanId":8,"symbol":"tBTCUSD"}',
    b"[7,[[100,1,1.5],[99,2,2],[101,1,-1],[102,1,-0.25]],1,1618677543951]",
]


KITS = {
    name: {"bitfinex": VenueKit(BitfinexAdapter(), BitfinexNormalizer(), rules)}
    for name, rules in (("plain", SyncRules(crossed="ignore")), ("venue", RULES))
}


def records_of(frames: Iterable[bytes]) -> list[bytes]:
    """These frames, received on one connection."""
    config = FeedConfig(venue="bitfinex", wall0_ns=1_790_000_000_000_000_000, discover=True, live=False)
    log = ToyLog(config.to_json())
    log.open(url="wss://api-pub.bitfinex.com/ws/2")
    for frame in frames:
        log.frame(frame)
    return log.records


@pytest.mark.parametrize(
    "tail", ["", ",{seq}", ",{seq},{time}"], ids=["no number", "numbered", "numbered and timed"]
)
def test_changes_of_a_book_take_the_scanner_in_every_layout(tail: str) -> None:
    draw, frames = random.Random(3), list(OPEN)
    for seq in range(2, 500):
        side = draw.choice((1, -1))
        price = 100 - side * draw.randrange(1, 30) + draw.choice((0, 0.5))
        count = draw.choice((0, 1, 3))
        size = f"1.{draw.randrange(1, 10**8):08d}"[: draw.randrange(3, 11)] if count else "1"
        amount = size if side > 0 else f"-{size}"
        frame = f"[7,[{price},{count},{amount}]{tail}]"
        frames.append(frame.format(seq=seq, time=1_618_677_543_951 + seq).encode())
    twin, _ = twin_over(KITS["plain"], records_of(frames), draw)
    assert twin.slow <= len(OPEN) + 1, "all but the first ones"
    assert twin.compiled.counts.messages == 499


@pytest.mark.parametrize("tail", ["", ",%d", ",%d,1618677543951"])
def test_heartbeats_are_read_alike_in_every_layout(tail: str) -> None:
    """They are for the reference path: they say which channel lives."""
    beats = [
        f'[{7 + 2 * (number % 2)},"hb"' + (tail % number if tail else "") + "]" for number in range(2, 60)
    ]
    twin, _ = twin_over(
        KITS["venue"], records_of([*OPEN, *(beat.encode() for beat in beats)]), random.Random(1)
    )
    assert twin.compiled.counts.heartbeats == 58
    assert twin.compiled.counts.sequence_applied == (59 if tail else 1)
    assert twin.compiled.fallbacks == {}


@pytest.mark.parametrize("tail", ["", ",%d", ",%d,1618677543951"])
def test_checksums_take_the_scanner_in_every_layout(tail: str) -> None:
    levels = [(100, "1.5"), (101, "-1"), (99, "2"), (102, "-0.25")]
    text = ":".join(f"{price}:{amount}" for price, amount in levels)
    value = zlib.crc32(text.encode())
    signed = value - 2**32 if value >= 2**31 else value
    frames = [f'[7,"cs",{signed}' + (tail % number if tail else "") + "]" for number in range(2, 60)]
    twin, _ = twin_over(
        KITS["venue"], records_of([*OPEN, *(frame.encode() for frame in frames)]), random.Random(2)
    )
    assert twin.slow <= len(OPEN) + 1
    assert twin.compiled.counts.checksums_verified == 58
    assert twin.compiled.fallbacks == {}


CHECKSUMS = [
    "-2147483648", "-2147483649", "2147483647", "2147483648", "-0", "0", "--1", "- 1", "+1", "-01", "-",
    "-1.0", "-1e2", '"-1"', "null", "[]", "-99999999999999999999",
]  # fmt: skip

HOSTILE = [
    "[7,[5,1,0],2]", "[7,[5,0,0],2]", "[7,[5,0,-1.50],2]", "[7,[5,1,-0.0],2]", "[7,[0,1,1],2]",
    "[7,[-5,1,1],2]", "[7,[2e-8,0,1],2]", "[7,[5,1.0,1],2]", "[7,[5,-1,1],2]", "[7,[5,01,1],2]",
    "[7,[5,1],2]", "[7,[5,1,1,9],2]", "[7,[5,1,1],2,1618677543951,3]", "[7,[5,1,1],2,3]",
    "[7,[5,1,1],1618677543951]", "[7,[5,1,1],999999999999]", "[7,[5,1,1],1000000000000]",
    "[7,[5,1,1],2,161867754395]", "[7,[5,1,1],2,1618677543951123]", "[7,[5,1,1],2,9999999999999]",
    "[7,[5,1,1],-2]", "[7,[5,1,1],2.0]", '[7,[5,1,1],"2"]', "[7,[5,1,1],null]", "[07,[5,1,1],2]",
    "[-7,[5,1,1],2]", "[7.0,[5,1,1],2]", '["7",[5,1,1],2]', "[77,[5,1,1],2]", "[0,[5,1,1],2]",
    "[7,[[5,1,1]],2]", "[7,[],2]", "[7,5,2]", '[7,["5",1,1],2]', "[7,[5,1,null],2]", "[7,[5,1,1],2]x",
    "[7,[5,1,1],2", " [ 7 , [ 5 , 1 , 1 ] , 2 , 1618677543951 ] ", '[7,"hb"]', '[7,"hb",2]',
    '[7,"hb",2,1618677543951]', '["x","hb",2,1618677543951]', '[{},"hb",2,1618677543951]', '[7,"hb",2,3]',
    '[7,"hb",2,1618677543951,4]', '[7,"\\u0068b",2,1618677543951]', '[7,"cs",-5,2,1618677543951]',
    '[8,"te",[1,1618677543951,-1,5],2]', "[8,[5,1,1],2]", "[7,[123456789012345678901,1,1],2]",
    "[7,[5,1,1.123456789],2]", "[7,[5,123456789012345678901,1],2]",
    *(f'[7,"cs",{value},2]' for value in CHECKSUMS), '[7,"cs",5]', '[7,"cs",5,2,1618677543951,4]', '[7,"cs"]',
    '[77,"cs",5,2]', '[7,"ct",5,2]',
]  # fmt: skip


@pytest.mark.parametrize("rules", KITS)
@pytest.mark.parametrize("frame", HOSTILE)
def test_odd_frames_are_the_same_on_both_paths(frame: str, rules: str) -> None:
    frames = [*OPEN, b"[7,[99.5,1,1],2,1618677543951]", frame.encode(), b"[7,[99.5,0,1],3,1618677543951]"]
    twin = Twin(KITS[rules])
    for record in records_of(frames):
        twin.take([record])
    twin.settle(frames)


@pytest.mark.parametrize("rules", KITS)
@pytest.mark.parametrize("seed", range(6))
def test_damaged_frames_are_the_same_on_both_paths(seed: int, rules: str) -> None:
    draw = random.Random(seed)
    frames, number = list(OPEN), 1
    for _ in range(150):
        number += 1
        usual = f"[7,[99.5,1,-1],{number},1618677543951]"
        frame = bytearray(draw.choice([*HOSTILE[:4], usual]).encode())
        if draw.random() < 0.5:
            place = draw.randrange(len(frame))
            frame[place : place + draw.randrange(3)] = bytes(draw.choices(b'0123456789-+.e,[]"{} hb', k=1))
        frames.append(bytes(frame))
    twin_over(KITS[rules], records_of(frames), draw)


def recorded(path: Path, most: int) -> Iterator[bytes]:
    with gzip.open(path, "rt") as file:
        for count, line in enumerate(file):
            if count >= most:
                return
            body = (
                json.loads(line)
                if line.startswith("{") and '"ts"' in line
                else {"dir": "in", "raw": line.strip()}
            )
            if body["dir"] == "in":
                yield body["raw"].encode()


@pytest.mark.parametrize(
    ("name", "slow"),
    [
        ("seq_all_book_trades_ticker_7sym_20210417.ndjson.gz", 180),
        ("tBTCUSD_P0_F0_100_trades_session1_20181112.ndjson.gz", 450),
    ],
)
def test_recordings_are_the_same_on_both_paths(shared_data: Path, name: str, slow: int) -> None:
    frames = list(recorded(shared_data / "bitfinex" / name, 20_000))
    twin, _ = twin_over(KITS["plain"], records_of(frames), random.Random(5), most=400)
    assert twin.slow < slow


@pytest.mark.parametrize("faults", ["", "drop:0.01,repeat:0.01,reorder:0.01,corrupt:0.02,checksum:0.02"])
def test_an_emulated_session_is_the_same_on_both_paths(faults: str) -> None:
    dialect = BitfinexDialect()
    symbols = ("tBTCUSD", "tXRPBTC", "tSHIB:BTC")
    venue = VenueEmulator(
        dialect,
        [dialect.listing(symbol) for symbol in symbols],
        settings=MarketSettings(rate=60.0, levels=60),
        faults=parse_faults(faults),
        wall_ns=1_790_000_000_000_000_000,
    )
    connection = venue.connect(0, "/ws/2")
    adapter = BitfinexAdapter()
    wanted = [
        Subscription(adapter.instrument_id(symbol), symbol, channel.name, 25 if channel.depths else None)
        for channel in adapter.channels
        for symbol in symbols
    ]
    for message in (*adapter.metadata_request(1), *adapter.subscribe(wanted, 2)):
        venue.receive(connection, message, 0)
    venue.advance(20 * 10**9)
    frames = [action.payload for action in venue.drain() if isinstance(action, SendFrame)]
    twin, _ = twin_over(KITS["venue"], records_of(frames), random.Random(11))
    counts = twin.compiled.counts
    assert counts.data > 4000
    if faults:
        assert counts.sequence_breaks > 10
    else:
        assert counts.sequence_breaks == counts.checksums_failed == 0
        assert counts.checksums_verified > 50
