"""The life of one order: the run is played again, and whatever moves the order is noted.

    life = explain(tape, setup, "mm", 12)
    life.steps

The interpreted engine is asked, which says what a run means; `Life.intents_hash` tells whether the run came
out as it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from mm_framework.errors import ConfigError
from mm_framework.model.events import Kind, Message, Row, RowFlag
from mm_framework.model.fixed import text
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent, IntentKind
from mm_framework.replay.tape import Tape
from mm_framework.results.play import Played, play
from mm_framework.results.setup import Setup
from mm_framework.trading.desk import Desk, Observer
from mm_framework.trading.engine import Engine
from mm_framework.trading.market import Markets, Slot
from mm_framework.trading.matching import Execution, MatchingEngine, Report, Resting

__all__ = ["Life", "Step", "explain"]


@attrs.frozen
class Step:
    """One thing that happened to an order. ``where``: ``here`` or ``venue``. ``ahead``: lots before it,
    afterwards; None where nobody knows or it does not rest.
    """

    ts_ns: int
    where: str
    text: str
    ahead: float | None = None


@attrs.frozen
class Life:
    """An order and its steps by time. ``intents_hash``: of the whole run, as it was played now."""

    strategy: str
    order: int
    instrument: str
    steps: tuple[Step, ...]
    intents_hash: str


def explain(
    tape: Tape,
    setup: Setup,
    strategy: str,
    order: int,
    progress: Callable[[int], object] = lambda messages: None,
    observe: Callable[[Desk, MatchingEngine], Observer] | None = None,
) -> Life:
    """Play a run again and tell the life of an order; ``observe``: see `Backtest`.

    Raises ConfigError when it has no such order.
    """
    moves: list[Step] = []
    venue = partial(_Watched, (strategy, order), moves)
    engine = partial(Engine, choice="interpreted", venue=venue, observe=observe)
    played = play(tape, setup, grid=False, engine=engine, progress=progress)
    intents = [
        (intent, sent)
        for intent, sent in zip(played.outcome.intents, played.outcome.sent, strict=True)
        if (intent.strategy, intent.order) == (strategy, order)
    ]
    if not intents or intents[0][0].instrument is None:
        raise ConfigError(
            f"strategy {strategy} placed no order {order} in this run", key="explain", value=order
        )
    instrument = intents[0][0].instrument
    words = _Words(next(one for one in tape.instruments if one.id == instrument))
    steps = [Step(sent.ts_ns, "here", words.intent(intent)) for intent, sent in intents]
    steps += [
        Step(sent.ts_ns, "here", f"refused by the allocator: {sent.refusal.text}")
        for _, sent in intents
        if sent.refusal is not None
    ]
    steps += moves
    steps += _answers(played, strategy, order, words)
    return Life(strategy, order, instrument, tuple(_sorted(steps)), played.outcome.final_hash)


def _sorted(steps: list[Step]) -> list[Step]:
    """By time; of one moment first what happened at the venue."""
    return sorted(steps, key=lambda step: (step.ts_ns, step.where == "here"))


def _answers(played: Played, strategy: str, order: int, words: _Words) -> list[Step]:
    outcome = played.outcome
    steps = []
    for report, known_ns in zip(outcome.reports, outcome.known_ns, strict=True):
        if (report.strategy, report.order) == (strategy, order):
            told = words.report(report)
            ahead = None if report.ahead is None else float(report.ahead)
            steps.append(Step(report.ts_ns, "venue", told, ahead))
            late = "" if known_ns <= outcome.end_ns else ", after the end of the run"
            steps.append(Step(known_ns, "here", f"known: {told}{late}"))
    for report in outcome.undelivered:
        if (report.strategy, report.order) == (strategy, order):
            steps.append(Step(report.ts_ns, "here", "the request never reached the venue"))
    return steps


class _Words:
    """Numbers of one instrument in words."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def price(self, value: int) -> str:
        return text(value, self._definition.price_scale)

    def size(self, value: int) -> str:
        return text(value, self._definition.size_scale)

    def intent(self, one: Intent) -> str:
        if one.kind is IntentKind.CANCEL:
            return "cancel is sent"
        price = "at the market" if not one.price else f"at {self.price(one.price)}"
        what = f"{self.size(one.size or 0)} {price}"
        if one.kind is IntentKind.REPLACE:
            return f"replacement by {what} is sent"
        words = [] if one.side is None else [one.side.name.lower(), what]
        words += [] if one.tif is None else [one.tif.name]
        words += [] if one.urgency is None else [one.urgency.name.lower()]
        words += [f"tag {one.tag}"] if one.tag else []
        return " ".join([*words, "is sent"])

    def report(self, one: Report) -> str:
        if one.refusal is not None:
            return f"{_request(one)} refused: {one.refusal.text}"
        if one.fill is not None:
            return self.fill(one.fill, one.leaves)
        state = one.state.name.lower().replace("_", " ")
        if one.kind is IntentKind.PLACE and state == "new":
            return "accepted" if one.ahead is None else f"accepted, {_lots(one.ahead)} lots ahead"
        if one.kind is IntentKind.REPLACE:
            return f"replaced: {self.size(one.leaves)} at {self.price(one.price)}"
        return state

    def fill(self, one: Fill, leaves: int) -> str:
        how = "maker" if one.maker else "taker"
        mid = "no mid" if one.mid2 is None else f"mid {text(one.mid2 * 5, self._definition.price_scale + 1)}"
        return (
            f"filled {self.size(one.size)} at {self.price(one.price)} as {how}, {mid},"
            f" {self.size(leaves)} left"
        )


