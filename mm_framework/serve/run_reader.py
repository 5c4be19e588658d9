"""The records of a bundle, told to the hub: what playback and following share."""

from __future__ import annotations

from collections.abc import Mapping

from mm_framework.bundle.run import Run
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.frame import HEADER, Block, RecordKind
from mm_framework.serve.hub import Hub
from mm_framework.serve.translate import Translator

__all__ = ["RunReader"]


class RunReader:
    """One run. ``kits`` are for it alone; ``records`` counts those that were taken."""

    def __init__(self, run: Run, kits: Mapping[str, VenueKit], hub: Hub) -> None:
        self.translator = Translator(hub)
        self.records = 0
        self._feeds = {reader.shard: Feed(kits, reader.shard) for reader in run.shards}
        self._begun: dict[int, int] = {}

    def tell(self, shard: int, record: Block) -> None:
        """Take one record, and tell what it gives."""
        _, _, kind, _, _, _, mono_ns, _ = HEADER.unpack_from(record)
        feed = self._feeds[shard]
        output = feed.feed(record)
        if kind == RecordKind.CHECKPOINT and shard not in self._begun:
            self.translator.restore(feed, mono_ns)
        self._begun[shard] = mono_ns
        self.records += 1
        self.translator.on_output(shard, record, mono_ns, output)

    def pass_over(self, shard: int, block: Block, count: int, mono_ns: int) -> None:
        """Take ``count`` records without telling, up to ``mono_ns``; `catch_up` tells what they leave."""
        self._feeds[shard].feed(block)
        self._begun[shard] = mono_ns
        self.records += count

    def catch_up(self) -> None:
        """Tell the books that were built by what was passed over."""
        for shard, mono_ns in self._begun.items():
            self.translator.restore(self._feeds[shard], mono_ns)

    def end(self) -> None:
        """There is no more."""
        self.translator.on_end(0)
