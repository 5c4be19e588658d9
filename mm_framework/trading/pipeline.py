"""A run on what `Feed` puts out, live or replayed: a desk whose exchange answers at once. Pure.

`Pipeline` is a listener (`on_output`, `next_timer_ns`, `on_end`), driven by a live capture and by a
replay alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.feed.output import Defined, Output
from mm_framework.model.events import Kind, Message, Reason, iter_messages, iter_rows
from mm_framework.model.frame import Block, Record, RecordKind, iter_records
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill
from mm_framework.trading.desk import Desk, Observer, Probe
from mm_framework.trading.exchange import SimulatedExchange
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
    ) -> None:
        settings = settings or TradingSettings()
        super().__init__(
            strategies,
            SimulatedExchange(settings),
            settings,
            limits,
            only=only,
            max_events=max_events,
            observer=observer,
            probe=probe,
        )
        self.ledger = Ledger(fee_model, round(settings.adverse_horizon_s * 1e9))
        self._definitions: dict[int, Definition] = {}
        self._messages = 0

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """What `Feed` made of a block of records, the last one stamped ``mono_ns``.

        A LOST record has to come alone.
        """
        if self.done:
            return
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._definitions[notice.definition.index] = notice.definition
        for message, when in zip(iter_messages(output.messages), output.mono_ns, strict=True):
            if not self.reach(when):
                return
            self._read(message, output.rows)
        if not self.reach(mono_ns):
            return
        self._lose_tickers(record)
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
        for definition in feed.definitions:
            self._definitions[definition.index] = definition
            self.define(definition)
        for one in feed.instruments():
            self.markets.restore(one.definition, one.book, one.state, one.epoch, self.last_seq)

    def define(self, definition: Definition) -> tuple[Slot, int, int] | None:
        """See `Desk`."""
        defined = super().define(definition)
        if defined is not None and defined[1] * defined[2] > 1:
            self.ledger.rescale(*defined)
        return defined

    def _read(self, message: Message, rows: memoryview) -> None:
        start = message.first_row * 64
        group = iter_rows(rows[start : start + message.n_rows * 64])
        if message.kind == Kind.DEFINITION:
            self.last_seq = self._messages
            self.define(self._definitions[next(group).aux])
        else:
            self.apply(message, group, self._messages)
        self._messages += 1

    def _lose_tickers(self, record: Block) -> None:
        """A connection is gone; the end of a run or recording is not a loss."""
        lost = next(iter_records(record))
        if lost.kind == RecordKind.LOST and not _is_end(lost):
            self.markets.lost(lost.connection, self.last_seq)

    def _advance(self, now_ns: int) -> None:
        self.ledger.advance(now_ns)
        for order in self.exchange.expire(now_ns):
            self.positions.of(order.strategy, self.markets.by_id[order.instrument]).version += 1

    def _booked(self, fill: Fill, slot: Slot) -> None:
        fee = self.ledger.book(fill, slot)
        if self._observer is not None:
            self._observer.on_fill(fill, fee, slot.definition)


def _is_end(lost: Record) -> bool:
    reason = Reason[msgspec.json.decode(lost.payload)["reason"]]
    return reason in (Reason.SHUTDOWN, Reason.RECORDING_END)
