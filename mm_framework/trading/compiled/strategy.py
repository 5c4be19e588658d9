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

import numpy as np

from mm_framework import num
from mm_framework.contracts.strategy import Strategy
from mm_framework.kernels.kept import machine_code
from mm_framework.kernels.memory import Buffer
from mm_framework.kernels.native import link
from mm_framework.trading import machine
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled.emit import ENTRY, emit
from mm_framework.trading.compiled.emit_base import Site
from mm_framework.trading.compiled.emit_numbers import link_functions
from mm_framework.trading.program import typed_of
from mm_framework.trading.records import make_record
from mm_framework.trading.typed import FUNCTIONS
from mm_framework.trading.views import MAX_WISHES, Indexed, MarketView, OutBox, WakeView

__all__ = ["CompiledStrategy"]

_emitted = lru_cache(maxsize=64)(emit)
_METHODS: Final = frozenset({"place", "cancel", "replace", "timer"})


class CompiledStrategy:
    """One strategy of a run. Raises PluginError where ``decide`` cannot be compiled.

    ``context``, ``wishes``, ``timers`` and ``state`` are its memory, int64s; `place_instruments` and
    `place_views` give it the rest before the first call.
    """

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        self.name, self.strategy = name, strategy
        self.state_fields, self.at_fields = at.Fields(strategy.state), at.Fields(strategy.at)
        text, self._sites = _emitted(typed_of(name, strategy))
        self._code, self.address = _load(text)
        self._memory: dict[str, Buffer] = {}
        self.context = self._block("context", at.CTX_BYTES)
        self.wishes = self._block("wishes", MAX_WISHES * at.WISH_BYTES).reshape(MAX_WISHES, -1)
        self.timers = self._block("timers", MAX_WISHES * 8)
        self.state = self._block("state", max(8, self.state_fields.bytes))
        self.context[at.CTX_STREAM // 8] = np.uint64(WakeView(seed, name).stream).astype(np.int64)
        self.set(at.CTX_WISHES, self._memory["wishes"].address)
        self.set(at.CTX_TIMERS, self._memory["timers"].address)
        self.set(at.CTX_STATE, self._memory["state"].address)
        self.place_instruments(1)

    @property
    def context_address(self) -> int:
        """What the function is given."""
        return self._memory["context"].address

    def word(self, offset: int) -> int:
        """A word of the context."""
        return int(self.context[offset // 8])

    def set(self, offset: int, value: int) -> None:
        """Set it."""
        self.context[offset // 8] = value

    def place_instruments(self, most: int) -> None:
        """Make room for ``most`` instruments, which begin anew."""
        own, fields = at.own_bytes(self.strategy.orders), max(8, self.at_fields.bytes)
        self.own = self._block("own", most * own).reshape(most, -1)
        self.at = self._block("at", most * fields).reshape(most, -1)
        self.set(at.CTX_OWN, self._memory["own"].address)
        self.set(at.CTX_OWN_BYTES, own)
        self.set(at.CTX_AT, self._memory["at"].address)
        self.set(at.CTX_AT_BYTES, fields)

    def place_views(self, address: int, stride: int) -> None:
        """Where the views of the markets stand."""
        self.set(at.CTX_VIEWS, address)
        self.set(at.CTX_VIEW_BYTES, stride)

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

    def _block(self, name: str, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Memory as int64s; `Buffer` owns it."""
        made = self._memory[name] = Buffer(size)
        return np.frombuffer(made.view, np.int64)


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
