"""Run ids and symbols as names on disk: nothing leads out, nothing is lost, nothing collides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle.names import (
    check_run_id,
    default_run_id,
    new_run_path,
    run_path,
    symbol_from_disk,
    symbol_to_disk,
)
from mm_framework.errors import ConfigError


@pytest.mark.parametrize("run_id", ["a", "20261121T044512Z", "My.run_2-b", "x" * 64, "console", "runs2"])
def test_usable_run_ids(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize(
    "run_id",
    [
        "", ".", "..", "../x", "a/b", "a\\b", "/abs", "-x", ".hidden", "_x", "a b", "é", "x" * 65, "a\n",
        "end.", "runs", "Store", "STORE", "con", "NUL", "com1", "lpt9.txt", "aux.log", "a:b", "a\0",
    ],
)  # fmt: skip
def test_unusable_run_ids_are_refused_with_the_rule(run_id: str) -> None:
    with pytest.raises(ConfigError, match="1 to 64 letters") as caught:
        check_run_id(run_id)
    assert caught.value.key == "run_id"


@given(st.text(max_size=80))
def test_no_run_id_leads_out_of_the_data_directory(text: str) -> None:
    try:
        path = new_run_path(Path("/data"), check_run_id(text))
    except ConfigError:
        return
    assert path.parent == Path("/data/runs")


def test_the_default_run_id_is_a_utc_stamp() -> None:
    assert default_run_id(1_700_000_000_000_000_000) == "20231114T221320Z"


def test_a_run_is_named_by_id_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tmp_path / "data" / "runs" / "one"
    known.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    assert run_path(data, "one") == known
    assert run_path(data, str(known)) == known
    assert run_path(data, "data/runs/one") == Path("data/runs/one")
    assert run_path(data, "absent") == data / "runs" / "absent"
    (tmp_path / "beside").mkdir()
    assert run_path(data, "beside") == Path("beside")
    (tmp_path / "one").mkdir()
    assert run_path(data, "one") == known
    assert new_run_path(data, "two") == data / "runs" / "two"
    assert new_run_path(data, "elsewhere/two") == Path("elsewhere/two")
    with pytest.raises(ConfigError):
        new_run_path(data, "elsewhere/con")


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC/EUR", "BTC%2FEUR"),
        ("btcusdt", "btcusdt"),
        ("BTC-PERP_1.0", "BTC-PERP_1.0"),
        ("100%", "100%25"),
        ("a:b~c", "a%3Ab%7Ec"),
        ("é", "%C3%A9"),
        ("..", "%2E%2E"),
        (".x", "%2Ex"),
        ("CON", "%43ON"),
        ("AUX.USD", "%41UX.USD"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 24 + "~c508e75f24e2"),
    ],
)
def test_symbols_on_disk(symbol: str, name: str) -> None:
    assert symbol_to_disk(symbol) == name
    assert symbol_from_disk(name) == (None if "~" in name else symbol)


@given(st.text(min_size=1, max_size=80))
def test_every_symbol_has_a_safe_name_that_is_undone_or_marked_short(symbol: str) -> None:
    try:
        symbol.encode()
    except UnicodeEncodeError:
        return
    name = symbol_to_disk(symbol)
    assert re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9._%~-]{0,59}", name)
    assert not name.endswith(".")
    assert symbol_from_disk(name) == (None if "~" in name else symbol)


@given(st.text(max_size=30))
def test_a_name_that_is_none_of_ours_is_not_taken_for_a_symbol(name: str) -> None:
    symbol = symbol_from_disk(name)
    assert symbol is None or symbol_to_disk(symbol) == name
