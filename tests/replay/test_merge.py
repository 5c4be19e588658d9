"""The total order over shards (requirement D9): mono_ns, shard, index; whole, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.frame import RecordKind, encode_record, iter_records
from mm_framework.replay.merge import Batch, merge


def record(index: int, mono_ns: int, kind: int = RecordKind.FRAME) -> bytes:
    return encode_record(kind, b"x" * (index % 5), index=index, mono_ns=mono_ns, wall_ns=mono_ns)


def order(batches: list[Batch]) -> list[tuple[int, int, int]]:
    return [(r.mono_ns, batch.shard, r.index) for batch in batches for r in iter_records(batch.block)]


SHARDS = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([2, 3, 4, 5, 8])), max_size=12), max_size=4
)


@given(SHARDS, st.integers(1, 5))
def test_the_merge_is_the_sorted_whole_for_any_blocks(
    shards: list[list[tuple[int, int]]], block_records: int
) -> None:
    logs, expected = [], []
    for shard, stamps in enumerate(shards):
        records = [
            record(index, mono_ns, kind)
            for index, (mono_ns, kind) in enumerate(sorted(stamps, key=lambda stamp: stamp[0]))
        ]
        expected += [(r.mono_ns, shard, r.index) for encoded in records for r in iter_records(encoded)]
        blocks = [
            memoryview(b"".join(records[k : k + block_records]))
            for k in range(0, len(records), block_records)
        ]
        logs.append((shard, blocks))
    batches = list(merge(logs))
    assert order(batches) == sorted(expected)
    for batch in batches:
        inside = list(iter_records(batch.block))
        assert (batch.kind, batch.mono_ns) == (inside[0].kind, inside[-1].mono_ns)
        alone = [r for r in inside if r.kind in (RecordKind.LOST, RecordKind.CHECKPOINT)]
        assert not alone or len(inside) == 1


def test_records_of_one_shard_come_as_one_batch_until_another_shard_is_earlier() -> None:
    a = memoryview(b"".join(record(k, mono) for k, mono in enumerate((1, 2, 5, 6))))
    b = memoryview(record(0, 4))
    batches = list(merge([(0, [a]), (1, [b])]))
    assert [(batch.shard, batch.mono_ns) for batch in batches] == [(0, 2), (1, 4), (0, 6)]


def test_a_tie_goes_to_the_lower_shard() -> None:
    blocks = [memoryview(record(0, 7))]
    assert [batch.shard for batch in merge([(3, blocks), (1, blocks), (2, blocks)])] == [1, 2, 3]


def test_a_block_is_read_only_when_the_one_before_it_is_done() -> None:
    read: list[int] = []

    def blocks() -> Iterator[memoryview]:
        for index in range(5):
            read.append(index)
            yield memoryview(record(index, index))

    merged = merge([(0, blocks())])
    for index in range(5):
        next(merged)
        assert read == list(range(index + 1))


def test_a_batch_is_cut_at_a_limit() -> None:
    (batch,) = merge([(0, [memoryview(b"".join(record(k, 10 * k) for k in range(4)))])])
    cut = batch.before(15)
    assert cut is not None
    assert (order([cut]), cut.mono_ns) == ([(0, 0, 0), (10, 0, 1)], 10)
    assert batch.before(30) is batch
    assert batch.before(-1) is None
