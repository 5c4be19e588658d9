"""Frame logs for tests: encoded records with made-up payloads, and bundles around them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.settings import BundleSettings
from mm_framework.model.frame import HEADER, RecordKind, encode_record

WALL0_NS = 1_700_000_000_000_000_000
MONO0_NS = 1_000_000_000


def plain_records(
    count: int, *, seed: int = 1, size: int = 60, checkpoint_every: int = 0, step_ns: int = 1_000_000
) -> list[bytes]:
    """``count`` FRAME records of up to ``size`` random bytes; every n-th one is a CHECKPOINT."""
    draw = random.Random(seed)
    records = []
    for index in range(count):
        checkpoint = bool(checkpoint_every) and index > 0 and index % checkpoint_every == 0
        records.append(
            encode_record(
                RecordKind.CHECKPOINT if checkpoint else RecordKind.FRAME,
                draw.randbytes(draw.randrange(size)),
                index=index,
                mono_ns=MONO0_NS + (index + 1) * step_ns,
                wall_ns=WALL0_NS + (index + 1) * step_ns,
            )
        )
    return records


def split_records(block: bytes | memoryview) -> list[bytes]:
    """The encoded records of a block."""
    records, position = [], 0
    while position < len(block):
        stop = position + HEADER.size + HEADER.unpack_from(block, position)[1]
        records.append(bytes(block[position:stop]))
        position = stop
    return records


def toy_manifest(run_id: str, shards: Iterable[int] = (0,), **fields: object) -> Manifest:
    """A manifest of toy shards, in state running."""
    values: dict[str, object] = {
        "run_id": run_id,
        "state": "running",
        "created": "2023-11-14T22:13:20Z",
        "wall0_ns": WALL0_NS,
        "mono0_ns": MONO0_NS,
        "shards": tuple(ShardInfo(shard, "toy") for shard in shards),
        "made_by": "tests",
        **fields,
    }
    return Manifest(**values)  # type: ignore[arg-type]  # the tests say what they mean


def write_run(
    path: Path,
    logs: dict[int, list[bytes]],
    *,
    settings: BundleSettings | None = None,
    state: str = "complete",
    **fields: object,
) -> Path:
    """A bundle with these records, written as a run would; state ``running``: as if it was killed."""
    manifest = toy_manifest(path.name, logs, **fields)
    writer = RunWriter.create(path, manifest, settings=settings)
    tagged = [(HEADER.unpack_from(r)[6], shard, r) for shard, records in logs.items() for r in records]
    for _, shard, record in sorted(tagged, key=lambda item: item[:2]):
        writer.append(shard, record)
    writer.close(state)  # type: ignore[arg-type]  # one of RunState
    return path
