"""The writer that a normalizer fills: texts in, whole messages out, all of a frame or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from mm_framework.contracts.normalizer import Control
from mm_framework.errors import MalformedFrame, MMError
from mm_framework.feed.instrument import Instrument
from mm_framework.model.events import ASK, BID, NULL, Kind
from mm_framework.model.fixed import (
    MAX,
    MAX_SCALE,
    BadNumber,
    InexactValue,
    ValueOverflow,
    decimals_of,
    parse_plain,
    parse_with_decimals,
)
from mm_framework.sync.book_state import BookMessage
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

_SIGNS = "found price {}, size {}; expected price > 0, size >= 0"
_Top = tuple[str | None, str | None, str | None, str | None]


@attrs.define
class _Told:
    """A message of the frame as texts. ``numbers``: first, last, prev, checksum."""

    instrument: Instrument
    channel: str
    carries: str
    snapshot: bool
    levels: list[tuple[int, str, str]] = attrs.Factory(list)
    trades: list[tuple[int, str, str, int, int]] = attrs.Factory(list)
    tops: list[_Top] = attrs.Factory(list)
    numbers: tuple[int, int, int, int] = (NULL, NULL, NULL, NULL)
    ts_venue_ns: int = NULL
    depth: int | None = None
    digest: str | None = None

    def first_price(self) -> str | None:
        """The first price text of the message."""
        if self.levels:
            return self.levels[0][1]
        if self.trades:
            return self.trades[0][1]
        return next((bid or ask for bid, _, ask, _ in self.tops), None)

    def depth_shown(self) -> int | None:
        """The levels of the fuller side of a snapshot: what a depth must at least be."""
        if not self.snapshot:
            return None
        bids = sum(side == BID for side, _, _ in self.levels)
        return max(bids, len(self.levels) - bids)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All its (price, size) texts."""
        for _, price, size in self.levels:
            yield price, size
        for _, price, size, _, _ in self.trades:
            yield price, size
        for bid, bid_size, ask, ask_size in self.tops:
            if bid is not None:
                yield bid, bid_size if bid_size is not None else "0"
            if ask is not None:
                yield ask, ask_size if ask_size is not None else "0"


