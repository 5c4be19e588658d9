"""The interpreted desk under the compiled venue: it shows that half of the engine against the reference."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import StrategyError
from mm_framework.kernels.memory import Buffer
from mm_framework.model.events import ROW, row_dtype
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, IntentKind, OrderState, Refusal, Side
from mm_framework.model.tops import TopEvent
from mm_framework.trading.backtest import Sent
from mm_framework.trading.compiled import layout, loop
from mm_framework.trading.compiled.memory import Half, Part, Run
from mm_framework.trading.compiled.run import Rows
from mm_framework.trading.desk import Desk
from mm_framework.trading.exchange import Answer
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import Report
from mm_framework.trading.own_orders import OwnOrders
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import TapeMessage

__all__ = ["PythonDesk", "rows_of"]

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def rows_of(tape: Iterable[TapeMessage], block_messages: int = 7) -> Rows:
    """A tape of messages as rows, in small blocks; one that is let go is spoilt: nobody may read it on."""
    blocks, definitions = [bytearray()], {}
    for count, one in enumerate(tape, start=1):
        for row in one.rows:
            aux = row.aux
            if one.definition is not None:
                aux, definitions[one.seq] = one.seq, one.definition
            blocks[-1] += ROW.pack(*row._replace(seq=one.seq, aux=aux))
        if count % block_messages == 0:
            blocks.append(bytearray())
    return Rows(lambda: map(_spoilt_at_last, filter(None, blocks)), definitions)


def _spoilt_at_last(data: bytearray) -> np.ndarray:
    memory = bytearray(data)
    rows = np.frombuffer(memory, dtype=row_dtype())
    weakref.finalize(rows, _spoil, memory)
    return rows


def _spoil(memory: bytearray) -> None:
    memory[:] = b"\xff" * len(memory)


def _words(address: int, count: int) -> list[int]:
    return list((ctypes.c_int64 * count).from_address(address))


class _Way(OwnOrders):
    """An exchange that sends through the kernels."""

    at_once = False

    def __init__(self, index: Mapping[str, int]) -> None:
        super().__init__()
        self._index, self._buffer, self.run = index, Buffer(layout.INTENT_BYTES), 0

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """See `Exchange`."""
        self.asked(intent, slot)
        values = (intent.seq, self._index[intent.strategy], intent.kind, intent.order, slot.index)
        values += (intent.side or 0, intent.price or 0, intent.size or 0, intent.tif or 0)
        values += (intent.urgency or 0, -1, intent.expires_ns or 0)
        words = self._buffer.words()
        for place, value in enumerate(values):
            words[place] = int(value)
        loop.send_intent(self.run, self._buffer.address)
        return Answer(intent.order, OrderState.PENDING)


class PythonDesk:
    """Implements `DeskHalf` with a `Desk`, to which it brings the messages up to each call."""

    wakes = 255

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        tape: Sequence[TapeMessage],
        settings: TradingSettings,
        limits: LimitSettings | None = None,
    ) -> None:
        self.names = sorted(strategies)
        self.depth = max(strategy.depth for strategy in strategies.values())
        self._way = _Way({name: k for k, name in enumerate(self.names)})
        self._desk = Desk(strategies, self._way, settings, limits, observer=self)  # type: ignore[arg-type]
        self._tape, self._fed = tape, 0
        self._intents: list[Intent] = []
        self._sent: list[Sent] = []
        self.failure: Exception | None = None
        self._kept = [_CALLBACK(self._guarded(act)) for act in (self._changes, self._answer, self._timers)]

    def attach(self, run: Run, here: Half) -> None:
        """See `DeskHalf`."""
        self._run = run
        self._way.run = run.address
        offsets = (layout.RUN_DESK_CHANGES, layout.RUN_DESK_ANSWER, layout.RUN_DESK_TIMERS)
        for offset, callback in zip(offsets, self._kept, strict=True):
            run[offset] = ctypes.cast(callback, ctypes.c_void_p).value or 0

    def define(self, slot: Slot) -> None:
        """See `DeskHalf`; the desk reads its own tape."""

    def end(self, end_ns: int) -> bool:
        """See `DeskHalf`."""
        self._feed(end_ns)
        self._desk.end(end_ns)
        return True

    def resume(self) -> None:
        """See `DeskHalf`; the failure is raised by the test."""

    def intents(self, parts: Sequence[Part]) -> tuple[Sequence[Intent], Sequence[Sent], str]:
        """See `DeskHalf`."""
        return self._intents, self._sent, self._desk.intents.hexdigest()

    @property
    def errors(self) -> list[StrategyError]:
        """See `DeskHalf`."""
        return self._desk.errors

    # the calls of the loop

    def _guarded(self, act: Callable[[], None]) -> Callable[[int], int]:
        def called(run: int) -> int:
            try:
                self._feed(self._run[layout.RUN_NOW])
                act()
                due_ns = self._desk.next_timer_ns()
                self._run[layout.RUN_NEXT_TIMER] = MAX if due_ns is None else due_ns
            except Exception as error:  # it would be lost in the kernel
                self.failure = error
                return int(layout.Status.STRATEGY)
            return 0

        return called

    def _feed(self, now_ns: int) -> None:
        """Messages up to a time, moment by moment."""
        while self._fed < len(self._tape) and self._tape[self._fed].recv_ns <= now_ns:
            moment_ns = self._tape[self._fed].recv_ns
            self._desk.reach(moment_ns)
            while self._fed < len(self._tape) and self._tape[self._fed].recv_ns == moment_ns:
                self._read(self._tape[self._fed])
                self._fed += 1
            self._desk.settle()

    def _read(self, one: TapeMessage) -> None:
        if one.definition is not None:
            self._desk.last_seq = one.seq
            self._desk.define(one.definition)
        else:
            self._desk.apply(one.message, iter(one.rows), one.seq)

    def _changes(self) -> None:
        pass

    def _answer(self) -> None:
        report = self._report(_words(self._run[layout.RUN_ANSWER], layout.REPORT_BYTES // 8))
        self._desk.reach(self._run[layout.RUN_NOW])
        self._way.told(report)
        answer = Answer(report.order, report.state, report.refusal, report.fill)
        self._desk.tell(answer, report.strategy, self._desk.markets.by_id[report.instrument])

    def _timers(self) -> None:
        due_ns = self._desk.next_timer_ns()
        assert due_ns == self._run[layout.RUN_NOW]
        self._desk.fire_timers(due_ns + 1)

    def _report(self, words: list[int]) -> Report:
        ts_ns, slot, strategy, order, state, kind, refusal, price, size, leaves, fill = words[:11]
        instrument, name = self._desk.markets.slots[slot].id, self.names[strategy]
        return Report(
            ts_ns,
            instrument,
            name,
            order,
            OrderState(state),
            IntentKind(kind) if kind else None,
            Refusal(refusal) if refusal else None,
            None if fill < 0 else self._fill(fill, name, instrument),
            price,
            size,
            leaves,
        )

    def _fill(self, index: int, name: str, instrument: str) -> Fill:
        words = _words(self._run[layout.RUN_FILLS] + index * layout.FILL_BYTES, layout.FILL_BYTES // 8)
        seq, ts_ns, _, _, order, side, price, size, maker, mid2 = words[:10]
        told = None if mid2 == NULL else mid2
        return Fill(seq, ts_ns, name, instrument, order, Side(side), price, size, bool(maker), told)

    # the observer of the desk

    def on_top(self, event: TopEvent) -> None:
        """See `desk.Observer`."""

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """See `desk.Observer`."""
        self._intents.append(intent)
        self._sent.append(Sent(self._desk.now_ns, answer.refusal))

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """See `desk.Observer`."""
