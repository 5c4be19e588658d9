"""A data set for calibration: what happened in each interval of each symbol, from the logs. Pure but reading.

    logs of fills and ticks -> intervals of a grid from ``from_ms`` on -> targets, features, filters -> JSON

The profit of an interval is that of its fills and of the position it began with, after fees, marked at the
last mid that a fill told by its end (`domain`: sum s n (M(v) - p) + q_u (M(v) - M(u)) - fees). Every run
begins without a position; of the one that the range begins in, the fills before it are read, too. Between two
runs there is no hole.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.calibrate.lines import FILLS, RUNS, TICKS, FillLine, RunLine, file_name, read
from mm_framework.errors import StoreError

__all__ = ["Cut", "Wanted", "build", "name_of"]

DAY_MS: Final = 86_400_000
_BLOCK: Final = 1 << 20

Cut = tuple[int, int]
"""A stretch without a connection, ms."""


class _Tick(msgspec.Struct, frozen=True, gc=False):
    """What a data set takes of a `TickLine`; the rest is not decoded."""

    ts: int
    symbol: str
    tick_total_ms: float | None
    cache_hit: bool
    cache_age_ms: float | None
    used_stale: bool
    deadline_miss: bool
    quotes: int = 0


@attrs.frozen
class Wanted:
    """What a data set is of. ``symbols``: all when empty; the filters as the command names them."""

    from_ms: int
    to_ms: int
    interval_sec: int = 300
    symbols: tuple[str, ...] = ()
    max_ws_gap_ms: int = 5000
    min_ticks: int = 10
    max_deadline_miss: float = 0.05

    @property
    def interval_ms(self) -> int:
        """The length of an interval."""
        return self.interval_sec * 1000


@attrs.define
class _Interval:
    """What one symbol did in one interval. ``ticks``: lines; ``wakes``: wake-ups that they stand for."""

    fills: int = 0
    taker_fills: int = 0
    turnover: float = 0.0
    profit: float = 0.0
    slips: list[float] = attrs.field(factory=list)
    ticks: int = 0
    quotes: int = 0
    totals: list[float] = attrs.field(factory=list)
    hits: int = 0
    ages: list[float] = attrs.field(factory=list)
    misses: int = 0
    stale: int = 0
    widest_ms: int = 0


@attrs.define
class _Account:
    """What a symbol's profit is made of, in one run: the position and its last mid."""

    position: float = 0.0
    mid: float | None = None


@attrs.frozen
class _Last:
    """The last tick of a symbol: when, in which run, in which interval."""

    ts_ms: int
    run: int
    number: int
    interval: _Interval


class _Sums:
    """The intervals, as the lines come: all fills, then all ticks. ``starts``: of the runs, ms, sorted."""

    def __init__(self, wanted: Wanted, starts: Sequence[int]) -> None:
        self._wanted, self._starts = wanted, starts
        self.found: dict[tuple[str, int], _Interval] = {}
        self._accounts: dict[tuple[str, int], _Account] = {}
        self._last: dict[str, _Last] = {}

    def add(self, line: FillLine | _Tick) -> None:
        """A line of any time and symbol."""
        wanted = self._wanted
        if line.ts >= wanted.to_ms or (wanted.symbols and line.symbol not in wanted.symbols):
            return
        run = bisect_right(self._starts, line.ts)
        number = (line.ts - wanted.from_ms) // wanted.interval_ms
        if isinstance(line, FillLine):
            profit = _profit(line, self._accounts.setdefault((line.symbol, run), _Account()))
            if number >= 0:
                _add_fill(self._interval(line.symbol, number), line, profit)
        elif number >= 0:
            interval = self._interval(line.symbol, number)
            _add_tick(interval, line)
            self._hole(line.symbol, _Last(line.ts, run, number, interval))

    def _interval(self, symbol: str, number: int) -> _Interval:
        found = self.found.get((symbol, number))
        if found is None:
            found = self.found[symbol, number] = _Interval()
        return found

    def _hole(self, symbol: str, now: _Last) -> None:
        """What lies between two ticks; of two intervals, each has of it what lies there.

        Nobody says where runs begin in logs without them: what spans an interval is no hole there.
        """
        last, self._last[symbol] = self._last.get(symbol), now
        if last is None or last.run != now.run or not (self._starts or now.number - last.number < 2):
            return
        first, step = self._wanted.from_ms, self._wanted.interval_ms
        before_ms = min(now.ts_ms, first + (last.number + 1) * step) - last.ts_ms
        here_ms = now.ts_ms - max(last.ts_ms, first + now.number * step)
        last.interval.widest_ms = max(last.interval.widest_ms, before_ms)
        now.interval.widest_ms = max(now.interval.widest_ms, here_ms)


