r"""A run on what `Feed` puts out, whose orders rest, wait in line and take time. Pure.

    records --> venue (matching engine) --reports, latency--> desk
            \-> desk ----------------------intents, latency--> venue

The order of things is that of a backtest (`backtest`) on the time line of receipt: market data is at the
venue when it is here, since nobody can know live what comes later. So a live run, its replay, and a backtest
of its recording with `Clocks(longest_ns=0)` do the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.feed.output import Output
from mm_framework.model.frame import Block
from mm_framework.trading.desk import Desk, Guard, Observer, Probe
from mm_framework.trading.feed_reader import FeedReader, Heard, lost_connection
from mm_framework.trading.gateway import Gateway
from mm_framework.trading.ledger import Ledger
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.matching import Execution, MatchingEngine, Report
from mm_framework.trading.models import Latencies
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.simulation import FOREVER, Simulation

if TYPE_CHECKING:
    from mm_framework.feed import Feed

__all__ = ["AnyPipeline", "QueuedPipeline"]


class QueuedPipeline(Desk):
    """As `pipeline.Pipeline`, with the rules and the latencies of a backtest."""

    exchange: Gateway

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        fee_model: FeeModel,
        settings: TradingSettings | None = None,
        limits: LimitSettings | None = None,
        *,
        rules: Execution,
        latencies: Latencies,
        only: Sequence[str] = (),
        max_events: int | None = None,
        observer: Observer | None = None,
        probe: Probe | None = None,
        guard: Guard | None = None,
    ) -> None:
        settings = settings or TradingSettings()
        gateway = Gateway(latencies.entry, latencies.response)
        super().__init__(
            strategies,
            gateway,
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
        self.venue = MatchingEngine(Markets(settings.price_source, settings.price_sources, only), rules)
        self._simulation = Simulation(
            self, gateway, self.venue, self.ledger, self._hear, timer_ns=super().next_timer_ns
        )
        self._reader = FeedReader()

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """What `Feed` made of a block of records, the last one stamped ``mono_ns``.

        A LOST record has to come alone.
        """
        for now_ns, heard in groupby(self._reader.read(output), attrgetter("mono_ns")):
            if self.done:
                return
            self._hear_messages(now_ns, list(heard))
        lost = lost_connection(record)
        if lost is not None and not self.done:
            self._lose(lost, mono_ns)
        self._pass(mono_ns + 1)
        self._point("done")

    def on_end(self, mono_ns: int) -> None:
        """The run ends; what is on its way then arrives nowhere."""
        self._pass(mono_ns + 1)
        self.end(mono_ns)

    def next_timer_ns(self) -> int | None:
        """When something happens without a record: see the listener of a capture."""
        due_ns = FOREVER if self.done else min(self._simulation.due())
        return None if due_ns == FOREVER else due_ns

    def restore(self, feed: Feed, mono_ns: int) -> None:
        """See `pipeline.Pipeline`."""
        self._pass(mono_ns)
        self.reach(mono_ns)
        self._reader.restored(feed)
        for definition in feed.definitions:
            self._simulation.define(definition, mono_ns)
            self.define(definition)
        for one in feed.instruments():
            book = (one.definition, one.book, one.state, one.epoch, self.last_seq)
            self.venue.restore(*book)
            self.markets.restore(*book)

    def _hear_messages(self, now_ns: int, heard: list[Heard]) -> None:
        """All messages of one moment: at the venue, then here."""
        self._pass(now_ns)
        if self.done:
            return
        for one in heard:
            if one.definition is not None:
                self._simulation.define(one.definition, now_ns)
            else:
                self._simulation.market(one.message, list(one.events()), one.seq, now_ns)
        self._simulation.now_ns = now_ns
        self._simulation.advance(now_ns + 1, kinds=2)
        self.reach(now_ns)
        for one in heard:
            if one.definition is not None:
                self.last_seq = one.seq
                self.define(one.definition)
            else:
                self.apply(one.message, one.events(), one.seq)
        self.settle()

    def _lose(self, connection: int, now_ns: int) -> None:
        """The tickers of a connection are gone, there and here."""
        self._pass(now_ns)
        self.venue.lost(connection, self.last_seq, now_ns)
        self._simulation.report()
        if self.reach(now_ns):
            self.markets.lost(connection, self.last_seq)
            self.settle()

    def _pass(self, before_ns: int) -> None:
        """Time goes on to ``before_ns``: let happen what is due until then."""
        if not self.done:
            self._simulation.advance(before_ns)

    def _hear(self, report: Report, fee: int, slot: Slot, known_ns: int) -> None:
        if self._observer is None:
            return
        self._observer.on_report(report, slot.definition)
        if report.fill is not None:
            self._observer.on_fill(report.fill, fee, slot.definition)


AnyPipeline = Pipeline | QueuedPipeline
