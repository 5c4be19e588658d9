"""A run on what `Feed` puts out, live or replayed: a desk whose exchange answers at once. Pure.

`Pipeline` is a listener (`on_output`, `next_timer_ns`, `on_end`), driven by a live capture and by a
replay alike. Where orders rest and fill, or take time, `queued.QueuedPipeline` takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.feed.output import Output
from mm_framework.model.frame import Block
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill
from mm_framework.trading.desk import Desk, Guard, Observer, Probe
from mm_framework.trading.exchange import SimulatedExchange, conservative
from mm_framework.trading.feed_reader import FeedReader, Heard, lost_connection
from mm_framework.trading.ledger import Ledger
from mm_framework.trading.market import Slot
from mm_framework.trading.settings import LimitSettings, TradingSettings

if TYPE_CHECKING:
    from mm_framework.feed import Feed

__all__ = ["Observer", "Pipeline", "Probe"]


class Pipeline(Desk):
    """A run's trading part: the desk, the conservative exchange and the ledger; see `Desk`."""

    exchange: SimulatedExchange

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        fee_model: FeeModel,
        settings: TradingSettings | None = None,
        limits: LimitSettings | None = None,
        *,
        only: Sequence[str] = (),
        max_events: int | None = None,
        observer: Observer | None = None,
        probe: Probe | None = None,
        guard: Guard | None = None,
    ) -> None:
        settings = settings or TradingSettings()
        super().__init__(
            strategies,
            SimulatedExchange(conservative(settings)),
            settings,
            limits,
            fee_model=fee_model,
            only=only,
            max_events=max_events,
            observer=observer,
            probe=probe,
            guard=guard,
        )
        self.ledger = Ledger.by(fee_model, settings)
        self._reader = FeedReader()

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """What `Feed` made of a block of records, the last one stamped ``mono_ns``.

        A LOST record has to come alone.
        """
        if self.done:
            return
        for heard in self._reader.read(output):
            if not self.reach(heard.mono_ns):
                return
            self._read(heard)
        if not self.reach(mono_ns):
            return
        lost = lost_connection(record)
        if lost is not None:
            self.markets.lost(lost, self.last_seq)
        self.settle()
        self.fire_timers(mono_ns + 1)
        self._point("done")

    def on_end(self, mono_ns: int) -> None:
        """The run ends; strategies that wish it are woken a last time."""
        self.end(mono_ns)

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """A shard begins with a checkpoint, stamped ``mono_ns``: take over what it brought.

        To be called before `on_output` of that record.
        """
        self.reach(mono_ns)
        self._reader.restored(feed)
        for definition in feed.definitions:
            self.define(definition)
        for one in feed.instruments():
            self.markets.restore(one.definition, one.book, one.state, one.epoch, self.last_seq)

    def define(self, definition: Definition) -> tuple[Slot, int, int] | None:
        """See `Desk`."""
        defined = super().define(definition)
        if defined is not None and defined[1] * defined[2] > 1:
            self.ledger.rescale(*defined)
        return defined

    def _read(self, heard: Heard) -> None:
        if heard.definition is None:
            self.apply(heard.message, heard.events(), heard.seq)
        else:
            self.last_seq = heard.seq
            self.define(heard.definition)

    def _advance(self, now_ns: int) -> None:
        self.ledger.advance(now_ns)
        for report in self.exchange.expire(now_ns):
            self.positions.of(report.strategy, self.markets.by_id[report.instrument]).version += 1

    def _booked(self, fill: Fill, slot: Slot) -> None:
        fee = self.ledger.book(fill, slot)
        if self._observer is not None:
            self._observer.on_fill(fill, fee, slot.definition)