class FrameWriter:
    """Implements `contracts.normalizer.MessageWriter`, and keeps texts until the frame was read to its end.

    ``resolve(channel, carries, venue_symbol, snapshot, wire)`` finds the instrument or says None.
    ``attach(instrument, channel)`` makes the present connection the one that feeds it, and
    ``define(instrument, channel, first_price, depth, levels)`` sees that its scales are chosen.
    """

    def __init__(
        self,
        resolve: Callable[[str, str, str, bool, str | None], Instrument | None],
        attach: Callable[[Instrument, str], None],
        define: Callable[[Instrument, str, str | None, int | None, int | None], None],
    ) -> None:
        self._resolve, self._attach, self._define = resolve, attach, define
        self.controls: list[Control] = []
        self.number: int | None = None
        self._told: list[_Told] = []
        self._open: _Told | None = None

    def reset(self) -> None:
        """Forget the frame."""
        self.controls, self.number, self._told, self._open = [], None, [], None

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """See the contract."""
        instrument = self._resolve(channel, carries, venue_symbol, snapshot, wire)
        if instrument is None:
            return False
        self._open = _Told(instrument, channel, carries, snapshot)
        return True

    def level(self, side: int, price: str, size: str) -> None:
        """See the contract."""
        self._present().levels.append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """See the contract."""
        _check_words(trade_id, ts_venue_ns)
        self._present().trades.append((side, price, size, trade_id, ts_venue_ns))

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """See the contract."""
        self._present().tops.append((bid, bid_size, ask, ask_size))

    def sequence(self, number: int) -> None:
        """See the contract."""
        _check_words(number)
        self.number = number

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
        digest: str | None = None,
        time_text: str | None = None,
    ) -> None:
        """See the contract."""
        _check_words(first, last, prev, checksum, ts_venue_ns)
        told = self._present()
        told.numbers = (first, last, prev, checksum)
        told.ts_venue_ns, told.digest = ts_venue_ns, digest
        told.depth = depth if depth is None or depth > 0 else None
        self._told.append(told)
        self._open = None

    def messages(self) -> list[Pending]:
        """The messages of the frame in integers; ask again after Rescale or Overflow was dealt with.

        Raises MalformedFrame, before anything is changed, when one of its numbers is none; else Rescale
        or Overflow.
        """
        checked = all(told.instrument.defined for told in self._told)
        if not checked:
            self._check()
        try:
            parsed = [self._parse(told) for told in self._told] if checked else []
        except (Rescale, Overflow):
            self._check()
            raise
        for told in self._told:
            self._attach(told.instrument, told.channel)
            self._define(told.instrument, told.channel, told.first_price(), told.depth, told.depth_shown())
        if not checked:
            parsed = [self._parse(told) for told in self._told]
        return [pending for group in parsed for pending in group]

    def forget(self, instrument: Instrument) -> None:
        """Leave the instrument's messages out of the frame."""
        self._told = [told for told in self._told if told.instrument is not instrument]

    def _present(self) -> _Told:
        if self._open is None:
            raise RuntimeError("a message is written between begin and end")
        return self._open

    def _check(self) -> None:
        for told in self._told:
            for price, size in told.pairs():
                _check_pair(price, size)

    def _parse(self, told: _Told) -> list[Pending]:
        instrument, channel = told.instrument, told.channel
        first, last, prev, checksum = told.numbers
        if told.carries == "book":
            levels, decimals = self._parse_levels(told)
            message = BookMessage(
                told.snapshot,
                levels,
                decimals,
                first,
                last,
                prev,
                checksum,
                told.ts_venue_ns,
                told.digest,
            )
            return [BookDelta(instrument, channel, message)]
        if told.carries == "trade":
            prints = [
                Print(side, *self._pair(instrument, price, size)[:2], trade_id, ts)
                for side, price, size, trade_id, ts in told.trades
            ]
            return [Trades(instrument, channel, prints, told.snapshot)]
        return [
            Tops(instrument, channel, self._top_rows(instrument, top, last), told.ts_venue_ns, last)
            for top in told.tops
        ]

    def _parse_levels(self, told: _Told) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
        definition = told.instrument.definition
        prices = parse_plain([price for _, price, _ in told.levels], definition.price_scale)
        sizes = parse_plain([size for _, _, size in told.levels], definition.size_scale)
        if prices is not None and sizes is not None and 0 not in prices[0]:
            sides = [side for side, _, _ in told.levels]
            return list(zip(sides, prices[0], sizes[0], strict=True)), (prices[1], sizes[1])
        return self._parse_each(told)

    def _parse_each(self, told: _Told) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
        levels, price_decimals, size_decimals = [], 0, 0
        for side, price_text, size_text in told.levels:
            price, size, price_seen, size_seen = self._pair(told.instrument, price_text, size_text)
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
            _check_pair(price, size)
            raise self._rescale(instrument, price, size, scales) from None
        except ValueOverflow:
            raise Overflow(instrument) from None
        if price_value <= 0 or size_value < 0:
            raise MalformedFrame(_SIGNS.format(price[:40], size[:40]))
        return price_value, size_value, price_seen, size_seen

    def _rescale(
        self, instrument: Instrument, price: str, size: str, scales: tuple[int, int]
    ) -> Rescale | Overflow:
        needed = [_least_scale(price, scales[0]), _least_scale(size, scales[1])]
        if max(needed) > MAX_SCALE:
            return Overflow(instrument)
        return Rescale(instrument, (needed[0], needed[1]))

    def _top_rows(self, instrument: Instrument, top: _Top, last: int) -> list[Entry]:
        rows: list[Entry] = []
        for side, price, size in ((BID, top[0], top[1]), (ASK, top[2], top[3])):
            if price is None:
                rows.append((Kind.TOP, side, NULL, NULL, last))
                continue
            value, amount, _, _ = self._pair(instrument, price, size if size is not None else "0")
            rows.append((Kind.TOP, side, value, amount if size is not None else NULL, last))
        return rows


def _check_words(*numbers: int) -> None:
    """MalformedFrame unless int64 holds these."""
    if max(numbers) > MAX or min(numbers) < NULL:
        raise MalformedFrame(f"found the numbers {str(numbers)[:99]}; expected none over 63 bits")


def _check_pair(price: str, size: str) -> None:
    """MalformedFrame unless these are numbers, the price above 0 and the size not below."""
    try:
        decimals_of(price)
        decimals_of(size)
    except BadNumber as error:
        raise MalformedFrame(str(error)) from None
    if price.startswith("-") or _is_zero(price) or (size.startswith("-") and not _is_zero(size)):
        raise MalformedFrame(_SIGNS.format(price[:40], size[:40]))


def _is_zero(number: str) -> bool:
    return not number.lower().partition("e")[0].strip("-0.")


def _least_scale(number: str, scale: int) -> int:
    """The least scale, from ``scale`` up, that holds the number; over MAX_SCALE when none does."""
    try:
        parse_with_decimals(number, scale)
    except InexactValue as error:
        return _least_scale(number, error.decimals) if error.decimals <= MAX_SCALE else error.decimals
    except ValueOverflow:
        return MAX_SCALE + 1
    return scale
