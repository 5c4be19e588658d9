"""What the desk's kernels keep: calls to come, wishes, timers, limits of each instrument.

The address of a DESK block is in RUN_DESK. A moment that needs more than these rooms is not held by a
compiled run (Status.DESK).
"""

from __future__ import annotations

from typing import Final

DESK_STRATEGIES: Final = 0  # addresses of their CTX, in order of name, and how many there are
DESK_COUNT: Final = 8
DESK_CALLS: Final = 16  # CALLs of this round, and room for those of the next one
DESK_NEXT: Final = 24
DESK_WISHES: Final = 32  # INTENTs of one round
DESK_TIMERS: Final = 40  # a heap of (due, index of the strategy), and how many there are
DESK_TIMED: Final = 48
DESK_SIZES: Final = 56  # address of the largest order of each instrument, MAX: no limit
DESK_OPEN: Final = 64  # orders that are open or pending, of all strategies
DESK_TOTAL_ORDERS: Final = 72  # limit of these
DESK_BYTES: Final = 80

CALL_STRATEGY: Final = 0  # address of its CTX
CALL_INSTRUMENT: Final = 8
CALL_REASONS: Final = 16
CALL_SEQ: Final = 24
CALL_TRADE: Final = 32  # address of the print's row, 0: none
CALL_ORDER: Final = 40
CALL_FILLED: Final = 48
CALL_REFUSAL: Final = 56
CALL_WISHES: Final = 64  # what it left
CALL_WISHED: Final = 72
CALL_BYTES: Final = 80

TIMER_BYTES: Final = 16

WISHES_ROOM: Final = 4096
"""Wishes of one round."""
TIMERS_ROOM: Final = 1 << 20
