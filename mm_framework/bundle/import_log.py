"""The records of an import: numbered, stamped, put on connections, written and fed.

A recording holds frames and, at best, when connections were opened. What a log needs beside that is
added here and nowhere else: the CONTROL records at both ends, an OPEN before a frame that has no
connection, a LOST where a recording ends.
"""

from __future__ import annotations

from typing import Final

import attrs

from mm_framework.bundle.containers import Item
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.segment import BLOCK_BYTES
from mm_framework.feed import Feed, FeedConfig
from mm_framework.feed.output import Defined, Malformed
from mm_framework.model.events import NULL, Reason
from mm_framework.model.frame import RecordKind, encode_http, encode_json, encode_record

__all__ = ["LEAD_NS", "SHARD", "ImportLog"]

SHARD: Final = 0
LEAD_NS: Final = 2
"""Room before the first receive time for the two records that a recording may not hold."""


@attrs.frozen
class _Link:
    """An open connection; ``place`` is the number of the file that opened it."""

    index: int
    url: str
    place: int


class ImportLog:
    """Writes one shard; `item` for all that was recorded, then `finish`. ``feed`` reads it block by block.

    ``config.wall0_ns`` is LEAD_NS before the first receive time.
    """

    def __init__(self, writer: RunWriter, feed: Feed, config: FeedConfig) -> None:
        self.writer, self.feed, self.config = writer, feed, config
        self.records = 0
        self.steps_back = 0
        self._mono_ns = -1
        self._wall_ns = config.wall0_ns
        self._links: dict[int, _Link] = {}
        self._opened = 0
        self._place = 0
        self._newest_ns = self._newest_before_ns = config.wall0_ns
        self._unfed = bytearray()
        self._add(RecordKind.CONTROL, encode_json({"op": "start", "config": config.to_json()}))

    def item(self, place: int, kind: RecordKind, item: Item) -> None:
        """Add what was recorded; ``place`` is the number of its file."""
        if place != self._place:
            self._place, self._newest_before_ns = place, self._newest_ns
        if kind is RecordKind.OPEN:
            self._end_others(item)
            self._received(item)
            self._open(item.url or "")
        elif kind is RecordKind.HTTP:
            self._received(item)
            meta = {"method": "GET", "url": item.url, "status": None, "error": None}
            if not item.url:
                meta["instrument"] = self._only_instrument()
            self._add(kind, encode_http(meta, item.payload))
        elif kind is RecordKind.CONTROL:
            self._received(item)
            self._add(kind, item.payload)
        elif kind is RecordKind.LOST:
            self._received(item)
            self._end(item)
        else:
            connection = self._connection(item.url)
            self._received(item)
            self._add(kind, item.payload, connection)

    def _only_instrument(self) -> str | None:
        """The instrument of a body whose request nobody kept: the one of the recording, if it is alone."""
        self._feed()
        seen = [view.id for view in self.feed.instruments()]
        return seen[0] if len(seen) == 1 else None

    def finish(self) -> None:
        """End the recording: its books stay as they are."""
        for link in list(self._links.values()):
            self._lose(link, Reason.RECORDING_END, "the recording ends")
        self._add(RecordKind.CONTROL, encode_json({"op": "stop"}))
        self._feed()

    def _received(self, item: Item) -> None:
        """From here on records carry the item's receive time."""
        if item.wall_ns is not None:
            self.steps_back += item.wall_ns < self._wall_ns
            self._wall_ns = item.wall_ns
            self._newest_ns = max(self._newest_ns, item.wall_ns)

    def _end_others(self, opened: Item) -> None:
        """End what the opening of a connection shows to have ended: the same address in the same file,
        and connections of earlier files unless their recordings overlap in time with this one.
        """
        later = opened.wall_ns is not None and opened.wall_ns >= self._newest_before_ns
        for link in list(self._links.values()):
            same = link.place == self._place and link.url == (opened.url or "")
            if same or (link.place < self._place and later):
                self._lose(link, Reason.DROPPED, "another recording of the connection begins")

    def _end(self, ended: Item) -> None:
        """End the connections to an address, for the reason that the item names."""
        reason = Reason[ended.payload.decode()]
        detail = (
            "the file ends" if reason is Reason.RECORDING_END else "days are missing before the next file"
        )
        for link in list(self._links.values()):
            if link.url == ended.url:
                self._lose(link, reason, detail)

    def _open(self, url: str) -> int:
        link = _Link(self._opened, url, self._place)
        self._opened += 1
        self._links[link.index] = link
        body = {"url": url, "transport": "import", "attempt": 1, "venue": self.config.venue}
        self._add(RecordKind.OPEN, encode_json(body), link.index)
        return link.index

    def _lose(self, link: _Link, reason: Reason, detail: str) -> None:
        planned = reason is Reason.RECORDING_END
        body = {"reason": reason.name, "planned": planned, "code": None, "detail": detail}
        del self._links[link.index]
        self._add(RecordKind.LOST, encode_json(body), link.index)

    def _connection(self, url: str | None) -> int:
        """The newest connection to ``url`` (the newest of all when it is not told), opened if need be."""
        links = list(self._links.values())
        if not links:
            return self._open(url or "")
        return next((link.index for link in reversed(links) if link.url == url), links[-1].index)

    def _add(self, kind: RecordKind, payload: bytes, connection: int = 0) -> None:
        if self.writer.checkpoint_due(SHARD, self._stamp()):
            self._feed()
            self._put(RecordKind.CHECKPOINT, self.feed.checkpoint(), 0, self._mono_ns + 1)
        self._put(kind, payload, connection, self._stamp())

    def _stamp(self) -> int:
        if self.config.untimed:
            return self.records
        return max(self._mono_ns + 1, self._wall_ns - self.config.wall0_ns)

    def _put(self, kind: RecordKind, payload: bytes, connection: int, mono_ns: int) -> None:
        record = encode_record(
            kind,
            payload,
            connection=connection,
            index=self.records,
            mono_ns=mono_ns,
            wall_ns=NULL if self.config.untimed else self._wall_ns,
        )
        self._mono_ns = mono_ns
        self.records += 1
        self.writer.append(SHARD, record)
        self._unfed += record
        if len(self._unfed) >= BLOCK_BYTES:
            self._feed()

    def _feed(self) -> None:
        """Let `Feed` read what was written, as one block."""
        block, self._unfed = self._unfed, bytearray()
        if not block:
            return
        for notice in self.feed.feed(block).notices:
            if isinstance(notice, Defined):
                self.writer.definition(notice.definition)
            elif isinstance(notice, Malformed):
                self.writer.log({"event": "malformed", "frame": notice.frame, "error": notice.error})
