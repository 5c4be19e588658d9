"""Features by hand, and that they know nothing of what comes later."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from research_markets import T0_NS, columns, walk

from mm_framework.research.columns import Columns
from mm_framework.research.features import FEATURES, Samples, flow, sample

S = 10**9
MS = 10**6


def taken(found: Columns, **changes: int) -> Samples:
    options = {"step_ns": 100 * MS, "horizon_ns": S, "latency_ns": 0, "window_ns": S}
    return sample(found, **{**options, **changes})


def test_features_of_one_moment_by_hand() -> None:
    """Bid 100 x 3, ask 102 x 1: mid 101, spread 2, imbalance 1/2, W = (3 102 + 1 100)/4 = 101.5."""
    found = columns(
        [
            (T0_NS, 99.0, 1.0, 101.0, 1.0),
            (T0_NS + 500 * MS, 100.0, 3.0, 102.0, 1.0),
            (T0_NS + 1500 * MS, 101.0, 1.0, 102.0, 1.0),
        ],
        end_ns=T0_NS + 3 * S,
    )
    samples = taken(found, step_ns=S)
    assert samples.ts_ns.tolist() == [T0_NS + S, T0_NS + 2 * S]
    assert {name: float(samples.values[name][0]) for name in FEATURES} == {
        "spread": 2.0,
        "imbalance": 0.5,
        "weighted": 0.5,
        "ofi": 3.0 + 1.0,  # the bid rose: its whole size; the ask was lifted: the size that was there
        "last_move": 1.0,
    }
    assert samples.label.tolist() == [0.5, 0.0]
    assert samples.dropped == {"no market": 0, "no sizes": 0, "no past": 1, "no label": 1}


@pytest.mark.parametrize(
    ("after", "e"),
    [
        ((100.0, 5.0, 102.0, 4.0), 2.0),  # the bid grew by 2
        ((100.0, 3.0, 102.0, 6.0), -2.0),  # the ask grew by 2
        ((99.0, 7.0, 102.0, 4.0), -3.0),  # the bid fell: its old size is gone
        ((100.0, 3.0, 101.0, 9.0), -9.0),  # the ask fell: its new size came
        ((100.0, 3.0, 103.0, 9.0), 4.0),  # the ask rose: its old size was taken
    ],
)
def test_order_flow_of_one_change(after: tuple[float, ...], e: float) -> None:
    found = columns([(T0_NS, 100.0, 3.0, 102.0, 4.0), (T0_NS + 1, *after)])  # type: ignore[list-item]
    assert flow(found).tolist() == [0.0, e]


def test_nothing_crosses_a_hole() -> None:
    nan = float("nan")
    rows = [(T0_NS + k * 100 * MS, 100.0 + k, 1.0, 101.0 + k, 1.0) for k in range(60)]
    rows[30] = (rows[30][0], nan, nan, nan, nan)
    samples = taken(columns(rows, segment=[0] * 30 + [1] * 30))
    border = rows[30][0]
    assert len(samples)
    for ts, end in zip(samples.ts_ns, samples.label_end_ns, strict=True):
        assert end < border or ts - S > border


def test_a_locked_or_crossed_market_has_no_features() -> None:
    rows = [(T0_NS + k * 100 * MS, 100.0, 1.0, 101.0, 1.0) for k in range(60)]
    for k, ask in ((30, 100.0), (31, 99.0)):
        rows[k] = (rows[k][0], 100.0, 1.0, ask, 1.0)
    bad = {rows[30][0], rows[31][0]}
    samples = taken(columns(rows))
    assert not bad & set(samples.ts_ns.tolist())
    assert not bad & set(samples.label_end_ns.tolist())


def test_the_label_begins_after_the_latency() -> None:
    found = walk(200, seed=1)
    early, late = taken(found), taken(found, latency_ns=300 * MS)
    mids = (found.bid + found.ask) / 2
    row = int(found.at(late.ts_ns[:1])[0])
    assert late.label[0] == mids[row + 13] - mids[row + 3]
    assert early.label[0] == mids[row + 10] - mids[row]


def test_a_feature_of_a_tape_that_is_cut_equals_that_of_the_whole() -> None:
    """Recomputed on all that was received by t: the same bytes."""
    whole = walk(400, seed=2)
    samples = taken(whole)
    for place in (3, 50, len(samples) - 5):
        ts = int(samples.ts_ns[place])
        last = int(whole.at(np.array([ts]))[0]) + 1
        cut = attrs.evolve(
            whole,
            **{name: getattr(whole, name)[:last] for name in
               ("ts_ns", "bid", "bid_size", "ask", "ask_size", "segment")},
            end_ns=ts,
        )  # fmt: skip
        alone = sample(cut, 100 * MS, 0, 0, S)
        assert alone.ts_ns[-1] == ts
        for name in FEATURES:
            assert alone.values[name][-1].tobytes() == samples.values[name][place].tobytes()


def test_another_future_leaves_every_feature_before_it_as_it_is() -> None:
    whole, other = walk(400, seed=3), walk(400, seed=4)
    cut = 200
    joined = {
        name: np.concatenate([getattr(whole, name)[:cut], getattr(other, name)[cut:]])
        for name in ("bid", "bid_size", "ask", "ask_size")
    }
    joined["ask"][cut:] += 1.0
    changed = attrs.evolve(whole, **joined)
    before, after = taken(whole), taken(changed)
    past = before.ts_ns < whole.ts_ns[cut]
    assert np.array_equal(before.ts_ns, after.ts_ns)
    for name in FEATURES:
        assert before.values[name][past].tobytes() == after.values[name][past].tobytes()
        assert before.values[name].tobytes() != after.values[name].tobytes()
