"""The memory of one strategy under the compiled engine: what its function is given, and what it leaves.

``context``, ``wishes``, ``timers`` and ``state`` are int64s as `context` lays them out; `place_instruments`
and `place_views` give the function the rest before the first call. It lives as long as the object.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mm_framework.contracts.strategy import Strategy
from mm_framework.kernels.memory import Buffer
from mm_framework.trading.compiled import context as at
from mm_framework.trading.views import MAX_WISHES, WakeView

__all__ = ["StrategyMemory"]


class StrategyMemory:
    """A strategy called ``name`` in a run of ``seed``."""

    def __init__(self, name: str, strategy: Strategy, seed: int) -> None:
        self.name, self.strategy = name, strategy
        self.state_fields, self.at_fields = at.Fields(strategy.state), at.Fields(strategy.at)
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

    def place_views(self, address: int, stride: int, held_by: object = None) -> None:
        """Where the views of the markets stand; ``held_by``: what their memory lives as long as."""
        self._views = held_by
        self.set(at.CTX_VIEWS, address)
        self.set(at.CTX_VIEW_BYTES, stride)

    def _block(self, name: str, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Memory as int64s; `Buffer` owns it."""
        made = self._memory[name] = Buffer(size)
        return np.frombuffer(made.view, np.int64)
