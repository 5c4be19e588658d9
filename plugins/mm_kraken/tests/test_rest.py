"""REST AssetPairs gives instruments without a display precision; other bodies are not read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, Refused
from mm_framework.errors import MalformedFrame
from mm_kraken.normalizer import KrakenNormalizer

BODY = (
    b'{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\\/USD","base":"XXBT","quote":"ZUSD",'
    b'"pair_decimals":1,"lot_decimals":8,"fees":[[0,0.26]],"status":"online"},'
    b'"XXBTZUSD.d":{"altname":"XBTUSD.d","pair_decimals":1,"lot_decimals":8}}}'
)


def test_asset_pairs_give_tick_and_lot_but_leave_the_precision_to_be_learned(writer: Any) -> None:
    assert KrakenNormalizer().http({}, BODY, writer) is FrameClass.CONTROL
    assert writer.controls == [
        InstrumentInfo("XBT/USD", "BTC", "USD", tick_size="0.1", lot_size="0.00000001", status="online")
    ]


def test_a_tick_size_that_is_told_goes_before_the_decimals(writer: Any) -> None:
    KrakenNormalizer().http({}, BODY.replace(b'"status"', b'"tick_size":"0.5","status"'), writer)
    assert writer.controls[0].tick_size == "0.5"


def test_errors_of_an_answer_are_a_refusal(writer: Any) -> None:
    body = b'{"error":["EGeneral:Invalid arguments","EAPI:Rate limit exceeded"]}'
    assert KrakenNormalizer().http({}, body, writer) is FrameClass.CONTROL
    assert writer.controls == [Refused("EGeneral:Invalid arguments; EAPI:Rate limit exceeded")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":[],"result":{"unixtime":1616336594,"rfc1123":"Sun"}}',
        b'{"error":[],"result":{"XXBTZUSD":[["1","2"]],"last":"1"}}',
        b'{"error":[]}',
        b'{"result":"success","orderBook":{}}',
        b"[]",
    ],
)
def test_other_answers_are_unknown(writer: Any, body: bytes) -> None:
    assert KrakenNormalizer().http({}, body, writer) is FrameClass.UNKNOWN
    assert writer.controls == []


@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b'{"error":[', b"\xff"])
def test_what_is_not_json_is_malformed(writer: Any, body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="not a REST answer"):
        KrakenNormalizer().http({}, body, writer)


def test_a_recorded_list_gives_every_pair_with_a_websocket_name(shared_data: Path, writer: Any) -> None:
    line = gzip.decompress((shared_data / "kraken/rest_asset_pairs_20210417.ndjson.gz").read_bytes())
    body = json.loads(line)["raw"].encode()
    assert KrakenNormalizer().http({}, body, writer) is FrameClass.CONTROL
    assert len(writer.controls) == 293
    by_name = {info.venue_symbol: info for info in writer.controls}
    assert by_name["XMR/USD"].tick_size == "0.01"
    assert by_name["XDG/XBT"].base == "DOGE"
    assert by_name["XDG/XBT"].quote == "BTC"
