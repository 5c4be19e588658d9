"""Who gets which parameters: the same everywhere, and only ever from A to B."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.calibrate.routing import Routing, share_of
from mm_framework.errors import ConfigError

SYMBOLS = tuple(f"S{number}/EUR" for number in range(400))


def test_the_share_is_that_of_the_formula() -> None:
    digest = hashlib.sha256(b"x|BTC/EUR").digest()
    assert share_of("x", "BTC/EUR") == int.from_bytes(digest[:8], "big") / 2**64


def test_where_symbols_stand_is_the_same_for_every_version_of_the_language() -> None:
    assert share_of("x", "BTC/EUR") == 0.37875367919716324
    assert share_of("wider-quotes-1", "BTCUSDT") == 0.43853355774765357
    names = ("BTC/EUR", "ETH/EUR", "XRP/EUR", "ADA/EUR", "SOL/EUR")
    assert [Routing(0.2, "x").bucket(name) for name in names] == ["A", "A", "B", "A", "A"]
    assert [Routing(0.5, "x").bucket(name) for name in names] == ["B"] * 5


def test_two_processes_and_two_hash_seeds_agree() -> None:
    code = (
        "import json; from mm_framework.calibrate.routing import Routing;"
        "print(json.dumps([Routing(0.3, 'x').bucket(f'S{n}/EUR') for n in range(400)]))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "77")
    ]
    here = [Routing(0.3, "x").bucket(symbol) for symbol in SYMBOLS]
    assert json.loads(told[0]) == json.loads(told[1]) == here


@settings(max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1), st.text(max_size=8))
def test_raising_the_split_only_moves_from_a_to_b(one: float, other: float, salt: str) -> None:
    low, high = sorted((one, other))
    before = {symbol for symbol in SYMBOLS if Routing(low, salt).bucket(symbol) == "B"}
    after = {symbol for symbol in SYMBOLS if Routing(high, salt).bucket(symbol) == "B"}
    assert before <= after


def test_the_share_of_b_is_about_the_split() -> None:
    for split in (0.2, 0.5, 1.0):
        found = sum(Routing(split, "x").bucket(symbol) == "B" for symbol in SYMBOLS) / len(SYMBOLS)
        assert found == pytest.approx(split, abs=0.08)


def test_lists_bar_from_b() -> None:
    assert Routing(1.0, whitelist=frozenset(["A", "B"])).bucket("C") == "A"
    assert Routing(1.0, whitelist=frozenset(["A", "B"])).bucket("A") == "B"
    assert Routing(1.0, blacklist=frozenset(["A"])).bucket("A") == "A"
    assert Routing(1.0, whitelist=frozenset(["A"]), blacklist=frozenset(["A"])).bucket("A") == "A"
    assert Routing(0.0, whitelist=frozenset(["A"])).bucket("A") == "A"


def test_what_speaks_against_a_conclusion_is_said() -> None:
    assert Routing(1.0).warnings(["A", "B"]) == [
        "2 symbols are few: with fewer than 10 the split is coarse",
        "no symbol is in A",
    ]
    assert Routing(0.5, "x").warnings(SYMBOLS) == []


@pytest.mark.parametrize("split", [-0.01, 1.01, 20])
def test_a_split_is_a_share(split: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Routing(split)
