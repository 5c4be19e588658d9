"""What charts show: nothing of the extremes is lost, and a slice holds what touches it."""

from __future__ import annotations

import numpy as np

from mm_framework.results.equity import course
from mm_framework.results.lives import lives
from mm_framework.results.series import (
    MOST_LIVES,
    MOST_TOPS,
    Line,
    busiest,
    drawdown_line,
    equity_line,
    inventory_line,
    slice_of,
    thinned,
)
from tests.support.quoted_run import quoted_run
from tests.support.run_columns import S, fills, path, seconds


def test_a_thinned_line_keeps_its_extremes_and_ends() -> None:
    random = np.random.default_rng(2)
    line = Line(np.arange(100_000, dtype=np.int64) * 10**6, np.cumsum(random.normal(size=100_000)))
    line.values[54_321] = 10_000.0
    shown = thinned(line, slots=200)
    assert len(shown.ts_ns) <= 4 * 200
    assert (np.diff(shown.ts_ns) > 0).all()
    assert (shown.values.max(), shown.values.min()) == (10_000.0, line.values.min())
    assert (shown.values[0], shown.values[-1]) == (line.values[0], line.values[-1])


def test_a_short_line_stays_as_it_is() -> None:
    line = Line(seconds(1, 2), np.array([1.0, 2.0]))
    assert thinned(line) is line


def test_the_equity_line_begins_at_nothing_and_ends_at_the_total_of_the_ledger() -> None:
    run = quoted_run()
    line = equity_line(run, "EUR")
    (result,) = run.results
    assert line.values[0] == 0
    assert line.values[-1] == result.money.total / 10**result.money.scale
    assert (line.ts_ns[0], line.ts_ns[-1]) == (run.start_ns, run.end_ns)
    assert drawdown_line(line).values.max() == 0


def test_the_inventory_line_is_the_position() -> None:
    line = inventory_line(fills((1, 1, 100, 500), (3, -1, 100, 700)), path((0, 99, 101)), (0, 9 * S))
    assert line.values.tolist() == [0.0, 0.5, -0.2, -0.2]
    run = quoted_run()
    end = course(run.fills.of(0), run.path(0), np.array([run.end_ns]))
    last = inventory_line(run.fills.of(0), run.path(0), (run.start_ns, run.end_ns)).values[-1]
    assert last == end.position[0] / 1000


def test_the_busiest_time_is_where_the_fills_are() -> None:
    run = quoted_run()
    quotes = lives(run.reports.of(0), run.end_ns)
    bunch = fills((5, 1, 1, 1), (50, 1, 1, 1), (51, 1, 1, 1), (52, 1, 1, 1), (90, 1, 1, 1))
    start, end = busiest(bunch, quotes, (0, 100 * S), 10 * S)
    assert start <= 50 * S < 52 * S <= end
    assert end - start == 10 * S
    assert busiest(bunch, quotes, (0, 5 * S), 10 * S) == (0, 5 * S)


def test_a_slice_is_small_enough_to_draw_and_within_the_run() -> None:
    run = quoted_run()
    quotes = lives(run.reports.of(0), run.end_ns)
    part = slice_of(run, 0, quotes)
    assert run.start_ns <= part.start_ns < part.end_ns <= run.end_ns
    assert len(part.tops) <= MOST_TOPS + 1
    assert 0 < len(part.quotes) <= MOST_LIVES
    assert 0 < len(part.fills) < len(run.fills) + 1
    chosen = slice_of(run, 0, quotes, (run.start_ns, run.start_ns + S))
    assert (chosen.start_ns, chosen.end_ns) == (run.start_ns, run.start_ns + S)
