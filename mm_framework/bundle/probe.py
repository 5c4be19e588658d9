"""A look at what a recording does not say of a frame: its venue time, and whether it is a REST body."""

from __future__ import annotations

from mm_framework.bundle.containers import Item
from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass, Normalizer
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import NULL
from mm_framework.model.frame import RecordKind

__all__ = ["Probe"]


class Probe:
    """Reads items with a venue's normalizer and keeps nothing but the answers.

    Give it every item in order: a normalizer may need what the venue said before.
    """

    def __init__(self, normalizer: Normalizer) -> None:
        self._normalizer = normalizer
        self._connection = ConnectionInfo(0, "")

    def venue_ns(self, item: Item) -> int | None:
        """The newest venue time of a frame, None when it has none or is no frame."""
        if item.kind not in (RecordKind.FRAME, None):
            return None
        times = _Times()
        self._decode(item.payload, times)
        return None if times.newest_ns == NULL else times.newest_ns

    def kind(self, item: Item) -> RecordKind:
        """The item's kind; where the container does not tell, HTTP for a REST body that is understood."""
        if item.kind is not None:
            return item.kind
        if self._decode(item.payload, _Times()) is not FrameClass.UNKNOWN:
            return RecordKind.FRAME
        try:
            understood = self._normalizer.http({}, item.payload, _Times())
        except MalformedFrame:
            return RecordKind.FRAME
        return RecordKind.FRAME if understood is FrameClass.UNKNOWN else RecordKind.HTTP

    def _decode(self, payload: bytes, out: _Times) -> FrameClass:
        try:
            return self._normalizer.decode(payload, self._connection, out)
        except MalformedFrame:
            return FrameClass.UNKNOWN


class _Times:
    """A `MessageWriter` that keeps the newest venue time of a frame and nothing else."""

    def __init__(self) -> None:
        self.newest_ns = NULL

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """Follow everything."""
        return True

    def level(self, side: int, price: str, size: str) -> None:
        """A level has no time."""

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """Note the time of the match."""
        self.newest_ns = max(self.newest_ns, ts_venue_ns)

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """A top has no time."""

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
        digest: str | None = None,
        time_text: str | None = None,
    ) -> None:
        """Note the time of the message."""
        self.newest_ns = max(self.newest_ns, ts_venue_ns)

    def sequence(self, number: int) -> None:
        """A number has no time."""

    def control(self, event: Control) -> None:
        """Control events have no venue time that counts."""
