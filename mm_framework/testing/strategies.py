"""For authors of strategies: a tape of hand-made market events, and a run of a strategy on it.

    market = tape().book(bids=[("99.9", "2")], asks=[("100.1", "1")]).at(5).trade("buy", "100.1", "1")
    result = run(strategy, market)
    assert [intent.price for intent in result.intents] == [...]

No venue is needed. Every call of a tape is one record, a millisecond after the last one unless `at`
says otherwise. A new instrument is connected and waits for its first book or ticker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import StrategyError
from mm_framework.feed.output import Defined, Notice, Output
from mm_framework.model.events import (
    ASK,
    BID,
    NULL,
    Kind,
    Reason,
    RowFlag,
    SyncState,
    iter_messages,
    iter_rows,
)
from mm_framework.model.fixed import parse
from mm_framework.model.frame import RecordKind, encode_json, encode_record
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, Side
from mm_framework.model.tops import TopEvent
from mm_framework.sync.emit import Emitter
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.exchange import Answer
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.ledger import AccountResult, money_scale
from mm_framework.trading.matching import Execution, Report
from mm_framework.trading.pipeline import Pipeline
from mm_framework.trading.program import refusals_of
from mm_framework.trading.queued import AnyPipeline
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import Clocks, TapeMessage

__all__ = [
    "FilledAt",
    "Recorder",
    "Result",
    "Step",
    "Tape",
    "backtest",
    "check_source",
    "feed",
    "run",
    "tape",
]

Levels = Iterable[tuple[str, str]]
"""``(price, size)`` as decimal text."""

_MS = 1_000_000
_WALL0_NS = 1_700_000_000_000_000_000


@attrs.frozen
class Step:
    """One record of a tape: what a pipeline's ``on_output`` is called with, after the shard."""

    record: bytes
    mono_ns: int
    output: Output


@attrs.define
class _Instrument:
    """An instrument of the tape and the state of its book."""

    definition: Definition
    state: SyncState = SyncState.SNAPSHOT
    epoch: int = 1

    @property
    def scales(self) -> tuple[int, int]:
        """Price and size scale in force."""
        return self.definition.price_scale, self.definition.size_scale


