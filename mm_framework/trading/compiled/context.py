"""The memory of one compiled strategy: what its function is given, and what it leaves.

Its only argument is the address of a CTX block. The desk fills the words of the wake-up and empties wishes
and timers; the function writes these and its state, and gives 0, or the number of the site that failed.
An OWN block, one an instrument, holds what the strategy has there as it is known here: its position and its
open orders, oldest first, as four arrays of ``Strategy.orders`` numbers. All words are int64s.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from mm_framework.trading.compiled.layout import INTENT_BYTES

CTX_ERROR: Final = 0  # number of the site that failed first, 0: none
CTX_OPERANDS: Final = 8  # what it was given, eight words
CTX_STEPS: Final = 72  # turns of loops that are left
CTX_NOW: Final = 80  # the wake-up, in the order of `typed.WAKE_NUMBERS`
CTX_INSTRUMENT: Final = 88
CTX_REASONS: Final = 96
CTX_TRADE_PRICE: Final = 104
CTX_TRADE_SIZE: Final = 112
CTX_TRADE_SIDE: Final = 120
CTX_ORDER: Final = 128
CTX_FILLED: Final = 136
CTX_REFUSAL: Final = 144
CTX_STREAM: Final = 152  # of the random numbers
CTX_LAST_ORDER: Final = 160
CTX_WISHES: Final = 168  # address of INTENTs, of which the strategy's part is filled
CTX_WISHED: Final = 176
CTX_TIMERS: Final = 184  # address of times
CTX_TIMED: Final = 192
CTX_INSTRUMENTS: Final = 200
CTX_VIEWS: Final = 208  # address of the first VIEW
CTX_VIEW_BYTES: Final = 216
CTX_OWN: Final = 224  # address of the first OWN
CTX_OWN_BYTES: Final = 232
CTX_STATE: Final = 240
CTX_AT: Final = 248  # address of the first record of ``state.at``
CTX_AT_BYTES: Final = 256
# What the desk keeps beside.
CTX_FUNCTION: Final = 264  # address of the function
CTX_INDEX: Final = 272  # in order of name
CTX_WAKES: Final = 280
CTX_MAX_ORDERS: Final = 288
CTX_STOPPED: Final = 296  # 0, or how it ended: a `Stop`
CTX_STOP_SEQ: Final = 304
CTX_CALLS: Final = 312  # counts, as those of `actor.Actor`
CTX_INTENTS: Final = 320
CTX_FILLS: Final = 328
CTX_REFUSED: Final = 336
CTX_ANSWERS: Final = 344  # how many came at CTX_ANSWERED
CTX_ANSWERED: Final = 352
CTX_BYTES: Final = 360

OWN_POSITION: Final = 0
OWN_OPEN: Final = 8
OWN_ARRAYS: Final = 16  # numbers, sides, prices, leaves


class Stop(enum.IntEnum):
    """Why a strategy is called no more."""

    ERROR = 1  # of its function: CTX_ERROR says where
    ROUNDS = 2  # it answered its own fills and refusals without end
    PYTHON = 3  # of `start` or `define`
    ANSWERS = 4  # it had answers without end at one moment


def own_bytes(orders: int) -> int:
    """The size of an OWN block."""
    return OWN_ARRAYS + 4 * 8 * orders


class Fields:
    """Where the declared fields of a record stand, and the way between memory and `records.make_record`."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        self.offsets: dict[str, int] = {}
        self._kinds: dict[str, tuple[str, int]] = {}
        self.bytes = 0
        for name, told in declared.items():
            kind, _, length = told.rstrip("]").partition("[")
            self.offsets[name] = self.bytes
            self._kinds[name] = (kind, int(length or 0))
            self.bytes += 8 * int(length or 1)

    def write(self, record: Any, words: np.ndarray) -> None:
        """Put a record's numbers into ``words``, int64 of `bytes` bytes."""
        for name, (kind, length) in self._kinds.items():
            first = self.offsets[name] // 8
            value = getattr(record, name)
            numbers = [value[k] for k in range(length)] if length else [value]
            words[first : first + len(numbers)] = np.array(numbers, kind).view("i8")

    def read(self, record: Any, words: np.ndarray) -> None:
        """The reverse of `write`."""
        for name, (kind, length) in self._kinds.items():
            first = self.offsets[name] // 8
            numbers = words[first : first + max(1, length)].view(kind).tolist()
            if not length:
                setattr(record, name, numbers[0])
            for k in range(length):
                getattr(record, name)[k] = numbers[k]


WISH_BYTES: Final = INTENT_BYTES
