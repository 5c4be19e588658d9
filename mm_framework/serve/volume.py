"""Traded volume of the last 24 hours, in minutes; exact integers until it is told."""

from __future__ import annotations

from collections import deque

from mm_framework.model.fixed import text
from mm_framework.serve.bars import DAY_MINUTES, MINUTE_MS
from mm_framework.serve.messages import Volume

__all__ = ["DayVolume"]


class DayVolume:
    """Sums of trades by minute of receive time; a minute leaves as a whole, a day after it began.

    Sums stand at the largest scales that a trade had so far.
    """

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque()  # minute, base, quote, trades
        self._base = self._quote = self._trades = 0
        self._scales = (0, 0)
        self._first_ms: int | None = None
        self._now_ms = 0

    def add(self, ts_ms: int, price: int, size: int, scales: tuple[int, int]) -> None:
        """One trade, integers at these scales of price and size."""
        self.pass_to(ts_ms)
        if self._first_ms is None:
            self._first_ms = ts_ms
        minute = self._now_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0, 0, 0])
        if scales != self._scales:
            self._rescale(max(scales[0], self._scales[0]), max(scales[1], self._scales[1]))
        price *= 10 ** (self._scales[0] - scales[0])
        size *= 10 ** (self._scales[1] - scales[1])
        self._count(self._minutes[-1], size, price * size, 1)

    def pass_to(self, now_ms: int) -> None:
        """Time goes on; it never goes back."""
        self._now_ms = max(now_ms, self._now_ms)
        oldest = self._now_ms // MINUTE_MS - DAY_MINUTES
        while self._minutes and self._minutes[0][0] <= oldest:
            _, base, quote, trades = self._minutes.popleft()
            self._base, self._quote, self._trades = (
                self._base - base,
                self._quote - quote,
                self._trades - trades,
            )

    def told(self) -> Volume:
        """The sums as decimals."""
        covered_ms = 0 if self._first_ms is None else self._now_ms - self._first_ms
        return Volume(
            base=text(self._base, self._scales[1]),
            quote=_long(self._quote, sum(self._scales)),
            trades=self._trades,
            covered_s=min(covered_ms // 1000, DAY_MINUTES * 60),
        )

    def _rescale(self, price_scale: int, size_scale: int) -> None:
        """To other scales, which are never smaller."""
        base = 10 ** (size_scale - self._scales[1])
        quote = 10 ** (price_scale - self._scales[0]) * base
        for minute in self._minutes:
            minute[1:3] = [minute[1] * base, minute[2] * quote]
        self._base, self._quote = self._base * base, self._quote * quote
        self._scales = price_scale, size_scale

    def _count(self, minute: list[int], base: int, quote: int, trades: int) -> None:
        minute[1:] = [minute[1] + base, minute[2] + quote, minute[3] + trades]
        self._base, self._quote, self._trades = self._base + base, self._quote + quote, self._trades + trades


def _long(value: int, scale: int) -> str:
    """`fixed.text` for a product of price and size, whose scale may be over 18."""
    whole, fraction = divmod(value, int(10**scale))
    return f"{whole}.{fraction:0{scale}d}".rstrip("0").rstrip(".") if fraction else f"{whole}"
