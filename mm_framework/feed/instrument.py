"""One instrument of a shard: its definition in force, its book, its trades."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed.output import Defined, Notice, StateChanged
from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import Kind, Reason, SyncState
from mm_framework.model.fixed import NULL
from mm_framework.model.instrument import SHARD_SHIFT, Definition
from mm_framework.sync.book import BookSync
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter
from mm_framework.sync.proofs import TopWitness, Witness
from mm_framework.sync.trades import TradeSync

__all__ = ["Definitions", "Instrument"]


class Definitions:
    """The definitions of a shard in order; every new one is also an event in the rows."""

    def __init__(self, shard: int, emitter: Emitter, notices: list[Notice]) -> None:
        self.shard, self.emitter, self.notices = shard, emitter, notices
        self.all: list[Definition] = []
        self.numbers = 0
        self.now_ns = 0

    def next_number(self) -> int:
        """A number for an instrument, or for the same one at another scale."""
        self.numbers += 1
        return (self.shard << SHARD_SHIFT) | (self.numbers - 1)

    def add(self, make: Callable[[int], Definition], epoch: int) -> Definition:
        """Record ``make(index)`` and emit its event; returns it."""
        definition = make((self.shard << SHARD_SHIFT) | len(self.all))
        self.all.append(definition)
        self.emitter.event(Kind.DEFINITION, definition.number, epoch, NULL, NULL, definition.index)
        self.notices.append(Defined(definition))
        return definition


class Instrument:
    """An instrument that the shard follows. ``definition`` is None until its scales are chosen.

    ``trades`` is the numbering of ``trade_channel``, ``more_trades`` of any other channel with trades.
    ``resting``: nothing of it is followed any more.
    """

    def __init__(
        self,
        instrument_id: str,
        venue_symbol: str,
        rules: SyncRules,
        definitions: Definitions,
        counts: Counts,
        stable_ns: int,
        make_book: Callable[[], Book] = OrderBook,
        make_witness: Callable[[], Witness] = TopWitness,
        trade_channel: str = "",
    ) -> None:
        self.id, self.venue_symbol = instrument_id, venue_symbol
        self.definitions = definitions
        self.info: InstrumentInfo | None = None
        self.current: Definition | None = None
        emitter = definitions.emitter
        self.book = BookSync(self, rules, emitter, counts, stable_ns, make_book)
        self.trade_channel = trade_channel
        self.trades = TradeSync(emitter, counts, numbered=rules.trade_ids)
        self.more_trades: dict[str, TradeSync] = {}
        self._make_trades = partial(TradeSync, emitter, counts, numbered=rules.trade_ids)
        self._make_witness = make_witness
        self.resting = False
        self.witness = make_witness()

    def trades_on(self, channel: str) -> TradeSync:
        """The numbering of one channel: another channel of the venue's numbers its trades by itself."""
        if channel == self.trade_channel:
            return self.trades
        if channel not in self.more_trades:
            self.more_trades[channel] = self._make_trades()
        return self.more_trades[channel]

    @property
    def defined(self) -> bool:
        """Whether its scales are chosen."""
        return self.current is not None

    @property
    def definition(self) -> Definition:
        """The definition in force. RuntimeError before there is one."""
        if self.current is None:
            raise RuntimeError(f"{self.id} has no definition yet")
        return self.current

    def define(self, scales: tuple[int, int], base_quote: tuple[str, str] | None, depth: int | None) -> None:
        """The first definition: scales from metadata where there is any, else ``scales``."""
        info = self.info or InstrumentInfo(self.venue_symbol)
        known = info.price_decimals is not None and info.size_decimals is not None
        if info.price_decimals is not None and info.size_decimals is not None:
            scales = (info.price_decimals, info.size_decimals)
        base, quote = base_quote or (info.base, info.quote)
        number = self.definitions.next_number()
        self.current = self.definitions.add(
            lambda index: Definition(
                index=index,
                number=number,
                id=self.id,
                venue_symbol=self.venue_symbol,
                price_scale=scales[0],
                size_scale=scales[1],
                base=base,
                quote=quote,
                tick_size=info.tick_size,
                lot_size=info.lot_size,
                price_decimals=info.price_decimals,
                size_decimals=info.size_decimals,
                precision="metadata" if known else "unknown",
                depth=depth,
                status=info.status,
                valid_from_ns=self.definitions.now_ns,
            ),
            self.book.s.epoch,
        )

    def describe(self, info: InstrumentInfo) -> None:
        """Metadata arrived: a new definition if it changes anything, under the same number."""
        self.info = info
        if self.current is None:
            return
        told = {
            name: getattr(info, name)
            for name in ("tick_size", "lot_size", "price_decimals", "size_decimals", "status")
            if getattr(info, name) is not None
        }
        if "price_decimals" in told and "size_decimals" in told:
            told["precision"] = "metadata"
        self._change(told)

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        """The display precision is known (better) from the present message on."""
        self._change(
            {"price_decimals": price_decimals, "size_decimals": size_decimals, "precision": precision}
        )

    def deepen(self, depth: int | None) -> None:
        """The subscription keeps ``depth`` levels a side."""
        if self.current is not None and depth is not None:
            self._change({"depth": depth})

    def rescale(self, price_scale: int, size_scale: int) -> None:
        """Larger scales: the definition closes, another instrument number of the same id begins.

        The book is lost with it: a new epoch, and a snapshot is needed.
        """
        self.book.lose(Reason.SCALE_CHANGE, self.definitions.now_ns)
        number, old = self.definitions.next_number(), self.definition
        self.current = self.definitions.add(
            lambda index: attrs.evolve(
                old,
                index=index,
                number=number,
                price_scale=price_scale,
                size_scale=size_scale,
                valid_from_ns=self.definitions.now_ns,
            ),
            self.book.s.epoch,
        )
        self.forget_tickers()  # they were told at the old scales

    def rest(self) -> None:
        """Nothing of it is followed any more: it gives up the memory that books and tickers need."""
        self.resting = True
        self.book.rest()
        self.witness = TopWitness()

    def wake(self) -> None:
        """It is followed again."""
        self.resting = False
        self.book.wake()
        self.forget_tickers()

    def forget_tickers(self) -> None:
        """Tickers told so far are compared with no book any more."""
        self.witness = self._make_witness()

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        """Called by the book."""
        self.definitions.notices.append(StateChanged(self.id, old, new, reason, epoch))

    def _change(self, changes: dict[str, Any]) -> None:
        old = self.definition
        if all(getattr(old, name) == value for name, value in changes.items()):
            return
        self.current = self.definitions.add(
            lambda index: attrs.evolve(old, index=index, valid_from_ns=self.definitions.now_ns, **changes),
            self.book.s.epoch,
        )
