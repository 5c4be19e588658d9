"""What a frame says in the venue's own words: a message writer that keeps the texts."""

from __future__ import annotations

from collections.abc import Callable

from mm_framework.contracts.normalizer import Control
from mm_framework.contracts.sink import Told, ToldTrade
from mm_framework.model.events import NULL

__all__ = ["ToldWriter"]

_Top = tuple[str | None, str | None, str | None, str | None]


class ToldWriter:
    """Implements `contracts.normalizer.MessageWriter`.

    ``resolve(channel, venue_symbol)`` is the instrument's id when the run follows it there, else None.
    """

    def __init__(self, resolve: Callable[[str, str, str], str | None]) -> None:
        self._resolve = resolve
        self.reset()

    def reset(self) -> None:
        """Forget the frame."""
        self.told: list[Told] = []
        self.controls: list[Control] = []
        self._open: tuple[str, str, str, str, bool] | None = None
        self._levels: list[tuple[int, str, str]] = []
        self._trades: list[ToldTrade] = []
        self._tops: list[_Top] = []

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        """See the contract."""
        instrument = self._resolve(channel, carries, venue_symbol)
        if instrument is None:
            return False
        self._open = (instrument, venue_symbol, channel, carries, snapshot)
        self._levels, self._trades, self._tops = [], [], []
        return True

    def level(self, side: int, price: str, size: str) -> None:
        """See the contract."""
        self._levels.append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        """See the contract."""
        self._trades.append(ToldTrade(side, price, size, trade_id, ts_venue_ns, order_type))

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        """See the contract."""
        self._tops.append((bid, bid_size, ask, ask_size))

    def end(
        self,
        *,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        depth: int | None = None,
        digest: str | None = None,
        time_text: str | None = None,
    ) -> None:
        """See the contract."""
        if self._open is None:
            raise RuntimeError("a message is written between begin and end")
        self.told.append(
            Told(
                *self._open,
                levels=tuple(self._levels),
                trades=tuple(self._trades),
                tops=tuple(self._tops),
                first=first,
                last=last,
                prev=prev,
                checksum=checksum,
                ts_venue_ns=ts_venue_ns,
                time_text=time_text,
            )
        )
        self._open = None

    def sequence(self, number: int) -> None:
        """The number of a frame on its connection is `Feed`'s business."""

    def control(self, event: Control) -> None:
        """See the contract."""
        self.controls.append(event)
