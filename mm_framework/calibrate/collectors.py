"""The collectors of a run: features of every symbol, kept by one thread of their own.

    on_chunk -> queue -> thread -> SymbolFeatures of each symbol -> `board`, replaced as a whole

Nobody takes a lock: the thread alone writes, and who reads gets the last whole board.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import attrs

from mm_framework.calibrate.chunk import Chunk, Filled, Gap, Tick
from mm_framework.calibrate.families import Family, Row
from mm_framework.calibrate.features import FEATURES, SymbolFeatures
from mm_framework.calibrate.settings import CollectorSettings, ScoreboardSettings

__all__ = ["Collectors", "Features", "SymbolBoard", "score"]

_HELP: Final[Mapping[str, str]] = {
    "vol_realized": "realised volatility of the mid, bps a square root of a second",
    "liq_top_depth": "best bid and best ask size, added",
    "latency_p95": "95th percentile of the time of a wake-up, ms",
    "pnl_dev": "distance of the profit from its target, bps of turnover",
    "fill_rate": "fills of a quote, at most 1",
    "taker_share": "share of takers in the fills",
    "queue_absorb_rate": "size a second by which the queue before us gets shorter",
    "queue_eta_ms": "time that the queue before us needs, ms",
    "slippage_bps": "price against the mid at the decision, bps, positive is cost",
    "adverse_move_bps": "move of the mid after fills, bps, positive hurts",
}


@attrs.frozen
class SymbolBoard:
    """A symbol as it is now: its features, its score of 0 to 1, its counts."""

    instrument: str
    symbol: str
    features: Mapping[str, float | None]
    score: float | None
    net_bps: float | None
    total_ticks: int
    fills: int
    maker_fills: int
    taker_fills: int


def score(
    features: Mapping[str, float | None], net_bps: float | None, settings: ScoreboardSettings
) -> float | None:
    """The weighted mean of the parts that are known, each 0 to 1; None when none with a weight is.

    Profit: 0 at ``-full_bps``, 1 at ``full_bps``. Slippage and adverse move: 1 at 0 or a gain, 0 at
    ``full_bps``. Queue: 1 / (1 + ETA / ``half_eta_ms``).
    """
    full, eta = settings.full_bps, features["queue_eta_ms"]
    slippage, adverse = features["slippage_bps"], features["adverse_move_bps"]
    parts = (
        (settings.net_bps, None if net_bps is None else _unit((net_bps + full) / (2 * full))),
        (settings.fill_rate, features["fill_rate"]),
        (settings.slippage, None if slippage is None else _unit(1 - slippage / full)),
        (settings.queue_edge, None if eta is None else 1 / (1 + eta / settings.half_eta_ms)),
        (settings.adverse_move, None if adverse is None else _unit(1 - adverse / full)),
    )
    known = [(weight, part) for weight, part in parts if part is not None]
    weights = sum(weight for weight, _ in known)
    return sum(weight * part for weight, part in known) / weights if weights else None


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))


class Features:
    """The features of every symbol, chunk by chunk. Pure; `Collectors` gives it a thread."""

    def __init__(self, settings: CollectorSettings, scoreboard: ScoreboardSettings) -> None:
        self._settings, self._scoreboard = settings, scoreboard
        self._symbols: dict[str, tuple[str, SymbolFeatures]] = {}

    def add(self, chunk: Chunk) -> None:
        """What happened, in order of event time; at one moment gaps, then fills, then wake-ups."""
        for row in _in_order(chunk):
            features = self._of(row.instrument, row.symbol)
            if isinstance(row, Tick):
                features.tick(row)
            elif isinstance(row, Filled):
                features.fill(row)
            else:
                features.gap()

    def board(self) -> Mapping[str, SymbolBoard]:
        """Every symbol as it is now, by instrument."""
        return MappingProxyType(
            {
                instrument: self._shown(instrument, symbol, features)
                for instrument, (symbol, features) in self._symbols.items()
            }
        )

    def _of(self, instrument: str, symbol: str) -> SymbolFeatures:
        found = self._symbols.get(instrument)
        if found is None:
            alpha = self._settings.alphas.get(symbol, self._settings.alpha)
            found = self._symbols[instrument] = (symbol, SymbolFeatures(self._settings, alpha))
        return found[1]

    def _shown(self, instrument: str, symbol: str, one: SymbolFeatures) -> SymbolBoard:
        values, net_bps = one.values(), one.net_bps
        return SymbolBoard(
            instrument,
            symbol,
            values,
            score(values, net_bps, self._scoreboard),
            net_bps,
            one.total_ticks,
            one.fills,
            one.maker_fills,
            one.taker_fills,
        )


class Collectors:
    """A `ChunkObserver`. ``board``: every symbol as of the last chunk that was worked off."""

    def __init__(
        self, settings: CollectorSettings | None = None, scoreboard: ScoreboardSettings | None = None
    ) -> None:
        self._features = Features(settings or CollectorSettings(), scoreboard or ScoreboardSettings())
        self.board = self._features.board()
        self._queue: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="collectors", daemon=True)
        self._thread.start()

    def on_chunk(self, chunk: Chunk) -> None:
        """See `ChunkObserver`; any thread may call. Raises what an earlier chunk met."""
        if self._error is not None:
            raise self._error
        self._queue.put(chunk)

    def close(self) -> None:
        """All chunks are worked off when this returns."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def families(self) -> Iterator[Family]:
        """A `prometheus.Source`: the features, the scoreboard, the counts of each symbol."""
        boards = list(self.board.values())
        for name in FEATURES:
            rows = _rows(boards, [one.features[name] for one in boards])
            yield Family(f"mm_symbol_{name}", _HELP[name], rows)
        for name, attribute, text in _COUNTS:
            rows = _rows(boards, list(map(attrgetter(attribute), boards)))
            yield Family(name, text, rows, "counter")
        yield Family("mm_symbol_score", "score of 0 to 1", _rows(boards, [one.score for one in boards]))
        profits = _rows(boards, [one.net_bps for one in boards])
        yield Family("mm_symbol_net_bps", "profit after fees, bps of turnover", profits)

    def _work(self) -> None:
        while (chunk := self._queue.get()) is not None:
            try:
                self._features.add(chunk)
                if self._queue.empty():
                    self.board = self._features.board()
            except Exception as error:
                self._error = error
                return
        self.board = self._features.board()


_COUNTS: Final = (
    ("mm_symbol_fills_total", "fills", "fills"),
    ("mm_symbol_fills_maker", "maker_fills", "fills as maker"),
    ("mm_symbol_fills_taker", "taker_fills", "fills as taker"),
    ("mm_symbol_total_ticks", "total_ticks", "wake-ups"),
)


def _rows(boards: Sequence[SymbolBoard], values: Sequence[float | None]) -> list[Row]:
    """``symbol`` is the venue's name; ``instrument``, ours, keeps two venues apart."""
    return [
        Row(value, {"symbol": one.symbol, "instrument": one.instrument})
        for one, value in zip(boards, values, strict=True)
    ]


def _in_order(chunk: Chunk) -> list[Tick | Filled | Gap]:
    """The rows of a chunk by time; `sorted` keeps the order of those of one time."""
    if not chunk.fills and not chunk.gaps:
        return list(chunk.ticks)
    rows: list[Tick | Filled | Gap] = [*chunk.gaps, *chunk.fills, *chunk.ticks]
    return sorted(rows, key=lambda row: row.to_ns if isinstance(row, Gap) else row.ts_ns)
