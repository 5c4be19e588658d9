"""Two steps of the reference path taken out of it: texts of a frame, and a book with its checksum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from mm_framework.contracts.normalizer import ConnectionInfo, Control
from mm_framework.model.book import OrderBook
from mm_framework.model.events import NULL
from mm_framework.model.fixed import decimals_of, parse
from mm_framework.sync.checksum import checksum
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES

__all__ = ["Books", "Messages"]

SCALES: Final = (10, 8)


class Messages:
    """A `MessageWriter` that keeps book messages: (symbol, snapshot, levels, checksum)."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bool, list[tuple[int, str, str]], int]] = []
        self._open = ("", False)
        self._levels: list[tuple[int, str, str]] = []

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        self._open, self._levels = (venue_symbol, snapshot), []
        return True

    def level(self, side: int, price: str, size: str) -> None:
        self._levels.append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        pass

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        pass

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
        if checksum != NULL:
            self.messages.append((*self._open, self._levels, checksum))

    def sequence(self, number: int) -> None:
        pass

    def control(self, event: Control) -> None:
        pass


@attrs.frozen
class Books:
    """Book messages as integers, with the decimals that each symbol's checksum prints."""

    messages: list[tuple[str, bool, list[tuple[int, int, int]], int]]
    decimals: dict[str, tuple[int, int]]
    depth: int

    @classmethod
    def of(cls, frames: Sequence[bytes], depth: int) -> Books:
        out, normalizer = Messages(), KrakenNormalizer()
        for frame in frames:
            normalizer.decode(frame, ConnectionInfo(0, ""), out)
        messages, decimals = [], {}
        for symbol, snapshot, levels, crc in out.messages:
            integers = [
                (side, parse(price, SCALES[0]), parse(size, SCALES[1])) for side, price, size in levels
            ]
            messages.append((symbol, snapshot, integers, crc))
            if snapshot:
                _, price, size = levels[0]
                decimals[symbol] = (decimals_of(price), decimals_of(size))
        return cls(messages, decimals, depth)

    def apply(self) -> None:
        """Every message into its book; each checksum must be the venue's."""
        assert RULES.checksum is not None
        books = {symbol: OrderBook() for symbol in self.decimals}
        for symbol, snapshot, levels, crc in self.messages:
            book = books[symbol]
            if snapshot:
                book.clear()
            for side, price, size in levels:
                book.apply(side, price, size)
            book.truncate(self.depth)
            if checksum(RULES.checksum, book, SCALES, self.decimals[symbol]) != crc:
                raise RuntimeError(f"the emulator and the checksum engine disagree on {symbol}")
