"""Paths from the compiled engine are those of the interpreted one, on any tape."""

from __future__ import annotations

import random
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() != "on":
    pytest.skip("MM_KERNELS is off or checked: nothing is compiled", allow_module_level=True)

from mm_framework.results.path import TopPath, market_paths
from mm_framework.results.venue_path import compiled_paths
from mm_framework.testing.engines import RowTape
from mm_framework.testing.strategies import tape
from mm_framework.trading.compiled import layout, tops
from mm_framework.trading.compiled.run import NotCompiled, Rows
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks
from tests.support.random_tapes import random_tape

SETTINGS = TradingSettings()


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    if not (loader.active() and loader.active(ENGINE)):
        pytest.skip("the kernels cannot be loaded here")


def columns(paths: dict[str, TopPath]) -> dict[str, Any]:
    """All that paths say, comparable."""
    return {
        name: {
            field: value.tolist() if isinstance(value, np.ndarray) else value
            for field, value in attrs.asdict(path, recurse=False).items()
        }
        for name, path in paths.items()
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0, 3_000_000, 60_000_000_000]), st.sampled_from([7, 1 << 12]))
def test_any_tape_has_the_same_paths(seed: int, longest_ns: int, steps: int) -> None:
    draw = random.Random(seed)
    made = RowTape(random_tape(seed, draw.choice((3, 40, 300)), rescales=draw.random() < 0.1))
    clocks = Clocks(longest_ns=longest_ns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tops.VenueRun, "steps", steps)
        patch.setattr(tops, "REDUCED", 10)
        found = compiled_paths(made, clocks, SETTINGS)
    expected = market_paths(made, clocks, SETTINGS)
    if found is None:
        assert any(path.rescaled for path in expected.values())
    else:
        assert columns(found) == columns(expected)


def test_a_print_before_the_first_book_is_a_row_without_prices() -> None:
    market = tape("test:A/B").at(5).trade("buy", "100", "1").at(10).book([("99", "1")], [("101", "2")])
    made = RowTape(market.at(20).gap())
    found = compiled_paths(made, Clocks(), SETTINGS)
    assert found is not None
    assert found["test:A/B"].trusted.tolist() == [False, True, False]
    assert columns(found) == columns(market_paths(made, Clocks(), SETTINGS))


def test_messages_that_later_ones_have_replaced_are_not_read() -> None:
    run = tops.VenueRun(Rows(lambda: iter([]), {}), Clocks(), SETTINGS)
    run.run[layout.RUN_RING_READ] = 2 * tops.RING
    with pytest.raises(NotCompiled, match="too far ahead"):
        run._ring.at_venue(0, 1)


def test_prices_of_a_ticker_are_left_to_the_reference() -> None:
    made = RowTape(tape("test:A/B").at(10).book([("99", "1")], [("101", "2")]))
    assert compiled_paths(made, Clocks(), attrs.evolve(SETTINGS, price_source="ticker")) is None