class Tape:
    """Market events in order, made by `tape`. All methods return the tape, so that calls chain."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._emitter = Emitter()
        self._notices: list[Notice] = []
        self._instruments: dict[str, _Instrument] = {}
        self._now_ns, self._next_ns = 0, _MS
        self._definitions = 0
        self._current = ""
        self._feed_latency_ns: int | None = None

    def instrument(
        self,
        instrument_id: str,
        *,
        price_scale: int = 2,
        size_scale: int = 3,
        tick: str | None = "0.01",
        lot: str | None = "0.001",
        price_decimals: int | None = None,
        size_decimals: int | None = None,
        depth: int | None = None,
    ) -> Tape:
        """Define an instrument, or define it anew; the calls that follow are about it.

        A larger scale than before needs a new `book`, as with a venue.
        """
        index, symbol = self._definitions, instrument_id.partition(":")[2]
        self._definitions += 1
        known = self._instruments.get(instrument_id)
        rescaled = known is not None and known.scales != (price_scale, size_scale)
        definition = Definition(
            index=index,
            number=index if known is None or rescaled else known.definition.number,
            id=instrument_id,
            venue_symbol=symbol,
            price_scale=price_scale,
            size_scale=size_scale,
            quote=symbol.partition("/")[2] or None,
            tick_size=tick,
            lot_size=lot,
            price_decimals=price_decimals,
            size_decimals=size_decimals,
            depth=depth,
        )
        self._current = instrument_id
        self._open()
        if known is None:
            known = self._instruments[instrument_id] = _Instrument(definition)
        elif rescaled:
            self._lose(known, Reason.SCALE_CHANGE)
        known.definition = definition
        self._notices.append(Defined(definition))
        self._emitter.event(Kind.DEFINITION, definition.number, known.epoch, NULL, NULL, index)
        return self._close()

    def about(self, instrument_id: str) -> Tape:
        """The calls that follow are about this instrument, defined before."""
        if instrument_id not in self._instruments:
            raise ValueError(f"{instrument_id} is not on the tape: define it with `instrument`")
        self._current = instrument_id
        return self

    def at(self, ms: float) -> Tape:
        """The next record is at ``ms`` milliseconds of the tape, later than the last one."""
        due_ns = round(ms * _MS)
        if due_ns <= self._now_ns:
            raise ValueError(f"at {ms} ms, but the tape is at {self._now_ns / _MS} ms")
        self._next_ns = due_ns
        return self

    def latency(self, ms: float) -> Tape:
        """From here on market data carries a venue time, ``ms`` before it is received."""
        self._feed_latency_ns = round(ms * _MS)
        return self

    @property
    def end_ns(self) -> int:
        """The time of receipt of the last record."""
        return _WALL0_NS + self.steps[-1].mono_ns

    def messages(self) -> list[TapeMessage]:
        """The tape as a backtest reads it."""
        found: list[TapeMessage] = []
        for step in self.steps:
            defined = [n.definition for n in step.output.notices if isinstance(n, Defined)]
            for message in iter_messages(step.output.messages):
                first = message.first_row * 64
                rows = list(iter_rows(step.output.rows[first : first + message.n_rows * 64]))
                new = defined.pop(0) if message.kind == Kind.DEFINITION else None
                found.append(TapeMessage(rows[0].ts_recv_ns, len(found), message, rows, new))
        return found

    def book(self, bids: Levels = (), asks: Levels = ()) -> Tape:
        """A snapshot: the whole book, proved; the market is trusted from here on."""
        one = self._get()
        levels = self._levels(BID, bids) + self._levels(ASK, asks)
        self._open()
        entries = [(int(Kind.SNAPSHOT_START), 0, NULL, len(levels), NULL), *levels]
        self._group(one, Kind.SNAPSHOT_START, entries, flags=int(RowFlag.SNAPSHOT))
        self._change(one, SyncState.SYNCING, Reason.SNAPSHOT)
        self._change(one, SyncState.SYNCED, Reason.VERIFIED)
        return self._close()

    def update(self, bids: Levels = (), asks: Levels = ()) -> Tape:
        """One message of level changes: new absolute sizes, "0" removes a level."""
        self._open()
        self._group(self._get(), Kind.LEVEL, self._levels(BID, bids) + self._levels(ASK, asks))
        return self._close()

    def ticker(
        self,
        bid: tuple[str, str | None] | None = None,
        ask: tuple[str, str | None] | None = None,
    ) -> Tape:
        """Best prices as the venue's ticker tells them; None: no such side, size None: not told."""
        self._open()
        entries = []
        for side, level in ((BID, bid), (ASK, ask)):
            price, size = level or (None, None)
            definition = self._get().definition
            entries.append(
                (
                    int(Kind.TOP),
                    side,
                    NULL if price is None else parse(price, definition.price_scale),
                    NULL if size is None else parse(size, definition.size_scale),
                    NULL,
                )
            )
        self._group(self._get(), Kind.TOP, entries)
        return self._close()

    def trade(self, side: str, price: str, size: str) -> Tape:
        """A print; ``side`` is the aggressor's: buy or sell."""
        self._open()
        definition = self._get().definition
        row = (
            int(Kind.TRADE),
            int(Side[side.upper()]),
            parse(price, definition.price_scale),
            parse(size, definition.size_scale),
            NULL,
        )
        self._group(self._get(), Kind.TRADE, [row])
        return self._close()

    def gap(self) -> Tape:
        """The book is lost: not trusted until the next `book`."""
        one = self._get()
        self._open()
        self._lose(one, Reason.SEQUENCE_GAP)
        return self._close()

    def lost(self, connection: int = 0, reason: Reason = Reason.RESET) -> Tape:
        """The connection is lost, and with it every book and ticker; an orderly end loses nothing."""
        self._open()
        if reason not in (Reason.SHUTDOWN, Reason.RECORDING_END):
            for one in self._instruments.values():
                self._lose(one, reason)
        return self._close(RecordKind.LOST, connection, {"reason": reason.name})

    def wait(self, ms: float | None = None) -> Tape:
        """A record without news, ``ms`` after the last one if given: timers that are due fire."""
        if ms is not None:
            self._next_ns = self._now_ns + round(ms * _MS)
        self._open()
        return self._close()

    def stop(self) -> Tape:
        """The orderly end of a live run."""
        self._open()
        for one in self._instruments.values():
            self._change(one, SyncState.STOPPED, Reason.SHUTDOWN)
        return self._close()

    def _get(self) -> _Instrument:
        return self._instruments[self._current]

    def _levels(self, side: int, levels: Levels) -> list[tuple[int, int, int, int, int]]:
        definition = self._get().definition
        return [
            (
                int(Kind.LEVEL),
                side,
                parse(price, definition.price_scale),
                parse(size, definition.size_scale),
                NULL,
            )
            for price, size in levels
        ]

    def _open(self) -> None:
        self._now_ns = max(self._next_ns, self._now_ns + 1)
        self._emitter.clear()
        self._notices = []
        self._emitter.at(self._now_ns, _WALL0_NS + self._now_ns, 0, len(self.steps))

    def _group(self, one: _Instrument, kind: Kind, entries: list[Any], flags: int = 0) -> None:
        told = self._feed_latency_ns
        venue_ns = NULL if told is None else _WALL0_NS + self._now_ns - told
        self._emitter.group(
            int(kind), one.definition.number, one.epoch, entries, flags=flags, ts_venue_ns=venue_ns
        )

    def _change(self, one: _Instrument, state: SyncState, reason: Reason) -> None:
        if one.state is state:
            return
        old, one.state = one.state, state
        flags = 0 if state is SyncState.SYNCED else int(RowFlag.UNTRUSTED)
        self._emitter.event(
            Kind.SYNC_CHANGE, one.definition.number, one.epoch, old, state, reason, flags=flags
        )

    def _lose(self, one: _Instrument, reason: Reason) -> None:
        flags = int(RowFlag.UNTRUSTED)
        self._emitter.event(Kind.GAP, one.definition.number, one.epoch, NULL, NULL, reason, flags=flags)
        one.epoch += 1
        self._change(one, SyncState.RESYNCING, reason)

    def _close(
        self, kind: RecordKind = RecordKind.FRAME, connection: int = 0, body: dict[str, Any] | None = None
    ) -> Tape:
        record = encode_record(
            kind,
            encode_json(body or {}),
            connection=connection,
            index=len(self.steps),
            mono_ns=self._now_ns,
            wall_ns=_WALL0_NS + self._now_ns,
        )
        emitter = self._emitter
        output = Output(emitter.rows(), emitter.messages(), emitter.stamps(), [], self._notices)
        self.steps.append(Step(record, self._now_ns, output.kept()))
        self._next_ns = self._now_ns + _MS
        return self


