"""Frames of one emulated market, as Polymarket's market channel writes them, for both of its tokens.

    [{"market":"0x84c0…","asset_id":"7293…","timestamp":"1733411269309","hash":"edb3…",
      "bids":[{"price":"0.001","size":"10000"},…],"asks":[…],"event_type":"book"}]

The market trades YES, below a price of 1; the book of NO is its mirror. Spelling and order of keys are
those of recordings of 2024-12-05 and 2025-10-23 with the keys that came later; the first book of a token
comes in a list, later ones alone.
Hashes: a price change and a book of the channel are hashed without the last trade, as recorded in
October 2025, REST books with it, as in May 2026. All changes of an event have the time and hash after
the last of them.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from mm_framework.contracts.emulator import (
    Change,
    FrameKind,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    Print,
    VenueClock,
)
from mm_framework.emulator.history import MINUTES, TRADES, TradeHistory
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import text
from mm_polymarket.emulator_listings import MIN_SIZE, identity

__all__ = ["MarketFrames", "TokenBook"]

_MILLI: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_MINUTE_S: Final = 60
_SIDE: Final = {BID: "BUY", ASK: "SELL"}


class TokenBook:
    """The levels of one token as text, in the order of the wire: the best last.

    Prices and sizes are integers at the listing's scales; ``one`` is the price of a sure thing.
    """

    def __init__(self, token: str, listing: Listing, *, mirrored: bool) -> None:
        self.token = token
        self._mirrored = mirrored
        self._price_scale, self._size_scale = listing.price_scale, listing.size_scale
        self._one = 10**listing.price_scale
        self._keys: dict[int, list[int]] = {BID: [], ASK: []}
        self._texts: dict[int, list[str]] = {BID: [], ASK: []}

    def own(self, side: int, price: int) -> tuple[int, int]:
        """Side and price of a YES order in this token's book."""
        return (-side, self._one - price) if self._mirrored else (side, price)

    def apply(self, yes_side: int, yes_price: int, size: int) -> None:
        """Set a level of the YES book here; 0 removes it."""
        side, price = self.own(yes_side, yes_price)
        keys, texts = self._keys[side], self._texts[side]
        key = price * side
        place = bisect_left(keys, key)
        known = place < len(keys) and keys[place] == key
        if not size:
            if known:
                del keys[place], texts[place]
            return
        written = f'{{"price":"{self.price(price)}","size":"{self.size(size)}"}}'
        if known:
            texts[place] = written
        else:
            keys.insert(place, key)
            texts.insert(place, written)

    def price(self, value: int) -> str:
        """A price as the wire shows it."""
        return text(value, self._price_scale)

    def size(self, value: int) -> str:
        """A size as the wire shows it."""
        return text(value, self._size_scale)

    def side(self, side: int) -> str:
        """All levels of a side, between the brackets."""
        return ",".join(self._texts[side])

    def best(self, side: int) -> str:
        """The best price; an empty side has the bid 0 or the ask 1."""
        keys = self._keys[side]
        if not keys:
            return "0" if side == BID else "1"
        return self.price(keys[-1] * side)

    def spread(self) -> str:
        """Between the best prices."""
        bid = self._keys[BID][-1] if self._keys[BID] else 0
        ask = -self._keys[ASK][-1] if self._keys[ASK] else self._one
        return self.price(ask - bid)


