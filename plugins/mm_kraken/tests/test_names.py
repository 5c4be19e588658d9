"""One pair has one id, however Kraken spells it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mm_kraken.names import canonical, split_pair


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("BTC/EUR", "BTC/EUR"),
        ("btc/eur", "BTC/EUR"),
        ("XBT/EUR", "BTC/EUR"),
        ("xbt/eur", "BTC/EUR"),
        ("ADA/XBT", "ADA/BTC"),
        ("XDG/USD", "DOGE/USD"),
        ("XDG/XBT", "DOGE/BTC"),
        ("DOGE/USD", "DOGE/USD"),
        ("XXBTZUSD", "BTC/USD"),
        ("XETHXXBT", "ETH/BTC"),
        ("XXDGXXBT", "DOGE/BTC"),
        ("XDGUSD", "DOGE/USD"),
        ("XBTUSDT", "BTC/USDT"),
        ("xbtusd", "BTC/USD"),
        ("USDTZUSD", "USDT/USD"),
        ("ZEURZUSD", "EUR/USD"),
        ("XTZUSD", "XTZ/USD"),
        ("XTZEUR", "XTZ/EUR"),
        ("CHZUSD", "CHZ/USD"),
        ("ETHPYUSD", "ETH/PYUSD"),
        ("ETH2.S/ETH", "ETH2.S/ETH"),
        ("AAPLx/USD", "AAPLx/USD"),
    ],
)
def test_every_spelling_of_a_pair_gives_its_v2_name(spelling: str, name: str) -> None:
    assert canonical(spelling) == name
    assert canonical(name) == name, "the v2 name is its own canonical form"


def test_only_xbt_and_xdg_are_renamed() -> None:
    assert canonical("XRP/XMR") == "XRP/XMR"
    assert canonical("XBTC/USD") == "XBTC/USD"


def test_a_name_whose_quote_cannot_be_told_stays_whole() -> None:
    assert split_pair("foobar") is None
    assert canonical("foobar") == "FOOBAR"
    assert split_pair("USD") is None


def test_rest_keys_and_altnames_of_a_recorded_list_give_their_websocket_name(shared_data: Path) -> None:
    line = gzip.decompress((shared_data / "kraken/rest_asset_pairs_20210417.ndjson.gz").read_bytes())
    pairs = json.loads(json.loads(line)["raw"])["result"]
    listed = {key: pair for key, pair in pairs.items() if "wsname" in pair}
    assert len(listed) == 293
    wrong = {
        spelling: (canonical(spelling), pair["wsname"])
        for key, pair in listed.items()
        for spelling in (key, pair["altname"])
        if canonical(spelling) != canonical(pair["wsname"])
    }
    assert wrong == {}
