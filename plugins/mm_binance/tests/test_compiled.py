"""The declared shapes say what the normalizer says: recordings by the compiled path and by the reference."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twin import Twin, payloads

from mm_binance.markets import SPOT, TR, US, USDM, Market
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
