"""Fields of one record do not overlap, and lie within it."""

from __future__ import annotations

import itertools

import pytest

from mm_framework.trading.compiled import layout

RECORDS = sorted(
    name.removesuffix("_BYTES")
    for name in vars(layout)
    if name.endswith("_BYTES") and not name.startswith("RUN_VIEW")
)
SPANS = {
    "SLOT_TICKER": 32,
    "NUMBER_LAST": 48,
    **dict.fromkeys(("RUN_ENTRY", "RUN_RESPONSE"), layout.LATENCY_BYTES),
    **dict.fromkeys(("RUN_PRINTED", "RUN_TAKEN"), 32),
    **{
        f"RUN_{name}": layout.COLUMN_BYTES
        for name in ("RANKS", "REQUESTS", "REPORTS", "FILLS", "INTENTS", "CHANGES", "TOUCHED", "POINTS")
    },
}


@pytest.mark.parametrize("record", RECORDS)
def test_fields_follow_one_another(record: str) -> None:
    fields = {
        offset: SPANS.get(name, 8)
        for name, offset in vars(layout).items()
        if name.startswith(f"{record}_") and name != f"{record}_BYTES" and isinstance(offset, int)
    }
    starts = sorted(fields)
    assert len(starts) == len([n for n in vars(layout) if n.startswith(f"{record}_")]) - 1
    assert all(start % 8 == 0 for start in starts)
    assert all(one + fields[one] <= two for one, two in itertools.pairwise(starts))
    assert starts[-1] + fields[starts[-1]] <= vars(layout)[f"{record}_BYTES"]
