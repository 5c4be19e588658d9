"""One small accumulator per property of a run of quotes. Each takes parts in order and keeps counts."""

from __future__ import annotations

from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.quality.bbo_file import Quotes

__all__ = ["Backward", "Duplicates", "Gaps", "Prices", "Unchanged", "WorstAges"]

WORST: Final = 10

Floats = npt.NDArray[np.float64]


@attrs.define
class Prices:
    """Rows that no market gives: ``crossed`` (bid over ask), a spread or a size that is not positive."""

    crossed: int = 0
    spread_not_positive: int = 0
    size_not_positive: int = 0

    def add(self, quotes: Quotes) -> None:
        """The next rows; an absent price or size is no finding."""
        self.crossed += int(np.count_nonzero(quotes.bid > quotes.ask))
        self.spread_not_positive += int(np.count_nonzero(quotes.bid >= quotes.ask))
        self.size_not_positive += int(np.count_nonzero((quotes.bid_qty <= 0) | (quotes.ask_qty <= 0)))


@attrs.define
class Backward:
    """Steps back of the venue time within a symbol, beyond the tolerance.

    ``timed``: rows with a venue time; ``rows``: those that lie before the row before them.
    """

    tolerance_ms: float
    timed: int = 0
    rows: int = 0
    max_jump_ms: float = 0.0
    _last: dict[int, float] = attrs.field(factory=dict)

    def add(self, symbol: int, quotes: Quotes) -> None:
        """The next rows of a symbol."""
        times = quotes.venue_ms[~np.isnan(quotes.venue_ms)]
        if not len(times):
            return
        steps = _steps(self._last.get(symbol), times)
        self._last[symbol] = float(times[-1])
        self.timed += len(times)
        back = -steps[steps < -self.tolerance_ms]
        self.rows += len(back)
        self.max_jump_ms = max(self.max_jump_ms, float(back.max(initial=0.0)))

    def forget(self) -> None:
        """The next row has none before it."""
        self._last.clear()

    @property
    def share(self) -> float:
        """Of the rows with a venue time, 0 to 1."""
        return self.rows / self.timed if self.timed else 0.0


@attrs.define
class Gaps:
    """Silences of a symbol, longer than the limit. ``max_ms``: the longest silence of all."""

    limit_ms: float
    count: int = 0
    max_ms: float = 0.0
    _last: dict[int, float] = attrs.field(factory=dict)

    def add(self, symbol: int, quotes: Quotes) -> None:
        """The next rows of a symbol."""
        times = quotes.recv_ms[~np.isnan(quotes.recv_ms)]
        if len(times):
            steps = _steps(self._last.get(symbol), times)
            self._last[symbol] = float(times[-1])
            self.count += int(np.count_nonzero(steps > self.limit_ms))
            self.max_ms = max(self.max_ms, float(steps.max(initial=0.0)))

    def forget(self) -> None:
        """The next row has none before it."""
        self._last.clear()


@attrs.define
class Unchanged:
    """The longest time in which rows came and neither price nor size changed."""

    max_ms: float = 0.0
    _last: dict[int, tuple[float, Floats]] = attrs.field(factory=dict)

    def add(self, symbol: int, quotes: Quotes) -> None:
        """The next rows of a symbol."""
        keep = ~np.isnan(quotes.recv_ms)
        times = quotes.recv_ms[keep]
        if not len(times):
            return
        prices = np.stack([quotes.bid, quotes.ask, quotes.bid_qty, quotes.ask_qty])[:, keep]
        prices = np.nan_to_num(prices, nan=-1.0)  # an absent one equals itself
        since_ms, first = self._last.get(symbol, (float(times[0]), prices[:, 0]))
        changed = np.any(np.diff(prices, axis=1, prepend=first[:, None]) != 0, axis=0)
        since = np.concatenate(([since_ms], times[changed]))[np.cumsum(changed)]
        self.max_ms = max(self.max_ms, float((times - since).max()))
        self._last[symbol] = (float(since[-1]), prices[:, -1])

    def forget(self) -> None:
        """The next row has none before it."""
        self._last.clear()


class Duplicates:
    """Rows that are there more than once, the time of capture left out; 8 bytes a row."""

    def __init__(self) -> None:
        self._hashes: list[npt.NDArray[np.uint64]] = []

    def add(self, quotes: Quotes) -> None:
        """The next rows."""
        mixed = quotes.symbol.astype(np.uint64)
        for column in (
            quotes.recv_ms,
            quotes.venue_ms,
            quotes.bid,
            quotes.ask,
            quotes.bid_qty,
            quotes.ask_qty,
        ):
            mixed = _mix(mixed ^ column.view(np.uint64))
        self._hashes.append(mixed)

    @property
    def rows(self) -> int:
        """How many repeat another one."""
        if not self._hashes:
            return 0
        every = np.concatenate(self._hashes)
        return len(every) - len(np.unique(every))


@attrs.define
class WorstAges:
    """The rows of the largest ages, largest first; of equal ones the first."""

    stale_age_ms: float
    stale: int = 0
    rows: list[dict[str, Any]] = attrs.field(factory=list)

    def add(self, quotes: Quotes, symbols: list[str]) -> None:
        """The next rows."""
        self.stale += int(np.count_nonzero(quotes.age_ms > self.stale_age_ms))
        ages = np.where(np.isnan(quotes.age_ms), -np.inf, quotes.age_ms)
        order = np.argsort(-ages, kind="stable")[:WORST]
        self.rows += [
            {
                "row": int(quotes.row[place]),
                "capture_time_utc": quotes.captured[int(place)].as_py(),
                "symbol": symbols[quotes.symbol[place]],
                "age_ms": round(float(ages[place]), 3),
            }
            for place in order
            if ages[place] > -np.inf
        ]
        self.rows = sorted(self.rows, key=lambda row: (-row["age_ms"], row["row"]))[:WORST]


def _steps(last: float | None, times: Floats) -> Floats:
    """Differences of neighbours, from ``last`` on."""
    return np.diff(times) if last is None else np.diff(times, prepend=last)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A bijection of 64 bits in which each bit of the input moves half of the output (splitmix64)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