def name_of(wanted: Wanted) -> str:
    """``calib_20261120_000000_20261121_000000.json``."""
    first, last = (
        f"{datetime.fromtimestamp(ms / 1000, UTC):%Y%m%d_%H%M%S}" for ms in (wanted.from_ms, wanted.to_ms)
    )
    return f"calib_{first}_{last}.json"


def build(feeds: Path, wanted: Wanted, cuts: Sequence[Cut] | None = None) -> dict[str, Any]:
    """The document of a data set. ``cuts``: the run's own; None: holes in the log of ticks count instead.

    Raises StoreError when there is no log of these days.
    """
    runs = _runs(feeds, wanted)
    starts = sorted(one.ts for one in runs)
    sums, sources, bad = _Sums(wanted, starts), [], Counter[str]()
    for path, kind in _files(feeds, wanted, starts):
        digest = hashlib.sha256()
        lines: Iterator[FillLine | _Tick | None] = read(_hashed(path, digest), kind)
        for line in lines:
            if line is None:
                bad[path.name] += 1
            else:
                sums.add(line)
        sources.append({"file": path.name, "sha256": digest.hexdigest()})
    if not sources:
        raise StoreError(
            f"{feeds} has no {FILLS}_YYYYMMDD.jsonl or {TICKS}_YYYYMMDD.jsonl of these days: run with"
            " --calibration-logs",
            path=feeds,
        )
    return _document(wanted, sums.found, cuts, sources, bad, runs)


def _files(feeds: Path, wanted: Wanted, starts: Sequence[int]) -> Iterator[tuple[Path, type[Any]]]:
    """The logs of the days of the range that are there: fills first, in order of time.

    Fills from the day on in which the run began that the range begins in.
    """
    begun = bisect_right(starts, wanted.from_ms)
    fills_from_ms = min(starts[begun - 1], wanted.from_ms) if begun else wanted.from_ms
    kinds: tuple[tuple[str, type[Any], int], ...] = (
        (FILLS, FillLine, fills_from_ms),
        (TICKS, _Tick, wanted.from_ms),
    )
    for name, kind, from_ms in kinds:
        for day_ms in range(from_ms - from_ms % DAY_MS, wanted.to_ms, DAY_MS):
            path = feeds / file_name(name, day_ms)
            if path.exists():
                yield path, kind


def _hashed(path: Path, digest: Any) -> Iterator[bytes]:
    """The lines of a file, which the digest sees, too; the last one as it is."""
    try:
        with path.open("rb") as file:
            rest = b""
            while block := file.read(_BLOCK):
                digest.update(block)
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
            yield rest
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}", path=path) from error


def _profit(fill: FillLine, account: _Account) -> float:
    """What a fill makes, and the position before it from the mid before to the mid now."""
    signed = fill.qty if fill.side == "BUY" else -fill.qty
    mid = fill.mid_now if fill.mid_now is not None else account.mid
    profit = -fill.fee
    if mid is not None:
        if account.mid is not None:
            profit += account.position * (mid - account.mid)
        profit += signed * (mid - fill.price)
        account.mid = mid
    account.position += signed
    return profit


def _add_fill(interval: _Interval, fill: FillLine, profit: float) -> None:
    interval.profit += profit
    interval.fills += 1
    interval.taker_fills += fill.taker
    interval.turnover += fill.price * fill.qty
    if fill.slip_bps is not None:
        interval.slips.append(fill.slip_bps)


def _add_tick(interval: _Interval, tick: _Tick) -> None:
    interval.ticks += 1
    interval.quotes += tick.quotes
    if tick.tick_total_ms is not None:
        interval.totals.append(tick.tick_total_ms)
    interval.hits += tick.cache_hit
    interval.misses += tick.deadline_miss
    interval.stale += tick.used_stale
    if tick.cache_age_ms is not None:
        interval.ages.append(tick.cache_age_ms)