def tape(instrument_id: str = "test:A/B", **options: Any) -> Tape:
    """An empty tape about one instrument; ``options`` are those of `Tape.instrument`."""
    return Tape().instrument(instrument_id, **options)


@attrs.frozen
class FilledAt:
    """A fill and its fee, in units of 10**-``money_scale`` of the quote currency."""

    fill: Fill
    fee: int
    money_scale: int


class Recorder:
    """An observer that keeps what it sees."""

    def __init__(self) -> None:
        self.tops: list[TopEvent] = []
        self.intents: list[Intent] = []
        self.answers: list[Answer] = []
        self.reports: list[Report] = []
        self.fills: list[FilledAt] = []

    def on_top(self, event: TopEvent) -> None:
        """See `trading.pipeline.Observer`."""
        self.tops.append(event)

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """See `trading.pipeline.Observer`."""
        self.intents.append(intent)
        self.answers.append(answer)

    def on_report(self, report: Report, definition: Definition) -> None:
        """See `trading.pipeline.Observer`."""
        self.reports.append(report)

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """See `trading.pipeline.Observer`."""
        self.fills.append(FilledAt(fill, fee, money_scale(definition)))


@attrs.frozen
class Result:
    """What a run did. ``answers[k]`` is what became of ``intents[k]``; ``pipeline`` is its end state."""

    tops: list[TopEvent]
    intents: list[Intent]
    answers: list[Answer]
    fills: list[FilledAt]
    accounts: list[AccountResult]
    final_hash: str
    pipeline: Pipeline

    @property
    def refusals(self) -> list[str]:
        """The reasons of refused intents, in words: ``venue unknown``."""
        return [answer.refusal.text for answer in self.answers if answer.refusal is not None]


