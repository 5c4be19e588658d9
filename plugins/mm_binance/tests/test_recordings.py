"""Recordings of all markets: parsed, imported, verified; and damaged, which is found."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mm_binance.markets import COINM, SPOT, TR, US, USDM, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, InstrumentInfo

Verified = Callable[..., dict[str, Any]]
Imported = Callable[..., tuple[Any, dict[str, int]]]


class Expected(NamedTuple):
    """What the notes to a recording say of an instrument."""

    diffs: int
    applied: int
    tops: int


RECORDINGS: dict[str, tuple[Market, dict[str, Expected]]] = {
    "spot_NKNUSDT_LRCBTC_20211012.ndjson.gz": (
        SPOT,
        {"binance:NKN/USDT": Expected(150, 149, 19), "binance:LRC/BTC": Expected(15, 13, 6)},
    ),
    "us_spot_COMPUSDT_CRVUSDT_20211012.ndjson.gz": (
        US,
        {"binance-us:COMP/USDT": Expected(107, 106, 21), "binance-us:CRV/USDT": Expected(29, 28, 5)},
    ),
    "tr_spot_XEMUSDT_LTCBRL_20230410.ndjson.gz": (
        TR,
        {"binance-tr:XEM/USDT": Expected(32, 30, 15), "binance-tr:LTC/BRL": Expected(19, 17, 6)},
    ),
    "usdm_SUSHIUSDT_AKROUSDT_20210722.ndjson.gz": (
        USDM,
        {
            "binance-usdm:SUSHI/USDT:PERP": Expected(255, 252, 12),
            "binance-usdm:AKRO/USDT:PERP": Expected(189, 188, 7),
        },
    ),
}


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


# --- the normalizer alone


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_frame_of_a_recording_is_read(recordings: Path, writer: Any, name: str) -> None:
    market, instruments = RECORDINGS[name]
    normalizer, kinds, streams = BinanceNormalizer(market), Counter[FrameClass](), Counter[str]()
    for line in map(json.loads, lines_of(recordings / name)):
        if line["dir"] == "in":
            kinds[normalizer.decode(line["raw"].encode(), ConnectionInfo(0, ""), writer)] += 1
            streams[json.loads(line["raw"])["stream"].split("@")[1]] += 1
        elif line["dir"] == "http":
            assert normalizer.http({"url": line["url"]}, line["raw"].encode(), writer) is FrameClass.DATA
    assert set(kinds) <= {FrameClass.DATA, FrameClass.UNKNOWN}
    assert kinds[FrameClass.UNKNOWN] == streams.pop("kline_1m", 0)
    told = Counter(message["channel"] for message in writer.messages if not message["snapshot"])
    assert told == streams
    assert told["depth"] == sum(expected.diffs for expected in instruments.values())
    snapshots = [message for message in writer.messages if message["snapshot"]]
    assert len(snapshots) == len(instruments) == 2
    assert all("last" in message for message in snapshots)


SINGLE = {SPOT: "spot", USDM: "linear", COINM: "inverse"}


def test_single_frames_of_all_markets(recordings: Path, writer: Any) -> None:
    found: list[tuple[str, str]] = []
    for line in (recordings / "single_frames_cryptocrawler_a.ndjson").read_text().splitlines():
        case = json.loads(line)
        for market, product in SINGLE.items():
            if f"::{product}" in case["test"]:
                normalizer, raw = BinanceNormalizer(market), case["raw"].encode()
                kind = normalizer.decode(raw, ConnectionInfo(0, ""), writer)
                if kind is FrameClass.UNKNOWN and normalizer.http({}, raw, writer) is FrameClass.DATA:
                    found.append((case["test"], "snapshot"))
                elif kind is FrameClass.DATA:
                    found.append((case["test"], writer.messages[-1]["channel"]))
    assert found == [
        ("trade::spot", "aggTrade"),
        ("trade::linear_future", "aggTrade"),
        ("trade::linear_swap", "aggTrade"),
        ("l2_event::spot", "depth"),
        ("l2_event::linear_future", "depth"),
        ("l2_event::inverse_swap", "depth"),
        ("l2_topk::inverse_future", "depth20"),
        ("l2_topk::inverse_swap", "depth20"),
        ("l2_topk::linear_swap", "depth20"),
        ("bbo::inverse_future", "bookTicker"),
        ("bbo::inverse_swap", "bookTicker"),
        ("l2_snapshot::spot", "snapshot"),
        ("l2_snapshot::linear_future", "snapshot"),
        ("l2_snapshot::linear_swap", "snapshot"),
    ]


def test_the_recorded_definitions_are_read(recordings: Path, writer: Any) -> None:
    (line,) = lines_of(recordings / "rest_exchangeInfo_spot_20211012.ndjson.gz")
    body = json.loads(line)["raw"].encode()
    assert BinanceNormalizer(SPOT).http({}, body, writer) is FrameClass.CONTROL
    infos = {info.venue_symbol: info for info in writer.controls if isinstance(info, InstrumentInfo)}
    assert len(infos) == 1695
    assert infos["BTCUSDT"] == InstrumentInfo("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", 2, 5, "TRADING")
    assert infos["LRCBTC"] == InstrumentInfo("LRCBTC", "LRC", "BTC", "0.00000001", "1", 8, 0, "TRADING")
    assert {info.status for info in infos.values()} == {"TRADING", "BREAK"}


# --- imported and verified


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_books_of_a_recording_hold(recordings: Path, verified: Verified, name: str) -> None:
    market, instruments = RECORDINGS[name]
    document = verified(market, recordings / name)
    assert document["ok"], document["failures"]
    assert document["gaps"] == document["crossed"] == document["malformed"] == 0
    assert set(document["instruments"]) == set(instruments)
    for instrument, expected in instruments.items():
        shown = document["instruments"][instrument]
        dropped = expected.diffs - expected.applied
        assert shown["sequence"] == {"applied": expected.applied, "dropped": dropped, "breaks": 0}
        assert shown["top_of_book_checks"] == {"compared": expected.tops, "equal": expected.tops}
        assert shown["epoch"] == 1
    assert document["unproved_channels"] == ["bookTicker"]


def test_the_long_recording_holds(recordings: Path, verified: Verified) -> None:
    document = verified(SPOT, recordings / "spot_btcusdt_20240808.log.gz")
    assert document["ok"], document["failures"]
    assert document["sequence"] == {"applied": 3449, "dropped": 2, "breaks": 0}
    assert document["top_of_book_checks"] == {"compared": 564, "equal": 564}
    assert document["depth_unproved_messages"] == 22
    assert document["gaps"] == document["crossed"] == document["malformed"] == document["unknown"] == 0
    assert (document["frames"], document["trades"]) == (41_248, 9_757)
    assert document["counts"]["duplicate_trades"] == 0
    assert list(document["instruments"]) == ["binance:BTC/USDT"]


# --- damaged: each of these is found at the next update of its instrument


def depth_lines(lines: list[str], symbol: str) -> list[int]:
    """Where the updates of an instrument stand that come after its snapshot."""
    started, places = False, []
    for place, line in enumerate(map(json.loads, lines)):
        if line["dir"] == "http" and f"symbol={symbol}&" in line["url"]:
            started = True
        elif started and f'"{symbol.lower()}@depth' in line.get("raw", ""):
            places.append(place)
    return places


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("damage", ["drop", "swap", "repeat"])
def test_damage_is_found_at_the_next_update(
    recordings: Path, tmp_path: Path, imported: Imported, name: str, damage: str
) -> None:
    market, _ = RECORDINGS[name]
    lines, draw = lines_of(recordings / name), random.Random(f"{name} {damage}")
    whole = imported(market, recordings / name)[1]
    for symbol in name.split("_")[1 if market is USDM else -3 : -1]:
        places = depth_lines(lines, symbol)[3:]
        for at in draw.sample(range(len(places) - 1), 2):
            here, after = places[at], places[at + 1]
            changed = list(lines)
            if damage == "drop":
                del changed[here]
            elif damage == "swap":
                changed[here], changed[after] = _swapped(lines[here], lines[after])
            else:
                changed.insert(after, lines[here].replace(_time(lines[here]), _time(lines[after])))
            path = tmp_path / f"{symbol}{at}.ndjson"
            path.write_text("\n".join(changed) + "\n")
            counts = imported(market, path)[1]
            if damage == "repeat":
                assert counts["sequence_dropped"] == whole["sequence_dropped"] + 1
                assert counts["sequence_applied"] == whole["sequence_applied"]
                assert counts["sequence_breaks"] == 0
            else:
                assert (counts["sequence_breaks"], counts["gaps"]) == (1, 1)
                assert counts["sequence_applied"] < whole["sequence_applied"]


def _time(line: str) -> str:
    return str(json.loads(line)["ts"])


def _swapped(first: str, second: str) -> tuple[str, str]:
    """Both frames in the other's place, the receive times where they were."""
    one, other = json.loads(first), json.loads(second)
    one["raw"], other["raw"] = other["raw"], one["raw"]
    return json.dumps(one), json.dumps(other)