def _document(
    wanted: Wanted,
    found: Mapping[tuple[str, int], _Interval],
    cuts: Sequence[Cut] | None,
    sources: Sequence[Mapping[str, Any]],
    bad: Mapping[str, int],
    runs: Sequence[RunLine],
) -> dict[str, Any]:
    symbols = sorted({symbol for symbol, _ in found} | set(wanted.symbols))
    grid = math.ceil((wanted.to_ms - wanted.from_ms) / wanted.interval_ms)
    reasons = Counter[str]()
    intervals = []
    for (symbol, number), one in sorted(found.items()):
        line = _line(wanted, symbol, number, one)
        reason = _reason(wanted, line, one, cuts)
        if reason is None:
            intervals.append(line)
        else:
            reasons[reason] += 1
    reasons["too_few_ticks"] += grid * len(symbols) - len(found)
    return {
        "from_ts": _iso(wanted.from_ms),
        "to_ts": _iso(wanted.to_ms),
        "interval_sec": wanted.interval_sec,
        "total_intervals": grid * len(symbols),
        "filtered_count": sum(reasons.values()),
        "filtered": {name: count for name, count in sorted(reasons.items()) if count},
        "symbols": symbols,
        "unreadable_lines": dict(sorted(bad.items())),
        "sources": list(sources),
        "runs": [{"run_id": one.run_id, "mode": one.mode, "digest": one.digest} for one in runs],
        "intervals": intervals,
    }


def _line(wanted: Wanted, symbol: str, number: int, one: _Interval) -> dict[str, Any]:
    begin = wanted.from_ms + number * wanted.interval_ms
    return {
        "symbol": symbol,
        "interval_start": _iso(begin),
        "interval_end": _iso(min(begin + wanted.interval_ms, wanted.to_ms)),
        "interval_sec": wanted.interval_sec,
        "targets": {
            "net_bps": 1e4 * one.profit / one.turnover if one.turnover else None,
            "slippage_bps": _mean(one.slips),
            "fill_rate": one.fills / one.quotes if one.quotes else None,
            "taker_share": one.taker_fills / one.fills if one.fills else None,
        },
        "features": {
            "latency_p95_ms": _nearest_rank(one.totals, 0.95),
            "cache_hit_ratio": _share(one.hits, one.ticks),
            "cache_age_avg_ms": _mean(one.ages),
            "deadline_miss_rate": _share(one.misses, one.ticks),
            "stale_rate": _share(one.stale, one.ticks),
        },
        "sample_count": {"fills": one.fills, "ticks": one.ticks},
    }


def _reason(
    wanted: Wanted, line: Mapping[str, Any], one: _Interval, cuts: Sequence[Cut] | None
) -> str | None:
    """Why an interval is left out, None when it stays."""
    if one.ticks < wanted.min_ticks:
        return "too_few_ticks"
    if one.misses > wanted.max_deadline_miss * one.ticks:
        return "deadline_misses"
    if _gap_ms(line, one, cuts) > wanted.max_ws_gap_ms:
        return "ws_gap"
    numbers = [*line["targets"].values(), *line["features"].values()]
    return None if all(number is None or math.isfinite(number) for number in numbers) else "not_finite"


def _gap_ms(line: Mapping[str, Any], one: _Interval, cuts: Sequence[Cut] | None) -> int:
    if cuts is None:
        return one.widest_ms
    begin, end = (
        round(datetime.fromisoformat(line[name]).timestamp() * 1000)
        for name in ("interval_start", "interval_end")
    )
    return max((min(end, last) - max(begin, first) for first, last in cuts), default=0)


def _runs(feeds: Path, wanted: Wanted) -> list[RunLine]:
    """The runs that logged before the end of the range: later ones told nothing of it."""
    path = feeds / RUNS
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [one for one in read(lines, RunLine) if one is not None and one.ts < wanted.to_ms]


def _mean(numbers: Iterable[float]) -> float | None:
    kept = list(numbers)
    return sum(kept) / len(kept) if kept else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _nearest_rank(numbers: Sequence[float], share: float) -> float | None:
    return sorted(numbers)[math.ceil(share * len(numbers)) - 1] if numbers else None


def _iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"