def _request(one: Report) -> str:
    return "request" if one.kind is None else one.kind.name.lower()


class _Watched(MatchingEngine):
    """A venue that notes what moves one order's place in the queue."""

    def __init__(
        self, key: tuple[str, int], steps: list[Step], markets: Markets, execution: Execution | None = None
    ) -> None:
        super().__init__(markets, execution)
        self._key, self._steps = key, steps

    def on_message(self, message: Message, rows: list[Row], seq: int, now_ns: int) -> None:
        """See `MatchingEngine`."""
        one = self.find(*self._key)
        slot = self.markets.find(message.instrument)
        if one is None or slot is None or one.slot is not slot:
            super().on_message(message, rows, seq, now_ns)
            return
        words = _Words(slot.definition)
        before, trusted = one.ahead, slot.trusted
        shown = self.shown.size(slot, one.order.side, one.order.price)
        super().on_message(message, rows, seq, now_ns)
        told = _printed(message, rows, one, words)
        if slot.trusted != trusted:
            told = "the market is lost: nothing fills" if trusted else "the market is there again"
        elif not told and one.ahead != before:
            told = self._changed(slot, one, words, shown)
        if told:
            ahead = None if one.ahead is None else float(one.ahead)
            self._steps.append(
                Step(now_ns, "venue", f"{told}; {_lots(before)} -> {_lots(one.ahead)} ahead", ahead)
            )

    def _changed(self, slot: Slot, one: Resting, words: _Words, shown: int | None) -> str:
        now = self.shown.size(slot, one.order.side, one.order.price)
        sizes = ("unknown" if size is None else words.size(size) for size in (shown, now))
        return f"level {words.price(one.order.price)}: {' -> '.join(sizes)}"


def _printed(message: Message, rows: list[Row], one: Resting, words: _Words) -> str:
    """Prints that meet the order: at its price, or through it."""
    if message.kind != Kind.TRADE:
        return ""
    side, price = one.order.side, one.order.price
    met = [
        row
        for row in rows
        if row.side == -side and not row.flags & RowFlag.SNAPSHOT and side * (price - row.price) >= 0
    ]
    return ", ".join(f"print of {words.size(row.size)} at {words.price(row.price)}" for row in met)


def _lots(ahead: float | None) -> str:
    """Whole numbers in full; probabilistic models have fractions."""
    if ahead is None:
        return "unknown"
    return f"{ahead:.0f}" if ahead == int(ahead) else f"{ahead:.1f}"
