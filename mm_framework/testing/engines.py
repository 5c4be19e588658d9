"""For authors of strategies: does the machine code of a strategy say what its source says?

    outcome = engines_agree(STRATEGY, market)

The tape is played by the interpreted engine and by the compiled one; both have to come to the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from mm_framework.contracts.strategy import Strategy
from mm_framework.model.events import ROW, row_dtype
from mm_framework.testing.strategies import Tape
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.engine import Choice, at_hand, run_backtest
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.timeline import TapeMessage

__all__ = ["RowTape", "engines_agree"]

_NOT_COMPARED = ("timeline", "engine", "why")
_COMPARED = [one.name for one in attrs.fields(Outcome) if one.eq and one.name not in _NOT_COMPARED]


class RowTape:
    """A made tape as a stored one is given: blocks of rows and their definitions."""

    def __init__(self, market: Tape) -> None:
        self._messages = market.messages()
        self.definitions = [one.definition for one in self._messages if one.definition is not None]
        made, defined = bytearray(), 0
        for one in self._messages:
            for row in one.rows:
                aux = defined if one.definition is not None else row.aux
                made += ROW.pack(*row._replace(seq=one.seq, aux=aux))
            defined += one.definition is not None
        self._block = np.frombuffer(bytes(made), dtype=row_dtype())

    def blocks(self) -> Iterator[NDArray[np.void]]:
        """All rows, as one block."""
        return iter([self._block])

    def __iter__(self) -> Iterator[TapeMessage]:
        return iter(self._messages)


def engines_agree(strategy: Strategy | Mapping[str, Strategy], market: Tape, **options: Any) -> Outcome:
    """What a backtest did; AssertionError where the compiled engine did something else.

    ``options`` are those of `strategies.backtest`. StrategyError tells of a strategy that failed, ConfigError
    what cannot be compiled. Skips the test where nothing is compiled yet: ``mm warmup --engine`` does that.
    """
    if not at_hand():
        pytest.skip("the engine of backtests is not compiled here: mm warmup --engine")
    strategies = {"strategy": strategy} if isinstance(strategy, Strategy) else strategy
    fee_model = options.pop("fee_model", None) or FlatFee(FlatFeeSettings())
    rows = RowTape(market)

    def played(choice: Choice) -> Outcome:
        return run_backtest(strategies, fee_model, rows, until_ns=market.end_ns, choice=choice, **options)

    interpreted, compiled = played("interpreted"), played("compiled")
    for name in _COMPARED:
        said, expected = getattr(compiled, name), getattr(interpreted, name)
        if name == "errors":
            said, expected = [str(error) for error in said], [str(error) for error in expected]
        assert said == expected, f"{name}: compiled {said!r}, interpreted {expected!r}"
    if interpreted.errors:
        raise interpreted.errors[0]
    return interpreted
