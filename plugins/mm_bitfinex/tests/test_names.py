"""One pair has one id, however Bitfinex spells it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_bitfinex.names import ALIASES, canonical, split_pair, wire_symbol


@pytest.mark.parametrize(
    ("spelling", "name", "wire"),
    [
        ("tBTCUSD", "BTC/USD", "tBTCUSD"),
        ("BTCUSD", "BTC/USD", "tBTCUSD"),
        ("btcusd", "BTC/USD", "tBTCUSD"),
        ("tbtcusd", "BTC/USD", "tBTCUSD"),
        ("btc/usd", "BTC/USD", "tBTCUSD"),
        ("tTRXUSD", "TRX/USD", "tTRXUSD"),
        ("trxusd", "TRX/USD", "tTRXUSD"),
        ("TRXUSD", "TRX/USD", "tTRXUSD"),
        ("tAAVE:USD", "AAVE/USD", "tAAVE:USD"),
        ("aave:usd", "AAVE/USD", "tAAVE:USD"),
        ("tTESTBTC:TESTUSD", "TESTBTC/TESTUSD", "tTESTBTC:TESTUSD"),
        ("tBTCUST", "BTC/USDT", "tBTCUST"),
        ("BTC/USDT", "BTC/USDT", "tBTCUST"),
        ("BTC/UST", "BTC/USDT", "tBTCUST"),
        ("tUSTUSD", "USDT/USD", "tUSTUSD"),
        ("tTRUST:UST", "TRUST/USDT", "tTRUST:UST"),
        ("tIOTETH", "IOTA/ETH", "tIOTETH"),
        ("tBCHN:USD", "BCH/USD", "tBCHN:USD"),
        ("tLUNA:USD", "LUNC/USD", "tLUNA:USD"),
        ("tLUNA2:USD", "LUNA/USD", "tLUNA2:USD"),
        ("LUNA/USD", "LUNA/USD", "tLUNA2:USD"),
        ("LUNC/USD", "LUNC/USD", "tLUNA:USD"),
        ("tBTCF0:USTF0", "BTC/USDT:PERP", "tBTCF0:USTF0"),
        ("btc/usdt:perp", "BTC/USDT:PERP", "tBTCF0:USTF0"),
        ("t1INCH:USD", "1INCH/USD", "t1INCH:USD"),
    ],
)
def test_every_spelling_of_a_pair_gives_its_names(spelling: str, name: str, wire: str) -> None:
    assert (canonical(spelling), wire_symbol(spelling)) == (name, wire)
    assert (canonical(wire), wire_symbol(name)) == (name, wire)


@pytest.mark.parametrize("name", ["fUSD", "tBTC", "tABCDEFG", "", "BTC/", "a b/c", "trade:1m:tBTCUSD"])
def test_what_is_no_pair_stays_as_it_is(name: str) -> None:
    assert (canonical(name), wire_symbol(name), split_pair(name)) == (name, name, None)


def test_base_and_quote_are_in_our_codes() -> None:
    assert split_pair("tBTCF0:USTF0") == ("BTC", "USDT")
    assert split_pair("tDSHBTC") == ("DASH", "BTC")


CODES = st.one_of(
    st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True).filter(lambda code: not code.endswith("F0")),
    st.sampled_from(sorted(ALIASES)),
).filter(lambda code: code not in set(ALIASES.values()) - set(ALIASES))


@given(CODES, CODES, st.booleans())
def test_wire_names_survive_the_way_to_ours_and_back(base: str, quote: str, perpetual: bool) -> None:
    suffix = "F0" if perpetual else ""
    codes = [base + suffix, quote + suffix]
    wire = "t" + ("" if [len(code) for code in codes] == [3, 3] else ":").join(codes)
    assert wire_symbol(canonical(wire)) == wire


def test_every_symbol_of_a_recording_has_an_id_of_its_own(shared_data: Path) -> None:
    path = shared_data / "bitfinex" / "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    symbols = {json.loads(line["raw"])["symbol"] for line in lines if '"subscribe"' in line.get("raw", "")}
    assert {canonical(symbol) for symbol in symbols} == {
        "BFT/USD", "IOTA/ETH", "MDOGE/USD", "MANA/BTC", "ODE/USD", "TESTBTC/TESTUSD", "SNG/USD",
    }  # fmt: skip
    assert {wire_symbol(canonical(symbol)) for symbol in symbols} == symbols
