"""The declared shapes say what the normalizer says: recordings by the compiled path and by the reference."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twin import Twin, payloads

from mm_binance.markets import COINM, SPOT, TR, US, USDM, Market
from mm_binance.names import PARTIAL
from mm_framework.kernels.mode import mode

pytest.importorskip("numba")

pytestmark = pytest.mark.skipif(mode() == "off", reason="kernels are switched off")

RECORDINGS = {
    "spot_NKNUSDT_LRCBTC_20211012.ndjson.gz": SPOT,
    "us_spot_COMPUSDT_CRVUSDT_20211012.ndjson.gz": US,
    "tr_spot_XEMUSDT_LTCBRL_20230410.ndjson.gz": TR,
    "usdm_SUSHIUSDT_AKROUSDT_20210722.ndjson.gz": USDM,
}


def compare(kits: dict[str, Any], records: list[bytes], draw: random.Random) -> Twin:
    twin, place = Twin(kits), 0
    while place < len(records):
        block = records[place : place + draw.randint(1, 80)]
        twin.take(block)
        place += len(block)
    twin.settle(payloads(records[-3:]))
    return twin


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_are_read_alike(
    recordings: Path, imported: Callable[..., Any], kit: Callable[[Market], Any], name: str
) -> None:
    market = RECORDINGS[name]
    run, _ = imported(market, recordings / name)
    records = [bytes(record) for _, record in run.records()]
    twin = compare({market.venue: kit(market)}, records, random.Random(name))
    assert all(view.book.bids() for view in twin.compiled.instruments())


STREAMS = {
    "bnbbtc@depth@100ms": '{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":%d,"u":%d,'
    '"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]}',
    "bnbbtc@bookTicker": '{"u":%d,"s":"BNBBTC","b":"0.0024","B":"10","a":"0.0026","A":"%d"}',
    "bnbbtc@trade": '{"e":"trade","E":1672515782136,"s":"BNBBTC","t":%d,"p":"0.0025","q":"%d",'
    '"T":1672515782135,"m":false,"M":true}',
    "bnbbtc@depth5": '{"lastUpdateId":%d,"bids":[["0.0024","%d"]],"asks":[]}',
}
_CHANGE = (
    '{"e":"depthUpdate","E":1672515782136,"T":1672515782135,"s":"BNBUSDT","U":%d,"u":%d,"pu":{prev},'
    '"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]}'
)
FUTURES_STREAMS = {
    "bnbusdt@depth@100ms": _CHANGE,
    "bnbusdt@depth": _CHANGE,
    "bnbusdt@depth5@100ms": _CHANGE,
    "bnbusdt@bookTicker": '{"e":"bookTicker","u":%d,"s":"BNBUSDT","b":"0.0024","B":"10","a":"0.0026",'
    '"A":"%d","T":1672515782135,"E":1672515782136}',
    "bnbusdt@aggTrade": '{"e":"aggTrade","E":1672515782136,"a":%d,"s":"BNBUSDT","p":"0.0025","q":"%d",'
    '"f":1,"l":1,"T":1672515782135,"m":false}',
}


def mutated(event: str, draw: random.Random) -> str:
    """The event with one byte changed, doubled, left out, or with an odd key more."""
    place = draw.randrange(1, len(event) - 1)
    match draw.randrange(6):
        case 0:
            return event[:place] + draw.choice('0123456789"{}[],:.-etruflsn ') + event[place + 1 :]
        case 1:
            return event[:place] + event[place : place + 1] + event[place:]
        case 2:
            return event[:place] + event[place + 1 :]
        case 3:
            extra = draw.choice(['"e":"trade"', '"data":{}', '"stream":1', '"u":7', '"code":1', '"pu":3'])
            return "{" + extra + "," + event[1:]
        case 4:
            return json.dumps(dict(reversed(json.loads(event).items())))
        case _:
            return event


NAMES = (
    "x@depth", "x@depth@100ms", "x@depth@250ms", "x@depth@500ms", "@depth", "x@depth5@depth", "\\u0078@depth",
    "depth", "x@Depth", "x@depth@1000ms", "x@depth@0100ms", "x@depth@100ms ", "x@depth@100ms\\u0020", "",
    "x@depth5", "x@depth10@100ms", "x@depth20@250ms", "x\u00e9@depth", "x@depth5@100ms@depth@100ms",
)  # fmt: skip


@pytest.mark.parametrize("market", [USDM, COINM], ids=lambda market: market.venue)
def test_the_end_of_the_streams_name_tells_updates_from_best_levels(
    tmp_path: Path, imported: Callable[..., Any], kit: Callable[[Market], Any], market: Market
) -> None:
    symbol = "BNBUSDT" if market is USDM else "BNBUSD_PERP"
    url = f"{market.rest_url}/depth?symbol={symbol}&limit=5"
    body = '{"lastUpdateId":99,"E":1672515782000,"bids":[["0.0024","1"]],"asks":[["0.0026","1"]]}'
    lines, number = [{"dir": "http", "url": url, "raw": body}], 100
    for name, wrapped in itertools.product(
        NAMES * 2, ('{"stream":"%s","data":%s}', '{"data":%s,"stream":"%s"}')
    ):
        event = (_CHANGE % (number, number)).replace("{prev}", str(number - 1)).replace("BNBUSDT", symbol)
        parts = (name, event) if wrapped.startswith('{"s') else (event, name)
        lines.append({"dir": "in", "raw": wrapped % parts})
        number += not PARTIAL.fullmatch(name)
    path = tmp_path / "names.ndjson"
    path.write_text("".join(json.dumps({"ts": "1672515782", **line}) + "\n" for line in lines))
    run, _ = imported(market, path)
    twin = compare({market.venue: kit(market)}, [bytes(r) for _, r in run.records()], random.Random(1))
    assert twin.compiled.counts.sequence_applied > 50
    assert twin.slow < twin.compiled.counts.frames


@pytest.mark.parametrize("seed", range(6))
def test_changed_frames_of_futures_are_read_alike(
    tmp_path: Path, imported: Callable[..., Any], kit: Callable[[Market], Any], seed: int
) -> None:
    draw, number, lines = random.Random(f"futures/{seed}"), 100, []
    for place in range(400):
        if place % 40 == 0:
            url = "https://fapi.binance.com/fapi/v1/depth?symbol=BNBUSDT&limit=5"
            body = f'{{"lastUpdateId":{number},"E":1,"T":1,"bids":[["0.0024","1"]],"asks":[["0.0026","1"]]}}'
            lines.append({"dir": "http", "url": url, "raw": body})
        stream, form = draw.choice(list(FUTURES_STREAMS.items()))
        event = (form % (number + 1, number + 1)).replace("{prev}", str(number))
        number += "@depth" in stream
        damage = draw.random()
        event = mutated(event, draw) if damage < 0.1 else event
        event = f'{{"stream":"{stream}","data":{event}}}' if draw.random() < 0.9 else event
        event = mutated(event, draw) if damage > 0.9 else event
        lines.append({"dir": "in", "raw": event})
    path = tmp_path / "changed.ndjson"
    path.write_text("".join(json.dumps({"ts": "1672515782", **line}) + "\n" for line in lines))
    run, counts = imported(USDM, path)
    assert counts["malformed"] > 10
    compare({USDM.venue: kit(USDM)}, [bytes(record) for _, record in run.records()], draw)


@pytest.mark.parametrize("seed", range(6))
def test_changed_frames_are_read_alike(
    tmp_path: Path, imported: Callable[..., Any], kit: Callable[[Market], Any], seed: int
) -> None:
    draw, number, lines = random.Random(seed), 100, []
    for place in range(400):
        if place % 40 == 0:
            url = "https://api.binance.com/api/v3/depth?symbol=BNBBTC&limit=5"
            body = f'{{"lastUpdateId":{number},"bids":[["0.0024","1"]],"asks":[["0.0026","1"]]}}'
            lines.append({"dir": "http", "url": url, "raw": body})
        stream, form = draw.choice(list(STREAMS.items()))
        event = form % (number + 1, number + 1)
        number += stream.endswith("100ms")
        damage = draw.random()
        event = mutated(event, draw) if damage < 0.1 else event
        event = f'{{"stream":"{stream}","data":{event}}}' if draw.random() < 0.7 else event
        event = mutated(event, draw) if damage > 0.9 else event
        lines.append({"dir": "in", "raw": event})
    path = tmp_path / "changed.ndjson"
    path.write_text("".join(json.dumps({"ts": "1672515782", **line}) + "\n" for line in lines))
    run, counts = imported(SPOT, path)
    assert counts["malformed"] > 10
    compare({"binance": kit(SPOT)}, [bytes(record) for _, record in run.records()], draw)
