"""A strategy as machine code: its function, its memory, and what its errors mean.

    compiled = CompiledStrategy(name, strategy, seed)
    compiled.address        the function, int64(int64 ctx)
    compiled.failure()      after it gave a site: the exception that the interpreted mode raises

Compiling takes some hundredths of a second, so nothing is kept on disk. Code and memory live as long as the
object.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

import llvmlite.binding as llvm
import numpy as np

from mm_framework import num
from mm_framework.contracts.strategy import Strategy
from mm_framework.trading import machine
from mm_framework.trading.compiled import context as at
from mm_framework.trading.compiled.emit import ENTRY, Site, emit
from mm_framework.trading.program import decide_of
from mm_framework.trading.records import make_record
from mm_framework.trading.typed import FUNCTIONS, Typed
from mm_framework.trading.views import MAX_WISHES, Indexed, MarketView, OutBox, WakeView

__all__ = ["CompiledStrategy"]

_METHODS: Final = frozenset({"place", "cancel", "replace", "timer"})
_guard = threading.Lock()


class CompiledStrategy:
    """One strategy of a run. Raises PluginError where ``decide`` cannot be compiled.

    ``context``, ``wishes``, ``timers`` and ``state`` are its memory, int64s; `place_instruments` and
    `place_views` give it the rest before the first call.
    """

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        decide_of(name, strategy)  # refuses with the strategy's name
        self.name, self.strategy = name, strategy
        self.state_fields, self.at_fields = at.Fields(strategy.state), at.Fields(strategy.at)
        text, self._sites = emit(Typed.of(strategy))
        self._code, self.address = _load(text)
        self.context = np.zeros(at.CTX_BYTES // 8, np.int64)
        self.wishes = np.zeros((MAX_WISHES, at.WISH_BYTES // 8), np.int64)
        self.timers = np.zeros(MAX_WISHES, np.int64)
        self.state = np.zeros(max(1, self.state_fields.bytes // 8), np.int64)
        self._set(at.CTX_STREAM, np.uint64(WakeView(seed, name).stream).astype(np.int64))
        self._set(at.CTX_WISHES, self.wishes.ctypes.data)
        self._set(at.CTX_TIMERS, self.timers.ctypes.data)
        self._set(at.CTX_STATE, self.state.ctypes.data)
        self.place_instruments(1)
        self._set(at.CTX_INSTRUMENTS, 0)

    def place_instruments(self, most: int) -> None:
        """Make room for ``most`` instruments; what was kept of fewer is kept."""
        own, fields = at.own_bytes(self.strategy.orders), max(8, self.at_fields.bytes)
        made = np.zeros((most, own // 8), np.int64), np.zeros((most, fields // 8), np.int64)
        for block, before in zip(made, (getattr(self, "own", None), getattr(self, "at", None)), strict=True):
            if before is not None:
                block[: len(before)] = before[:most]
        self.own, self.at = made
        self._set(at.CTX_OWN, self.own.ctypes.data)
        self._set(at.CTX_OWN_BYTES, own)
        self._set(at.CTX_AT, self.at.ctypes.data)
        self._set(at.CTX_AT_BYTES, fields)

    def place_views(self, address: int, stride: int) -> None:
        """Where the views of the markets stand."""
        self._set(at.CTX_VIEWS, address)
        self._set(at.CTX_VIEW_BYTES, stride)

    def start(self) -> None:
        """Let ``Strategy.start`` fill the state. Raises what that raises."""
        if self.strategy.start is not None:
            record = make_record(self.strategy.state, at=Indexed())
            self.strategy.start(record)
            self.state_fields.write(record, self.state)

    def define(self, index: int, definition: Any) -> None:
        """Let ``Strategy.define`` bring the record of an instrument along. Raises what that raises."""
        self._set(at.CTX_INSTRUMENTS, max(index + 1, int(self.context[at.CTX_INSTRUMENTS // 8])))
        if self.strategy.define is not None:
            record = make_record(self.strategy.at)
            self.at_fields.read(record, self.at[index])
            self.strategy.define(record, definition)
            self.at_fields.write(record, self.at[index])

    def failure(self) -> Exception:
        """The error of the last call, as the interpreted mode raises it."""
        number = int(self.context[at.CTX_ERROR // 8])
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
            range(*operands, 0)
        elif site.what == "instrument":
            raise IndexError(f"instrument {operands[0]}, of {operands[1]}")
        elif site.what == "index":
            _index(site.detail[0], operands[0])
        else:
            machine.OPERATIONS[site.what](*operands)

    def _ask(self, method: str, operands: list[int]) -> None:
        """A call of ``out`` on the state of the context."""
        wake, market = WakeView(0, self.name), MarketView()
        wake.set(int(self.context[at.CTX_NOW // 8]), -1, 0)
        for _ in range(int(self.context[at.CTX_INSTRUMENTS // 8])):
            market.add(None)  # type: ignore[arg-type]
        out = OutBox(self.strategy, wake, market)
        out.last_order = int(self.context[at.CTX_LAST_ORDER // 8])
        for _ in range(int(self.context[at.CTX_WISHED // 8])):
            out.cancel(out.last_order)
        out.timers = self.timers[: self.context[at.CTX_TIMED // 8]].tolist()
        getattr(out, method)(*operands)

    def _set(self, offset: int, value: Any) -> None:
        self.context[offset // 8] = value


def _index(array: Any, k: int) -> None:
    if array.owner == "view":
        machine.OPERATIONS["Item"]([0] * array.length, k)
    else:
        getattr(make_record({array.name: f"{array.kind}[{array.length}]"}), array.name)[k]


@cache
def _ready() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _load(text: str) -> tuple[Any, int]:
    """Compile a module; its engine, which owns the code, and the address of its entry."""
    with _guard:
        _ready()
        module = llvm.parse_assembly(text)
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
        )
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        passes = llvm.create_pass_builder(target, options)
        passes.getModulePassManager().run(module, passes)
        engine = llvm.create_mcjit_compiler(module, target)
        engine.finalize_object()
        return engine, engine.get_function_address(ENTRY)
