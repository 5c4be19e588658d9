"""A configuration as JSON values becomes strategies, models and settings, and back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from toy_plugins import toy_plugins

from mm_framework.errors import ConfigError
from mm_framework.results.setup import SECTIONS, build, read_measured, values_of, versions_of
from mm_framework.settings import section_of
from mm_framework.trading.latency import Measured


def configuration(**sections: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {section_of(cls): values_of(cls()) for cls in SECTIONS}
    found |= {"strategies": {"trader": {"size": "2", "side": "buy"}}}
    found |= {"fee_model": {"name": "flat", "settings": {"fee_bps": 3}}}
    for name, values in sections.items():
        found[name.replace("_", "-")] |= values
    return found


def test_all_values_come_back_as_they_were_given() -> None:
    given = configuration(
        order_latency={"entry_ms": 1.5}, matching={"on_gap": "cancel"}, limits={"order_size": "2"}
    )
    setup = build(toy_plugins(), given)
    parts = (setup.trading, setup.limits, setup.latency, setup.matching, setup.backtest, setup.md_cache)
    for cls, value in zip(SECTIONS, parts, strict=True):
        assert values_of(value) == given[section_of(cls)]
    assert setup.fee_model.fee(10_000, maker=True, instrument="a:B/C") == 3
    assert list(setup.strategies) == ["trader"]


def test_a_value_of_the_wrong_kind_names_key_and_origin() -> None:
    with pytest.raises(ConfigError, match=r"order-latency.entry_ms.*result.json"):
        build(toy_plugins(), configuration(order_latency={"entry_ms": "soon"}), "result.json")


def test_versions_are_of_the_core_and_of_what_is_used() -> None:
    assert versions_of(toy_plugins(), configuration()).keys() == {"mm-framework", "toy"}


def test_a_table_of_latencies_is_read_with_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "latency.csv"
    file.write_text("request_ns,venue_ns,response_ns\n1,2,3\n\n4,0,6\n")
    rows, sha256 = read_measured(file)
    assert rows == (Measured(1, 2, 3), Measured(4, 0, 6))
    assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    setup = build(toy_plugins(), configuration(order_latency={"model": "table", "table": str(file)}))
    assert (setup.measured, setup.table) == (rows, sha256)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "request_ns,venue_ns,response_ns\n1,x,3\n"])
def test_a_file_that_is_no_table_of_latencies_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "latency.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match="is no latency table"):
        read_measured(file)
    with pytest.raises(ConfigError, match="cannot read the latency table"):
        read_measured(tmp_path / "gone.csv")
