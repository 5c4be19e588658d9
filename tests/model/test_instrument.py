"""Instrument ids and definitions."""

from __future__ import annotations

import pytest

from mm_framework.errors import ConfigError
from mm_framework.model.instrument import SHARD_SHIFT, Definition, parse_id, shard_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("kraken:BTC/EUR", ("kraken", "BTC/EUR")),
        ("binance-usdm:BTC/USDT:PERP", ("binance-usdm", "BTC/USDT:PERP")),
        ("polymarket:0a1b-YES", ("polymarket", "0a1b-YES")),
        ("v:" + "x" * 128, ("v", "x" * 128)),
    ],
)
def test_an_id_is_venue_and_symbol(text: str, parts: tuple[str, str]) -> None:
    assert parse_id(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", "kraken", "kraken:", ":BTC", "Kraken:BTC", "1x:BTC", "kraken:BTC EUR", "v:" + "x" * 129, "v:a\n"],
)
def test_anything_else_is_a_usage_error_that_names_it(text: str) -> None:
    with pytest.raises(ConfigError, match="venue:SYMBOL") as caught:
        parse_id(text)
    assert repr(text) in str(caught.value)


def test_numbers_carry_their_shard() -> None:
    assert SHARD_SHIFT == 16
    assert shard_of((3 << 16) | 7) == 3
    assert shard_of(65535) == 0


def test_a_definition_is_one_line_of_json_values() -> None:
    definition = Definition(1, 2, "toy:A/B", "A/B", 6, 8, depth=10, tick_size="0.01")
    assert definition.as_json() == {
        "index": 1, "number": 2, "id": "toy:A/B", "venue_symbol": "A/B", "price_scale": 6, "size_scale": 8,
        "base": None, "quote": None, "tick_size": "0.01", "lot_size": None, "price_decimals": None,
        "size_decimals": None, "precision": "unknown", "depth": 10, "status": None, "valid_from_ns": 0,
    }  # fmt: skip
    assert Definition(**definition.as_json()) == definition
