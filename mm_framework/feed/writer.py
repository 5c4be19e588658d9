"""The writer that a normalizer fills: texts in, whole messages out, all of a frame or nothing."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mm_framework.contracts.normalizer import Control
from mm_framework.errors import MalformedFrame, MMError
from mm_framework.feed.instrument import Instrument
from mm_framework.model.events import ASK, BID, NULL, Kind
from mm_framework.model.fixed import MAX_SCALE, BadNumber, InexactValue, ValueOverflow, parse_with_decimals
from mm_framework.sync.book import BookMessage
from mm_framework.sync.emit import Entry
from mm_framework.sync.trades import Print

__all__ = ["BookDelta", "FrameWriter", "Overflow", "Pending", "Rescale", "Tops", "Trades"]


class Rescale(MMError):
    """A value needs larger scales than the definition has: ``scales`` hold it."""

    def __init__(self, instrument: Instrument, scales: tuple[int, int]) -> None:
        self.instrument, self.scales = instrument, scales
        super().__init__(f"{instrument.id} needs scales {scales}")


class Overflow(MMError):
    """int64 cannot hold a value of this instrument at any scale that is exact."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        super().__init__(f"{instrument.id}: a value does not fit int64")


@attrs.define
class BookDelta:
    """A decoded book message of an instrument."""

    instrument: Instrument
    channel: str
    message: BookMessage


@attrs.define
class Trades:
    """Decoded trades of an instrument."""

    instrument: Instrument
    channel: str
    prints: list[Print]
    snapshot: bool


@attrs.define
class Tops:
    """Decoded best prices of an instrument's ticker: two rows."""

    instrument: Instrument
    channel: str
    entries: list[Entry]
    ts_venue_ns: int
    last: int


Pending = BookDelta | Trades | Tops


class FrameWriter:
    """Implements `contracts.normalizer.MessageWriter`. ``resolve`` finds the instrument or says None.

    ``define(instrument, channel, first_price, depth, levels)`` makes sure that its scales are chosen.
    """

    def __init__(
        self,
        resolve: Callable[[str, str, str, bool], Instrument | None],
        define: Callable[[Instrument, str, str | None, int | None, int | None], None],
    ) -> None:
        self._resolve, self._define = resolve, define
        self.pending: list[Pending] = []
        self.controls: list[Control] = []
        self._open: tuple[Instrument, str, str, bool] | None = None
        self._levels: list[tuple[int, str, str]] = []
        self._trades: list[tuple[int, str, str, int, int]] = []
        self._tops: list[tuple[str | None, str | None, str | None, str | None]] = []

    def reset(self) -> None:
        """Forget the frame."""
        self.pending, self.controls, self._open = [], [], None

    def begin(self, channel: str, carries: str, venue_symbol: str, *, snapshot: bool = False) -> bool:
        """See the contract."""
        instrument = self._resolve(channel, carries, venue_symbol, snapshot)
        if instrument is None:
            return False
        self._open = (instrument, channel, carries, snapshot)
        self._levels, self._trades, self._tops = [], [], []
        return True

    def level(self, side: int, price: str, size: str) -> None:
        """See the contract."""
        self._levels.append((side, price, size))

    def trade(self, side: int, price: str, size: str, trade_id: int = NULL, ts_venue_ns: int = NULL) -> None:
        """See the contract."""
        self._trades.append((side, price, size, trade_id, ts_venue_ns))

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """See the contract."""
        self._tops.append((bid, bid_size, ask, ask_size))

    def control(self, event: Control) -> None:
        """See the contract."""
        self.controls.append(event)

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
    ) -> None:
        """See the contract. Raises MalformedFrame, Rescale or Overflow."""
        if self._open is None:
            raise RuntimeError("end without begin")
        instrument, channel, carries, snapshot = self._open
        self._open = None
        self._define(instrument, channel, self._first_price(), depth, self._depth_shown(snapshot))
        if carries == "book":
            levels, decimals = self._parse_levels(instrument)
            message = BookMessage(snapshot, levels, decimals, first, last, prev, checksum, ts_venue_ns)
            self.pending.append(BookDelta(instrument, channel, message))
        elif carries == "trade":
            prints = [
                Print(side, *self._pair(instrument, price, size)[:2], trade_id, ts)
                for side, price, size, trade_id, ts in self._trades
            ]
            self.pending.append(Trades(instrument, channel, prints, snapshot))
        else:
            for top in self._tops:
                entries = self._top_rows(instrument, top, last)
                self.pending.append(Tops(instrument, channel, entries, ts_venue_ns, last))

    def _first_price(self) -> str | None:
        if self._levels:
            return self._levels[0][1]
        if self._trades:
            return self._trades[0][1]
        return next((bid or ask for bid, _, ask, _ in self._tops), None)

    def _depth_shown(self, snapshot: bool) -> int | None:
        """The levels of the fuller side of a snapshot: what a depth must at least be."""
        if not snapshot:
            return None
        bids = sum(side == BID for side, _, _ in self._levels)
        return max(bids, len(self._levels) - bids)

    def _parse_levels(self, instrument: Instrument) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
        levels, price_decimals, size_decimals = [], 0, 0
        for side, price_text, size_text in self._levels:
            price, size, price_seen, size_seen = self._pair(instrument, price_text, size_text)
            levels.append((side, price, size))
            price_decimals = max(price_decimals, price_seen)
            size_decimals = max(size_decimals, size_seen)
        return levels, (price_decimals, size_decimals)

    def _pair(self, instrument: Instrument, price: str, size: str) -> tuple[int, int, int, int]:
        """``(price, size, decimals of each)``; the one place where text becomes integers."""
        definition = instrument.definition
        scales = (definition.price_scale, definition.size_scale)
        try:
            price_value, price_seen = parse_with_decimals(price, scales[0])
            size_value, size_seen = parse_with_decimals(size, scales[1])
        except BadNumber as error:
            raise MalformedFrame(str(error)) from None
        except InexactValue:
            raise self._rescale(instrument, price, size, scales) from None
        except ValueOverflow:
            raise Overflow(instrument) from None
        if price_value <= 0 or size_value < 0:
            raise MalformedFrame(f"found price {price[:40]}, size {size[:40]}; expected price > 0, size >= 0")
        return price_value, size_value, price_seen, size_seen

    def _rescale(
        self, instrument: Instrument, price: str, size: str, scales: tuple[int, int]
    ) -> Rescale | Overflow:
        needed = [_least_scale(price, scales[0]), _least_scale(size, scales[1])]
        if max(needed) > MAX_SCALE:
            return Overflow(instrument)
        return Rescale(instrument, (needed[0], needed[1]))

    def _top_rows(
        self, instrument: Instrument, top: tuple[str | None, str | None, str | None, str | None], last: int
    ) -> list[Entry]:
        rows: list[Entry] = []
        for side, price, size in ((BID, top[0], top[1]), (ASK, top[2], top[3])):
            if price is None:
                rows.append((Kind.TOP, side, NULL, NULL, last))
                continue
            value, amount, _, _ = self._pair(instrument, price, size if size is not None else "0")
            rows.append((Kind.TOP, side, value, amount if size is not None else NULL, last))
        return rows


def _least_scale(number: str, scale: int) -> int:
    """The least scale, from ``scale`` up, that holds the number; over MAX_SCALE when none does."""
    try:
        parse_with_decimals(number, scale)
    except InexactValue as error:
        return _least_scale(number, error.decimals) if error.decimals <= MAX_SCALE else error.decimals
    except ValueOverflow:
        return MAX_SCALE + 1
    return scale
