"""A strategy as machine code: its function, its memory, and what its errors mean.

    compiled = CompiledStrategy(name, strategy, seed)
    compiled.address        the function, int64(int64 ctx)
    compiled.failure()      after it gave a site: the exception that the interpreted mode raises

The code is kept on disk, see `kept`, and a process keeps that of the last strategies. Memory lives as long as
the object.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from mm_framework import num
from mm_framework.contracts.strategy import Strategy
from mm_framework.kernels.kept import machine_code
from mm_framework.kernels.native import link
from mm_framework.trading import machine
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled.emit import ENTRY, emit
from mm_framework.trading.compiled.emit_base import Site
from mm_framework.trading.compiled.emit_numbers import link_functions
from mm_framework.trading.compiled.strategy_memory import StrategyMemory
from mm_framework.trading.program import typed_of
from mm_framework.trading.records import make_record
from mm_framework.trading.typed import FUNCTIONS
from mm_framework.trading.views import Indexed, MarketView, OutBox, WakeView

__all__ = ["CompiledStrategy"]

_emitted = lru_cache(maxsize=64)(emit)
_METHODS: Final = frozenset({"place", "cancel", "replace", "timer"})


class CompiledStrategy(StrategyMemory):
    """One strategy of a run. Raises PluginError where ``decide`` cannot be compiled."""

    interruption: Final = None
    """Nothing interrupts machine code."""

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        super().__init__(name, strategy, seed)
        text, self._sites = _emitted(typed_of(name, strategy))
        self._code, self.address = _load(text)

    def start(self) -> None:
        """Let ``Strategy.start`` fill the state. Raises what that raises."""
        if self.strategy.start is not None:
            record = make_record(self.strategy.state, at=Indexed())
            self.strategy.start(record)
            self.state_fields.write(record, self.state)

    def define(self, index: int, definition: Any) -> None:
        """Let ``Strategy.define`` bring the record of an instrument along. Raises what that raises."""
        self.set(at.CTX_INSTRUMENTS, max(index + 1, self.word(at.CTX_INSTRUMENTS)))
        if self.strategy.define is not None:
            record = make_record(self.strategy.at)
            self.at_fields.read(record, self.at[index])
            self.strategy.define(record, definition)
            self.at_fields.write(record, self.at[index])

    @property
    def failed_at(self) -> str:
        """The line at which the last call failed, ``strategy.py:57``."""
        return self._sites[self.word(at.CTX_ERROR) - 1].place

    def failure(self) -> Exception:
        """The error of the last call, as the interpreted mode raises it."""
        number = self.word(at.CTX_ERROR)
        site = self._sites[number - 1]
        first = at.CTX_OPERANDS // 8
        words = self.context[first : first + len(site.kinds)]
        operands = [word.view(kind).item() for word, kind in zip(words, site.kinds, strict=True)]
        try:
            self._repeat(site, operands)
        except Exception as error:
            return error.with_traceback(None)
        return RuntimeError(f"{site.what} failed on {operands}")

    def _repeat(self, site: Site, operands: list[Any]) -> None:
        """Do again, interpreted, what failed."""
        if site.what in _METHODS:
            self._ask(site.what, operands)
        elif site.what in FUNCTIONS:
            getattr(num, site.what)(*operands)
        elif site.what == "loop":
            raise RuntimeError(
                f"a loop went around {machine.MAX_STEPS} times in one call: it would never end"
            )
        elif site.what == "range":
            range(operands[0], operands[1], 0)
        elif site.what == "instrument":
            raise IndexError(f"instrument {operands[0]}, of {operands[1]}")
        elif site.what == "index":
            _index(site.detail[0], operands[0])
        else:
            machine.OPERATIONS[site.what](*operands)

    def _ask(self, method: str, operands: list[int]) -> None:
        """A call of ``out`` on the state of the context."""
        wake, market = WakeView(0, self.name), MarketView()
        wake.set(self.word(at.CTX_NOW), -1, 0)
        for _ in range(self.word(at.CTX_INSTRUMENTS)):
            market.add(None)  # type: ignore[arg-type]
        out = OutBox(self.strategy, wake, market)
        out.last_order = self.word(at.CTX_LAST_ORDER)
        for _ in range(self.word(at.CTX_WISHED)):
            out.cancel(out.last_order)
        out.timers = self.timers[: self.word(at.CTX_TIMED)].tolist()
        getattr(out, method)(*operands)


def _index(array: Any, k: int) -> None:
    if array.owner == "view":
        machine.OPERATIONS["Item"]([0] * array.length, k)
    else:
        getattr(make_record({array.name: f"{array.kind}[{array.length}]"}), array.name)[k]


@lru_cache(maxsize=64)
def _load(text: str) -> tuple[Any, int]:
    """The code of a module: its engine, which owns it, and the address of its entry.

    The text is all that the code depends on, so that a process links it once.
    """
    link_functions()
    engine = link(machine_code(text))
    return engine, engine.get_function_address(ENTRY)
