"""What a backtest did as arrays: of an engine that keeps it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["OutcomeColumns"]

Ints = npt.NDArray[np.int64]


class OutcomeColumns(Protocol):
    """Columns of int64 by name, one row a thing, in the order of the sequences of `backtest.Outcome`; made
    anew by each call. ``slot`` and ``strategy`` are places in ``ids`` and ``names``.
    """

    @property
    def ids(self) -> Sequence[str]:
        """The instruments."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The strategies."""
        ...

    @property
    def fees(self) -> Sequence[int]:
        """Of the fills, one each."""
        ...

    def reports(self) -> dict[str, Ints]:
        """ts_ns, slot, strategy, order, state, kind (0: no request caused it), refusal (0: none), price,
        size, leaves, filled (size of the fill that came with it, 0: none), maker (of that fill), ahead (NULL:
        none or unknown).
        """
        ...

    def fills(self) -> dict[str, Ints]:
        """ts_ns, slot, strategy, order, side, price, size, maker, mid2 (NULL: none)."""
        ...

    def placed(self) -> dict[str, Ints]:
        """strategy, order, side of each intent to place an order."""
        ...

    def refused(self) -> Mapping[int, int]:
        """How many intents never left, by their `Refusal`."""
        ...