class MarketFrames:
    """One market: what its subscribers are told, made once for all of them.

    `observe` an event, then ask for the frames of it. ``listing`` is the present one.
    """

    def __init__(self, listing: Listing, market: MarketView, clock: VenueClock) -> None:
        self._clock = clock
        self.listing = listing
        self.identity = identity(listing.symbol)
        self.condition_id = self.identity.condition_id
        self.yes = TokenBook(listing.symbol, listing, mirrored=False)
        self.no = TokenBook(self.identity.market.no, listing, mirrored=True)
        for side, levels in ((BID, market.bids(listing.symbol)), (ASK, market.asks(listing.symbol))):
            for price, size in levels:
                self._apply(side, price, size)
        last = market.prints(listing.symbol, 1)
        self._last_trade = self.yes.price(last[-1].price) if last else ""
        self.history = TradeHistory(market.prints(listing.symbol, TRADES), clock)
        self._event = MarketEvent(0, listing.symbol, (), ())
        self._changed_ns = 0
        self._tick_before = self.tick
        self._tops = {token: self._top(token) for token in self.tokens}
        self._moved: set[str] = set()
        self.closed = False
        self._past: list[tuple[int, int]] = [(0, self._middle())]

    @property
    def tokens(self) -> dict[str, TokenBook]:
        """The books by token, YES first."""
        return {self.yes.token: self.yes, self.no.token: self.no}

    @property
    def tick(self) -> str:
        """The tick size as the wire shows it."""
        return text(self.listing.tick, self.listing.price_scale)

    def observe(self, event: MarketEvent) -> None:
        """Take in an event of this market."""
        self._event = event
        self._moved = set()
        self._changed_ns = event.time_ns
        if event.listing is not None:
            self._tick_before, self.listing = self.tick, event.listing
        for side, price, size, *_ in event.changes:
            self._apply(side, price, size)
        self.history.add(event.prints)
        if event.prints:
            self._last_trade = self.yes.price(event.prints[-1].price)
        for token in self.tokens if event.changes else ():
            top = self._top(token)
            if top != self._tops[token]:
                self._tops[token] = top
                self._moved.add(token)
        if self._moved:
            self._note(event.time_ns)

    def middle(self, token: str, at_s: int) -> float:
        """The midpoint of a token's best prices at a second of the venue's clock.

        Of each minute the last change is kept, for a week; before the market began it stood still.
        """
        place = bisect_right(self._past, at_s, key=lambda one: one[0])
        of_yes = self._past[max(0, place - 1)][1]
        whole = 2 * int(10**self.listing.price_scale)
        return (of_yes if token == self.yes.token else whole - of_yes) / whole

    def _middle(self) -> int:
        """Twice the midpoint of YES; a side without levels counts as its end."""
        whole = int(10**self.listing.price_scale)
        bid, ask = (round(float(self.yes.best(side)) * whole) for side in (BID, ASK))
        return bid + ask

    def _note(self, at_ns: int) -> None:
        """Keep the midpoint that an event has left."""
        at_s = max(self._past[-1][0], self._clock(at_ns) // _SECOND)
        if self._past[-1][0] // _MINUTE_S == at_s // _MINUTE_S:
            self._past.pop()
        self._past.append((at_s, self._middle()))
        del self._past[:-MINUTES]

    def resolve(self) -> None:
        """The market is over: it says nothing more, and has no books."""
        self.closed = True

    @property
    def winner(self) -> str:
        """The token that pays out when the market is resolved: that of the last price's side of a half."""
        return self.yes.token if float(self._last_trade or 0) >= 0.5 else self.no.token

    def resolved(self) -> Outgoing:
        """That the market is resolved."""
        outcomes = dict(zip(self.identity.market.tokens, self.identity.market.outcomes, strict=True))
        event = {
            "event_type": "market_resolved",
            "id": "500000",
            "market": self.condition_id,
            "assets_ids": list(self.tokens),
            "winning_asset_id": self.winner,
            "winning_outcome": outcomes[self.winner],
            "timestamp": self._stamp(self._event.time_ns),
            "tags": [],
        }
        return Outgoing(msgspec.json.encode(event), FrameKind.METADATA, "book", self.yes.token)

    # --- frames of the event

    def price_change(self) -> Outgoing | None:
        """The changes of the event for both tokens, None when there are none."""
        if not self._event.changes:
            return None
        hashes = {token: self.hash(token, self._event.time_ns) for token in self.tokens}
        entries = ",".join(
            self._entry(book, change, hashes[book.token])
            for change in self._event.changes
            for book in self.tokens.values()
        )
        payload = (
            f'{{"market":"{self.condition_id}","timestamp":"{self._stamp(self._event.time_ns)}",'
            f'"event_type":"price_change","price_changes":[{entries}]}}'
        )
        return self._outgoing(payload, FrameKind.BOOK, "book", self.yes.token, hashes[self.yes.token])

    def trades(self, token: str) -> list[Outgoing]:
        """The prints of the event as the subscribers of a token are told."""
        return [self._trade(self.tokens[token], one) for one in self._event.prints]

    def best_bid_ask(self, token: str) -> Outgoing | None:
        """The best prices of a token, None when the event left them alone."""
        if token not in self._moved:
            return None
        book = self.tokens[token]
        payload = (
            f'{{"event_type":"best_bid_ask","market":"{self.condition_id}","asset_id":"{token}",'
            f'"best_bid":"{book.best(BID)}","best_ask":"{book.best(ASK)}","spread":"{book.spread()}",'
            f'"timestamp":"{self._stamp(self._event.time_ns)}"}}'
        )
        return self._outgoing(payload, FrameKind.TICKER, "best_bid_ask", token)

    def tick_size_change(self, token: str) -> Outgoing:
        """The tick size of the event, and the one before."""
        payload = (
            f'{{"event_type":"tick_size_change","asset_id":"{token}","market":"{self.condition_id}",'
            f'"old_tick_size":"{self._tick_before}","new_tick_size":"{self.tick}",'
            f'"timestamp":"{self._stamp(self._event.time_ns)}"}}'
        )
        return Outgoing(payload.encode(), FrameKind.METADATA, "book", token)

    # --- books

    def book(self, token: str, *, listed: bool) -> Outgoing:
        """The whole book of a token; ``listed``: in a list, as the first one comes."""
        payload = f'{{{self._levels(token)},{self._told()},"event_type":"book"}}'
        digest = self.hash(token, self._changed_ns)
        return self._outgoing(
            f"[{payload}]" if listed else payload, FrameKind.SNAPSHOT, "book", token, digest
        )

    def rest_book(self, token: str) -> str:
        """The body of REST ``/book``."""
        ending = f'"min_order_size":"{MIN_SIZE}","tick_size":"{self.tick}","neg_risk":false'
        ending += f',"last_trade_price":"{self._last_trade}"'
        head, levels = self._body(token, self._changed_ns)
        digest = _sha1(f'{{{head},"hash":"",{levels},{ending}}}')
        return f'{{{head},"hash":"{digest}",{levels},{ending}}}'

    def hash(self, token: str, at_ns: int) -> str:
        """The hash of a token's book as the channel tells it."""
        head, levels = self._body(token, at_ns)
        return _sha1(
            f'{{{head},"hash":"",{levels},"min_order_size":"{MIN_SIZE}","tick_size":"{self.tick}","neg_risk":false}}'
        )

    def transaction(self, one: Print) -> str:
        """The hash of the transaction of a print."""
        return "0x" + hashlib.sha256(f"{self.condition_id}/{one.trade_id}".encode()).hexdigest()

    def _levels(self, token: str) -> str:
        head, levels = self._body(token, self._changed_ns)
        return f'{head},"hash":"{self.hash(token, self._changed_ns)}",{levels}'

    def _told(self) -> str:
        return f'"tick_size":"{self.tick}","last_trade_price":"{self._last_trade}"'

    def _body(self, token: str, at_ns: int) -> tuple[str, str]:
        book = self.tokens[token]
        head = f'"market":"{self.condition_id}","asset_id":"{token}","timestamp":"{self._stamp(at_ns)}"'
        return head, f'"bids":[{book.side(BID)}],"asks":[{book.side(ASK)}]'

    def _entry(self, book: TokenBook, change: Change, digest: str) -> str:
        side, price = book.own(change.side, change.price)
        return (
            f'{{"asset_id":"{book.token}","price":"{book.price(price)}","size":"{book.size(change.size)}",'
            f'"side":"{_SIDE[side]}","hash":"{digest}","best_bid":"{book.best(BID)}","best_ask":"{book.best(ASK)}"}}'
        )

    def _trade(self, book: TokenBook, one: Print) -> Outgoing:
        side, price = book.own(one.side, one.price)
        payload = (
            f'{{"asset_id":"{book.token}","transaction_hash":"{self.transaction(one)}","event_type":"last_trade_price",'
            f'"fee_rate_bps":"0","market":"{self.condition_id}","price":"{book.price(price)}",'
            f'"side":"{_SIDE[side]}","size":"{book.size(one.size)}","timestamp":"{self._stamp(one.time_ns)}"}}'
        )
        return self._outgoing(payload, FrameKind.TRADE, "last_trade_price", book.token)

    def _outgoing(
        self, payload: str, kind: FrameKind, channel: str, token: str, digest: str | None = None
    ) -> Outgoing:
        """Depth 0 has the truth log keep the levels of YES, which are the market's; NO has none there."""
        held = channel == "book" and token == self.yes.token
        place = None if digest is None else payload.rindex(digest)
        span = None if place is None or digest is None else (place, place + len(digest))
        return Outgoing(payload.encode(), kind, channel, token, 0 if held else None, checksum=span)

    def _apply(self, side: int, price: int, size: int) -> None:
        for book in (self.yes, self.no):
            book.apply(side, price, size)

    def _top(self, token: str) -> Sequence[str]:
        book = self.tokens[token]
        return book.best(BID), book.best(ASK)

    def _stamp(self, at_ns: int) -> str:
        return str(self._clock(at_ns) // _MILLI)


def _sha1(document: str) -> str:
    return hashlib.sha1(document.encode(), usedforsecurity=False).hexdigest()
