"""The event digest against a slow, obvious reference."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle.digest import EventDigest
from mm_framework.model.events import ROW, Row, RowFlag

IDS = {0: "toy:B", 1: "toy:A", (1 << 16): "toy:C", 2: "toy:B"}
"""Number -> id: two shards, and an instrument that has had two numbers."""


def row(
    seq: int, instrument: int, *, flags: int = 0, price: int = 5, connection: int = 0, frame: int = 0
) -> Row:
    return Row(1, 2, seq, price, 7, 8, instrument, connection, 1, 1, flags, 3, frame)


def reference(rows: Sequence[Row], ids: Mapping[int, str]) -> str:
    names = sorted(set(ids.values()))
    digest = hashlib.sha256("".join(f"{name}\n" for name in names).encode())
    seq, last = -1, None
    for one in rows:
        if one.flags & RowFlag.SYNTHETIC:
            continue
        message = (one.instrument >> 16, one.seq)
        seq += message != last
        last = message
        position = names.index(ids[one.instrument])
        digest.update(ROW.pack(*one._replace(seq=seq, instrument=position, connection=0, frame=0)))
    return digest.hexdigest()


def digest_of(rows: Sequence[Row], cuts: Sequence[int] = ()) -> str:
    digest = EventDigest(IDS.values())
    places = [0, *sorted(cuts), len(rows)]
    for first, end in itertools.pairwise(places):
        digest.update(b"".join(ROW.pack(*one) for one in rows[first:end]), IDS)
    return digest.hexdigest()


rows = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(sorted(IDS)), st.sampled_from([0, 1, 32, 33]), st.integers(0, 9)
    ),
    max_size=30,
).map(
    lambda steps: [
        row(sum(step for step, *_ in steps[: n + 1]), number, flags=flags, connection=other, frame=other)
        for n, (_, number, flags, other) in enumerate(steps)
    ]
)


@given(rows, st.lists(st.integers(0, 30), max_size=3))
def test_it_is_the_same_however_the_rows_are_cut(rows: list[Row], cuts: list[int]) -> None:
    assert digest_of(rows, [min(cut, len(rows)) for cut in cuts]) == reference(rows, IDS)


def test_what_may_differ_between_equal_events_does_not_count() -> None:
    first = [row(7, 0, connection=1, frame=10), row(7, 0, connection=1, frame=10), row(9, 1, frame=11)]
    second = [row(0, 0), row(0, 0, flags=RowFlag.SYNTHETIC), row(0, 0), row(1, 1)]
    assert digest_of(first) == digest_of(second)


@pytest.mark.parametrize("other", [row(0, 1), row(0, 0, price=6), row(0, 0, flags=1)])
def test_what_makes_another_event_counts(other: Row) -> None:
    assert digest_of([row(0, 0)]) != digest_of([other])


def test_where_messages_end_counts() -> None:
    assert digest_of([row(0, 0), row(0, 0)]) != digest_of([row(0, 0), row(1, 0)])


def test_a_row_of_an_unknown_instrument_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        digest_of([row(0, 5)])