def feed(pipeline: AnyPipeline, steps: Iterable[Step]) -> None:
    """Drive a pipeline with records of a tape."""
    for step in steps:
        pipeline.on_output(0, step.record, step.mono_ns, step.output)


def run(
    strategy: Strategy | Mapping[str, Strategy],
    market: Tape,
    *,
    settings: TradingSettings | None = None,
    limits: LimitSettings | None = None,
    fee_model: FeeModel | None = None,
    max_events: int | None = None,
) -> Result:
    """Run one strategy (named ``strategy``), or several by name, on a tape, to its end.

    Fees are the flat default unless a model is given. Raises StrategyError when a strategy failed.
    """
    strategies = {"strategy": strategy} if isinstance(strategy, Strategy) else strategy
    recorder = Recorder()
    pipeline = Pipeline(
        strategies,
        fee_model or FlatFee(FlatFeeSettings()),
        settings,
        limits,
        max_events=max_events,
        observer=recorder,
    )
    feed(pipeline, market.steps)
    pipeline.on_end(market.steps[-1].mono_ns)
    _refuse(pipeline.errors)
    return Result(
        recorder.tops,
        recorder.intents,
        recorder.answers,
        recorder.fills,
        pipeline.ledger.results(),
        pipeline.intents.hexdigest(),
        pipeline,
    )


def backtest(
    strategy: Strategy | Mapping[str, Strategy],
    market: Tape,
    *,
    entry: LatencyModel | None = None,
    response: LatencyModel | None = None,
    execution: Execution | None = None,
    clocks: Clocks | None = None,
    settings: TradingSettings | None = None,
    limits: LimitSettings | None = None,
    fee_model: FeeModel | None = None,
    grid_ns: int | None = None,
) -> Outcome:
    """Backtest one strategy (named ``strategy``), or several by name, on a tape, to its end.

    Fees are the flat default unless a model is given; the equity is kept each ``grid_ns``, if given. Raises
    StrategyError when a strategy failed.
    """
    strategies = {"strategy": strategy} if isinstance(strategy, Strategy) else strategy
    outcome = Backtest(
        strategies,
        fee_model or FlatFee(FlatFeeSettings()),
        entry=entry,
        response=response,
        execution=execution,
        clocks=clocks,
        settings=settings,
        limits=limits,
        grid_ns=grid_ns,
    ).run(market.messages(), market.end_ns)
    _refuse(outcome.errors)
    return outcome


def _refuse(errors: Sequence[StrategyError]) -> None:
    if errors:
        raise errors[0]


def check_source(strategy: Strategy) -> None:
    """AssertionError, with file and line, where ``decide`` uses what cannot be compiled."""
    refusals = refusals_of(strategy)
    assert not refusals, "\n".join(map(str, refusals))
