"""The local half of a compiled run, as Python sees it: strategies, what they keep, what they asked for.

    desk = CompiledDesk(strategies, settings, limits, instruments)
    desk.attach(run, here)
    desk.define(slot)                   whenever a definition comes into force here
    ...                                 the loop calls the kernels of `desk`
    desk.end(end_ns); desk.errors; desk.intents(parts)

`unsupported` says beforehand why a run has to be interpreted.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from mm_framework.contracts.strategy import Strategy, units
from mm_framework.errors import StrategyError
from mm_framework.kernels.memory import Buffer
from mm_framework.model.fixed import MAX
from mm_framework.model.orders import Intent
from mm_framework.trading.actor import place_of, raised
from mm_framework.trading.backtest import Sent
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled import desk_memory as memory
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.called import CalledStrategy
from mm_framework.trading.compiled.desk import desk_end
from mm_framework.trading.compiled.intents import IntentColumn
from mm_framework.trading.compiled.lazy import Lazy
from mm_framework.trading.compiled.memory import Half, Part, Run
from mm_framework.trading.compiled.strategy import CompiledStrategy
from mm_framework.trading.desk import restless
from mm_framework.trading.market import Slot
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.simulation import overwhelmed
from mm_framework.trading.views import MAX_WISHES

__all__ = ["CompiledDesk", "unsupported"]

_WORD: Final = 8
_LIMITS: Final = frozenset({"order_size", "total_orders"})
"""The limits that the kernels know."""


def unsupported(limits: LimitSettings) -> str | None:
    """Why limits need the interpreted engine; None when they do not."""
    for field in attrs.fields(LimitSettings):
        if field.name not in _LIMITS and getattr(limits, field.name) != field.default:
            return f"limit {field.name}"
    return None


def _half_of(strategy: Strategy) -> type[CompiledStrategy] | type[CalledStrategy]:
    return CalledStrategy if strategy.python_only else CompiledStrategy


class CompiledDesk:
    """Strategies by name, with room for ``instruments``.

    Raises PluginError for one that cannot be compiled.
    """

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        settings: TradingSettings,
        limits: LimitSettings,
        instruments: int,
    ) -> None:
        self.limits = limits
        self.strategies = [
            _half_of(strategies[name])(name, strategies[name], settings.seed) for name in sorted(strategies)
        ]
        self._raised: dict[int, StrategyError] = {}
        self._slots: list[Slot] = []
        self._addresses = Buffer(max(1, len(strategies)) * _WORD)
        self._sizes = Buffer(instruments * _WORD)
        self._block = Buffer(memory.DESK_BYTES)
        self._rooms = self._make_rooms(len(strategies))
        for index, strategy in enumerate(self.strategies):
            strategy.place_instruments(instruments)
            self._addresses.words()[index] = strategy.context_address
            self._describe(index, strategy)

    def attach(self, run: Run, here: Half) -> None:
        """Make a run's desk of this; its views are known by then."""
        self._run = run
        run[layout.RUN_DESK] = self._block.address
        for strategy in self.strategies:
            strategy.place_views(run[layout.RUN_VIEWS], run[layout.RUN_VIEW_BYTES], here)

    @property
    def names(self) -> Sequence[str]:
        """The strategies, in order."""
        return [strategy.name for strategy in self.strategies]

    @property
    def wakes(self) -> int:
        """Bits of `On` that wake any of them."""
        return functools.reduce(operator.or_, (one.strategy.wakes for one in self.strategies), 0)

    @property
    def depth(self) -> int:
        """The most levels that a strategy declared."""
        return max((one.strategy.depth for one in self.strategies), default=1)

    def define(self, slot: Slot) -> None:
        """A definition came into force here, at the scales of the one before."""
        if slot.index == len(self._slots):
            self._slots.append(slot)
        size = _limit(self.limits.order_size, slot.definition.size_scale)
        self._sizes.words()[slot.index] = size
        for index, strategy in enumerate(self.strategies):
            if self._stopped(strategy):
                continue
            try:
                strategy.define(slot.index, slot.definition)
            except Exception as error:
                seq = self._run[layout.RUN_SEQ_HERE]
                self._stop(index, raised(strategy.name, "define", seq, error, place_of(error)))

    def end(self, end_ns: int) -> bool:
        """Wake who wishes to be at the end; False where there was no room for all that they asked for."""
        return desk_end(self._run.address) == 0

    def resume(self) -> None:
        """Raise what interrupted a strategy and no kernel could pass on."""
        for strategy in self.strategies:
            if strategy.interruption is not None:
                raise strategy.interruption

    @property
    def errors(self) -> list[StrategyError]:
        """The errors of strategies that were stopped, in order of name."""
        found = []
        for index, strategy in enumerate(self.strategies):
            stopped, seq = self._stopped(strategy), strategy.word(at.CTX_STOP_SEQ)
            if stopped == at.Stop.ERROR:
                found.append(raised(strategy.name, "decide", seq, strategy.failure(), strategy.failed_at))
            elif stopped == at.Stop.ROUNDS:
                found.append(restless(strategy.name, seq))
            elif stopped == at.Stop.ANSWERS:
                found.append(overwhelmed(strategy.name, seq))
            elif stopped:
                found.append(self._raised[index])
        return found

    def intents(self, parts: Sequence[Part]) -> tuple[Sequence[Intent], Sequence[Sent], str]:
        """All intents, when they were decided on and why they did not leave, and the hash of their lines."""
        column = IntentColumn(
            parts,
            self.names,
            [strategy.strategy.tags for strategy in self.strategies],
            [slot.id for slot in self._slots],
        )
        count = column.count
        return Lazy(lambda: count, column.intents), Lazy(lambda: count, column.sent), column.hexdigest()

    def _describe(self, index: int, strategy: CompiledStrategy | CalledStrategy) -> None:
        """What the desk has to know of it; then let it start."""
        strategy.set(at.CTX_FUNCTION, strategy.address)
        strategy.set(at.CTX_INDEX, index)
        strategy.set(at.CTX_WAKES, strategy.strategy.wakes)
        strategy.set(at.CTX_MAX_ORDERS, strategy.strategy.orders)
        try:
            strategy.start()
        except Exception as error:
            self._stop(index, raised(strategy.name, "start", 0, error, place_of(error)))

    def _stop(self, index: int, error: StrategyError) -> None:
        self._raised[index] = error
        self.strategies[index].set(at.CTX_STOPPED, at.Stop.PYTHON)

    def _stopped(self, strategy: CompiledStrategy | CalledStrategy) -> int:
        return strategy.word(at.CTX_STOPPED)

    def _make_rooms(self, strategies: int) -> list[Buffer]:
        """The block, and the rooms that it names."""
        calls = (strategies + memory.WISHES_ROOM) * memory.CALL_BYTES
        wishes = (memory.WISHES_ROOM + MAX_WISHES + 1) * at.WISH_BYTES
        rooms = [Buffer(size) for size in (calls, calls, wishes, memory.TIMERS_ROOM * memory.TIMER_BYTES)]
        words = self._block.words()
        values = {
            memory.DESK_STRATEGIES: self._addresses.address,
            memory.DESK_COUNT: strategies,
            memory.DESK_CALLS: rooms[0].address,
            memory.DESK_NEXT: rooms[1].address,
            memory.DESK_WISHES: rooms[2].address,
            memory.DESK_TIMERS: rooms[3].address,
            memory.DESK_SIZES: self._sizes.address,
            memory.DESK_TOTAL_ORDERS: min(self.limits.total_orders, MAX),
        }
        for offset, value in values.items():
            words[offset // _WORD] = value
        return rooms


def _limit(told: str | None, size_scale: int) -> int:
    """A limit at a scale, MAX for none."""
    return MAX if told is None else min(MAX, units(told, size_scale, up=False))
