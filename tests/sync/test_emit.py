"""The output buffers: groups as they come, numbered on over outputs."""

from __future__ import annotations

import pytest

from mm_framework.feed.output import Output
from mm_framework.model.events import NULL, Kind, MessageFlag, RowFlag, iter_messages, iter_rows
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter


def test_a_group_is_one_message_and_its_rows() -> None:
    emitter = Emitter()
    emitter.at(11, 22, 3, 44)
    emitter.group(
        Kind.LEVEL, 5, 6, [(Kind.LEVEL, 1, 100, 7, NULL), (Kind.LEVEL, -1, 101, 0, 99)],
        flags=RowFlag.UNTRUSTED, first=1, last=2, prev=0, checksum=99, ts_venue_ns=77,
    )  # fmt: skip
    first, last = iter_rows(emitter.rows())
    assert first == (22, 77, 0, 100, 7, NULL, 5, 3, Kind.LEVEL, 1, RowFlag.UNTRUSTED, 6, 44)
    assert last == (22, 77, 0, 101, 0, 99, 5, 3, Kind.LEVEL, -1, RowFlag.UNTRUSTED | RowFlag.LAST, 6, 44)
    (message,) = iter_messages(emitter.messages())
    flags = MessageFlag.UNTRUSTED | MessageFlag.HAS_CHECKSUM
    assert message == (1, 2, 0, 99, 77, 44, 5, 0, 2, 3, Kind.LEVEL, flags)
    assert list(emitter.stamps()) == [11]


def test_an_event_is_a_message_of_one_row_without_a_venue_time() -> None:
    emitter = Emitter()
    emitter.event(Kind.GAP, 5, 6, 1, 2, 3)
    (row,) = iter_rows(emitter.rows())
    assert (row.price, row.size, row.aux, row.side, row.ts_venue_ns) == (1, 2, 3, 0, NULL)
    assert row.flags == RowFlag.LAST | RowFlag.NO_VENUE_TIME


def test_the_sequence_goes_on_and_first_row_starts_anew() -> None:
    emitter = Emitter()
    for _ in range(2):
        emitter.event(Kind.GAP, 1, 1, 0, 0, 0)
    assert [message.first_row for message in iter_messages(emitter.messages())] == [0, 1]
    emitter.clear()
    assert (len(emitter.rows()), len(emitter.messages()), len(emitter.stamps())) == (0, 0, 0)
    emitter.event(Kind.GAP, 1, 1, 0, 0, 0)
    assert [row.seq for row in iter_rows(emitter.rows())] == [2]
    assert [message.first_row for message in iter_messages(emitter.messages())] == [0]


@pytest.mark.parametrize("sizes", [[1000], [255, 1, 1], [1] * 70, [256, 256, 700]])
def test_buffers_grow_and_lose_nothing(sizes: list[int]) -> None:
    emitter = Emitter()
    for size in sizes:
        emitter.group(Kind.LEVEL, 1, 1, [(Kind.LEVEL, 1, price, 1, NULL) for price in range(size)])
    rows = list(iter_rows(emitter.rows()))
    assert [row.price for row in rows] == [price for size in sizes for price in range(size)]
    for number, (message, size) in enumerate(zip(iter_messages(emitter.messages()), sizes, strict=True)):
        assert (message.first_row, message.n_rows) == (sum(sizes[:number]), size)


def test_an_output_is_a_view_until_the_next_one_and_a_copy_stays() -> None:
    emitter = Emitter()
    emitter.event(Kind.GAP, 1, 1, 0, 0, 0)
    output = Output(emitter.rows(), emitter.messages(), emitter.stamps(), [], [])
    kept, before = output.kept(), bytes(output.rows)
    emitter.clear()
    emitter.event(Kind.LEVEL, 9, 9, 9, 9, 9)
    assert bytes(output.rows) != before
    assert bytes(kept.rows) == before


def test_counts_of_parts_add_up() -> None:
    total = Counts(frames=1, trades=2)
    total.add(Counts(frames=10, gaps=3))
    assert total == Counts(frames=11, trades=2, gaps=3)
