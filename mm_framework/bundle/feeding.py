"""A bundle through `Feed`, over damage: the loop that recover and inspect share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.segment import BLOCK_BYTES
from mm_framework.feed import Feed, Output, VenueKit

__all__ = ["Fed", "feed_shard"]


@attrs.frozen
class Fed:
    """A block that ``feed`` has taken, and its ``output``, valid until the next step."""

    feed: Feed
    block: memoryview
    output: Output


def feed_shard(
    reader: ShardReader, kits: Mapping[str, VenueKit], block_bytes: int = BLOCK_BYTES
) -> Iterator[Fed]:
    """All that can be read of a shard; behind damage a new Feed goes on from the next checkpoint."""
    feed = Feed(kits, reader.shard)
    for stretch in reader.stretches():
        if stretch.fresh:
            feed = Feed(kits, reader.shard)
        for block in stretch.blocks(block_bytes):
            yield Fed(feed, block, feed.feed(block))
