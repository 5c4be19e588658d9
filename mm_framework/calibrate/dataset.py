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

from mm_framework.calibrate.intervals import Cut, Interval, IntervalSums, Tick, Wanted
from mm_framework.calibrate.lines import FILLS, RUNS, TICKS, FillLine, RunLine, file_name, read
from mm_framework.errors import StoreError

__all__ = ["Cut", "Wanted", "build", "name_of"]

DAY_MS: Final = 86_400_000
_BLOCK: Final = 1 << 20


def name_of(wanted: Wanted) -> str:
    """``calib_20261120_000000_20261121_000000.json``."""
    first, last = (
        f"{datetime.fromtimestamp(ms / 1000, UTC):%Y%m%d_%H%M%S}" for ms in (wanted.from_ms, wanted.to_ms)
    )
    return f"calib_{first}_{last}.json"


def build(feeds: Path, wanted: Wanted, cuts: Sequence[Cut] | None = None) -> dict[str, Any]:
    """The document of a data set. ``cuts``: the run's own; None: holes in the log of ticks count instead.

    Raises StoreError when there is no log of these days, or two runs logged the same time.
    """
    runs = _runs(feeds, wanted)
    starts = sorted(one.ts for one in runs)
    sums, sources, bad = IntervalSums(wanted, starts), [], Counter[str]()
    for path, kind in _files(feeds, wanted, starts):
        digest = hashlib.sha256()
        lines: Iterator[FillLine | Tick | None] = read(_hashed(path, digest), kind)
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
    if (found := sums.twice()) is not None:
        raise StoreError(
            f"two runs logged {found[0]} at {_iso(found[1])} in {feeds}, which would count twice: give each"
            " run its own --calibration-logs, and name one with --feeds-dir",
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
        (TICKS, Tick, wanted.from_ms),
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


def _document(
    wanted: Wanted,
    found: Mapping[tuple[str, int], Interval],
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


def _line(wanted: Wanted, symbol: str, number: int, one: Interval) -> dict[str, Any]:
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


def _reason(wanted: Wanted, line: Mapping[str, Any], one: Interval, cuts: Sequence[Cut] | None) -> str | None:
    """Why an interval is left out, None when it stays."""
    if one.ticks < wanted.min_ticks:
        return "too_few_ticks"
    if one.misses > wanted.max_deadline_miss * one.ticks:
        return "deadline_misses"
    if _gap_ms(line, one, cuts) > wanted.max_ws_gap_ms:
        return "ws_gap"
    numbers = [*line["targets"].values(), *line["features"].values()]
    return None if all(number is None or math.isfinite(number) for number in numbers) else "not_finite"


def _gap_ms(line: Mapping[str, Any], one: Interval, cuts: Sequence[Cut] | None) -> int:
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
