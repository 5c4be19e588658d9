"""The study of a calibration: its numbers, its windows that know the past alone, its page."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from research_markets import T0_NS, columns, prints

from mm_framework.research.columns import Columns, DataNote
from mm_framework.research.document import to_markdown
from mm_framework.research.quote_study import sections, study
from mm_framework.research.settings import CalibrationSettings

S = 10**9
NOTE = DataNote(
    "test:A/B", "book", "0.01", "told", "pass", None, None, "then", "now", 1, 1, 1, "0" * 64, "1" * 64
)
SETTINGS = CalibrationSettings(window_s=300.0, every_s=100.0, resamples=100)


def market(seed: int = 0, seconds: int = 1000) -> Columns:
    """4 buys and 2 sells a second, reaching beyond half a tick by the law with k = 0.8; the mid stands."""
    draw = np.random.default_rng(seed)
    rows = []
    for side, rate in ((1, 4), (-1, 2)):
        count = rate * seconds
        times = T0_NS + np.sort(draw.integers(1, seconds * S, count))
        reach = 0.5 + np.floor(draw.exponential(1 / 0.8, count) / 0.5) * 0.5
        rows += [(int(t), 100.5 + side * r, 1.0, side) for t, r in zip(times, reach, strict=True)]
    book = [(T0_NS, 100.0, 1.0, 101.0, 1.0), (T0_NS + seconds * S // 2, 100.0, 2.0, 101.0, 1.0)]
    return columns(book, end_ns=T0_NS + seconds * S, trades=prints(sorted(rows)))


def test_sides_have_their_own_rates_and_both_have_their_mean() -> None:
    found = study(market(), NOTE, SETTINGS)
    assert found["kind"] == "calibrate"
    rates = {name: one["fit"]["a"] / np.exp(0.8 / 2) for name, one in found["sides"].items()}
    assert rates == pytest.approx({"asks": 4.0, "bids": 2.0, "both": 3.0}, rel=0.06)
    for one in found["sides"].values():
        low, high = one["intervals"]["k"]
        assert low - 0.02 < 0.8 < high + 0.02
        assert high - low == pytest.approx(4 * one["fit"]["k_error"], rel=0.5)
        low, high = one["intervals"]["a"]
        assert low < one["fit"]["a"] < high
    assert found["strategy_settings"]["k_per_tick"] == found["sides"]["both"]["fit"]["k"]
    assert found["sigma_ticks_per_sqrt_s"] == 0.0


def test_cells_count_all_bursts_beside_what_is_expected() -> None:
    both = study(market(), NOTE, SETTINGS)["sides"]["both"]
    assert sum(row["bursts"] for row in both["cells"]) == both["fit"]["bursts"]
    near = both["cells"][0]
    assert near["expected"] == pytest.approx(near["bursts"], rel=0.05)


def test_a_window_knows_its_past_alone() -> None:
    """All that comes after a window's end is changed: the windows up to there stay as they are."""
    one = market()
    late = one.prints.ts_ns >= T0_NS + 600 * S
    changed = attrs.evolve(
        one, prints=attrs.evolve(one.prints, price=np.where(late, one.prints.price * 2, one.prints.price))
    )
    before, after = (study(data, NOTE, SETTINGS)["windows"] for data in (one, changed))
    assert len(before) == 8
    assert before[:4] == after[:4]
    assert before[4:] != after[4:]


def test_a_market_without_trades_has_no_settings() -> None:
    quiet = attrs.evolve(market(), prints=prints())
    found = study(quiet, NOTE, SETTINGS)
    assert found["strategy_settings"]["a_per_s"] is None
    assert found["sides"]["both"]["fit"] is None
    assert "a_per_s = -" in to_markdown("T", sections(found))


def test_the_page_tells_settings_sides_and_windows() -> None:
    page = to_markdown("T", sections(study(market(), NOTE, SETTINGS)))
    for text in ("k_per_tick = 0.", "| asks | ", "## Windows of the past", "event_digest: 000", "| 0.5 | "):
        assert text in page
