"""The instruments of several shards, each once: by the shard that holds its book."""

from __future__ import annotations

from collections.abc import Iterable

from mm_framework.feed.core import Feed, InstrumentView

__all__ = ["book_views"]


def book_views(feeds: Iterable[Feed]) -> dict[str, InstrumentView]:
    """Views by id, sorted. Where a venue serves trades at another address than books, an instrument is on
    two shards: the one with more levels tells of it, of equals the first.
    """
    found: dict[str, InstrumentView] = {}
    for feed in feeds:
        for view in feed.instruments():
            other = found.get(view.id)
            if other is None or len(view.book) > len(other.book):
                found[view.id] = view
    return dict(sorted(found.items()))
